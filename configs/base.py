"""Every field that a run has, with its unit, range and default.

A system's config starts from here, changes what its paper changes, and adds the fields of its own
networks (`model`) and losses (`weights`). Nothing derived is stored: the loop derives, so that an
override never leaves a stale value behind.
"""

from __future__ import annotations

from ml_collections import ConfigDict, config_dict


def get_config() -> ConfigDict:
    """The fields that all systems share."""
    config = ConfigDict()
    config.system = config_dict.placeholder(str)  # module in tryon_jax/systems
    config.seed = 0  # initial weights, data order, augmentation, noise: same seed, same numbers
    config.steps = 1_000_000  # optimiser steps of the whole run
    config.batch_size = 1  # pictures per step and domain, over all devices and processes together
    config.image_size = 256  # side of the square training picture, pixels
    # compute: float32 | bfloat16; parameters, losses, statistics stay float32
    config.precision = "float32"
    # recompute generator activations in the backward pass: less memory, more time
    config.remat = False
    # parts a batch is cut into; gradients are averaged before the optimiser moves
    config.accumulate = 1

    config.data = ConfigDict()
    config.data.pipeline = "unpaired"  # module in data_pipelines
    # auto (folder if root is set, else dolls) | folder | dolls | tfds:NAME
    config.data.source = "auto"
    config.data.root = ""  # folder that holds the four folders below; for tfds: its data_dir
    config.data.train_a = "trainA"  # folder (or TFDS split) of the source domain
    config.data.train_b = "trainB"  # folder (or TFDS split) of the target domain
    # may be missing: then the first training pictures are shown as test items
    config.data.test_a = "testA"
    config.data.test_b = "testB"
    config.data.paired = False  # True: item i of A with item i of B; False: independent draws
    # | crop | scale_width | scale_width_and_crop | resized_crop | none
    config.data.preprocess = "resize_and_crop"
    config.data.crop_probability = 0.2  # resized_crop: share of pictures that are cropped at random
    config.data.enlarge = 30  # resize to image_size + enlarge pixels before the random crop
    config.data.flip = True  # mirror left-right with probability 1/2
    config.data.interpolation = "bilinear"  # | bicubic; PIL's antialiased filters, as the originals
    config.data.dolls = 400  # built-in paper dolls per training domain
    # none | soft (a mask's grey is how sure it is of the foreground) | hard (cut at one half):
    # masks of the training pictures from the folders trainA_mask and trainB_mask beside them
    config.data.masks = "none"
    # what may change is narrowed by the masks in trainA_fix, trainB_fix (no mouth, no glasses' rim)
    config.data.fix_folders = False
    config.data.blur = False  # add pictures whose edges are blurred, another draw of the same ones
    # rgb | hsv | hsl: one of both pictures takes the other's colours, by these channels; none
    config.data.match = "none"
    config.data.match_probability = 0.5  # that it is B that takes A's; else A takes B's
    config.data.match_ratio = 1.0  # how far it goes, [0, 1]
    config.data.match_blend = "image"  # what the ratio mixes: pictures | cdf: cumulative histograms
    config.data.doll_view = "figure"  # | portrait: head and shoulders on white

    config.optim = ConfigDict()
    config.optim.lr = 1e-4  # Adam's step size before the schedule
    config.optim.b1 = 0.5
    config.optim.b2 = 0.999
    config.optim.eps = 1e-8  # outside the root
    config.optim.weight_decay = 0.0  # L2 added to the gradient before the moments (not AdamW)
    # linear | constant | drops | linear_epoch | step | cosine: tryon_jax/optim.py
    config.optim.policy = "linear"
    config.optim.drops = ()  # shares of the run after each of which `drops` divides the rate by 10
    config.optim.hold = 0.5  # share of the run at full rate before the linear decay, [0, 1]
    config.optim.epochs = 200  # epochs of the whole run, for the policies that count in epochs

    config.ema = ConfigDict()
    config.ema.decay = 0.999  # per step, of the sampled networks; 0 keeps no average
    config.ema.start = 0.0  # share of the run during which the average is a plain copy, [0, 1]

    config.report = ConfigDict()
    config.report.scalars = 100  # steps between two rows of numbers (means since the last row)
    config.report.pictures = 1000  # steps between two picture grids; also shown at 0, 10 and 100
    config.report.count = 5  # training items and test items in a grid
    # steps between two scores of held-out items, by current and by averaged weights; 0: none
    config.report.metrics = 0
    config.report.metric_items = 64  # held-out items of each kind that are scored, the first ones
    # distances of sets, with commas, such as fid,kid; none; "": fd_vgg16,kd_vgg16, with inception
    # fid,kid and U-GAT-IT's: tryon_jax/metrics/judges.py
    config.report.metric_names = ""
    config.report.inception = ""  # the file of FID's Inception, see docs/evaluation.md

    config.checkpoint = ConfigDict()
    config.checkpoint.steps = 5000  # steps between two saves
    config.checkpoint.minutes = 10.0  # or minutes, whichever comes first
    config.checkpoint.latest = 2  # newest checkpoints kept
    # checkpoints at multiples of this many steps are kept for good
    config.checkpoint.every = 100_000
    # KIND_SCORE, such as ab_kd_vgg16 or other_try_on_lpips: the best checkpoint by it is kept, too
    config.checkpoint.best = ""

    # networks that nobody trains: frozen.<network> is a file, the folder of a run that trained it,
    # stage:NAME (an earlier stage of this run), or "" where a package brings the weights
    config.frozen = ConfigDict()
    # a run in stages, one after the other, each in its own folder; empty: one run
    config.order = ()
    config.stages = ConfigDict()  # stages.<name>: the fields in which a stage differs

    config.model = ConfigDict()  # fields of one system's networks: in its own config file
    config.weights = ConfigDict()  # weights.<player>.<term>: in its own config file
    return config


def viton_data() -> ConfigDict:
    """The fields `config.data` of try-on systems: people, garments, pairs of both."""
    data = ConfigDict()
    data.pipeline = "viton"  # module in data_pipelines; pictures are image_size high, 3/4 as wide
    data.source = "auto"  # auto (folder if root is set, else dolls) | folder | dolls
    data.root = ""  # folder in VITON's layout: the lists and folders below
    data.train_folder = "train"
    data.test_folder = "test"
    data.train_pairs = "train_pairs.txt"  # lines `person cloth`
    data.test_pairs = "test_pairs.txt"  # persons in other garments
    data.test_same = "test_pairs_same.txt"  # in their own; may be missing
    data.representation = "cpvton"  # | plus: other body shape and kept regions (CP-VTON+)
    # gmm (warped on the fly) | folder: warp-cloth and warp-mask, made by --mode=warp
    data.warps = "gmm"
    data.flip = False  # mirror everything left-right with probability 1/2 (VITON-GAN)
    data.cache = "none"  # | memory: keep decoded items, about 0.5 MB each at 256 x 192
    data.dolls = 400  # built-in paper dolls to train on
    return data


def triplet_data() -> ConfigDict:
    """The fields `config.data` of CAGAN: a person, the garment worn, another garment."""
    data = ConfigDict()
    data.pipeline = "triplets"  # module in data_pipelines; image_size is the height, 3/4 the width
    data.source = "auto"  # auto (folder if root is set, else dolls) | folder | dolls
    data.root = ""  # folder in one of the layouts of data_pipelines/triplet_layouts.py
    data.layout = "auto"  # by what root holds | viton | mpv | mpv_flat | keras | triplets
    # names within root; "": the layout's own, which data_pipelines/triplet_layouts.py lists
    data.train_folder = ""
    data.test_folder = ""
    data.train_pairs = ""  # viton: lines `person cloth`; mpv: the list of both splits
    data.test_pairs = ""  # viton: persons in other garments
    data.test_same = ""  # viton: in their own
    # training persons are resized to so many pixels more, then cropped at random:
    # 10, 5 in the seed's later code, at 128 x 96; 40, 30 in its first one and in v2; 20, 15 in the
    # Keras version; 0, 0 in VITON's baseline
    data.enlarge_height = 10
    data.enlarge_width = 5
    # mirror left-right with probability 1/2: tied (person and garment worn together) |
    # free (each by itself, what v2 does on PyTorch of today) | none (VITON's baseline)
    data.flip_pair = "tied"
    data.flip_other = True  # the other garment by itself; v2 and VITON's baseline never do
    data.interpolation = "bilinear"  # | bicubic (the seed's code); PIL's antialiased filters
    data.cache = "none"  # | memory: keep resized pictures, about 80 kB an item at 128 x 96
    data.dolls = 400  # built-in paper dolls to train on
    return data


def keypoint_data() -> ConfigDict:
    """The fields `config.data` of landmark networks: boxes of persons or garments in pictures."""
    data = ConfigDict()
    data.pipeline = "keypoints"  # module in data_pipelines; image_size is the crop's height
    data.source = "auto"  # auto (folder if root is set, else dolls) | folder | dolls
    data.root = ""  # folder in one of the layouts of data_pipelines/keypoint_files.py
    data.layout = "auto"  # by what root holds | coco | deepfashion2 (its raw files)
    data.points = "human"  # COCO-17 | garment: DeepFashion2's landmarks
    # DeepFashion2's numbers of the categories whose landmarks are learnt, in this order; (): all 13
    data.categories = ()
    data.train_images = "train2017"  # coco: folders and files below root
    data.test_images = "val2017"
    data.train_annotations = "annotations/person_keypoints_train2017.json"
    data.test_annotations = "annotations/person_keypoints_val2017.json"
    data.width = 0  # of the crop, pixels; 0: 3/4 of image_size
    data.enlarged = 1.25  # a box's sides grow by this factor, then to the crop's aspect
    # augmentation: deviation of the angle, degrees, cut off at twice that; share of turned items
    data.rotation = 45.0
    data.rotated = 0.6
    data.scale = 0.35  # deviation of the factor by which the crop is larger, cut off there
    data.flip = True  # mirror left-right with probability 1/2
    data.half_body = 0.3  # probability that one half of a person with over 8 seen joints is cropped
    # rare categories come more often: by the root of how much rarer they are than the commonest
    data.balanced = False
    data.dolls = 400  # built-in paper dolls to train on
    return data


def landmark_data() -> ConfigDict:
    """The fields `config.data` of DesignGAN: persons in a garment of one of two categories."""
    data = ConfigDict()
    data.pipeline = "landmarks"  # module in data_pipelines; pictures are image_size high
    data.aspect = 0.5  # width over height of the pictures
    data.source = "auto"  # auto (folder if root is set, else dolls) | folder | dolls
    data.root = ""  # folder in the layout of data_pipelines/landmark_layout.py
    # DeepFashion2's numbers: 1 short and 2 long sleeve top, 7 shorts, 8 trousers, 9 skirt, ...
    data.category_a = 8
    data.category_b = 7
    # parts of the body that are bare in the target and covered in the source, of knee, calf,
    # elbow, forearm: there the result should show skin
    data.expose_ab = ("calf", "knee")
    data.expose_ba = ()
    data.instances = 1  # masks of an item; 1: one mask of all instances together
    data.enlarge = 30  # resize to image_size + enlarge rows (columns alike) before the random crop
    data.flip = True  # mirror left-right with probability 1/2, each domain by itself
    data.interpolation = "bicubic"  # | bilinear; PIL's antialiased filters, of pictures
    data.held_out = "test"  # | val: the split that is shown and scored
    data.cache = "none"  # | memory: keep resized items, 4 bytes a pixel
    data.dolls = 400  # built-in paper dolls per training domain
    return data


def check_argument(arg: str, variants: tuple[str, ...]) -> None:
    """Refuses what stands behind the colon of `--config=FILE.py:arg` unless it is a variant.

    Raises:
      ValueError: with the variants there are.
    """
    if arg not in variants:
        raise ValueError(f"the config has the variants {', '.join(variants)}; got {arg!r}")


def shorten(config: ConfigDict) -> None:
    """What every demo variant shares: minutes on a CPU, and enough steps to see it learn."""
    config.steps = 2000
    config.image_size = 64
    if "enlarge" in config.data:
        config.data.enlarge = 6
    config.ema.decay = 0.99
    config.report.scalars = 25
    config.report.pictures = 250
    config.checkpoint.steps = 500
    config.checkpoint.minutes = 2.0


def shrink(config: ConfigDict) -> None:
    """What every smoke variant shares: seconds on a CPU, a few steps, a picture and a save."""
    config.steps = 4
    config.image_size = 32
    if "enlarge" in config.data:
        config.data.enlarge = 4
    config.data.dolls = 6
    config.ema.decay = 0.5
    config.report.scalars = 1
    config.report.pictures = 2
    config.report.count = 2
    config.checkpoint.steps = 2
