"""CP-VTON (Wang et al. 2018) as the authors' PyTorch code trains it: the GMM, then the TOM.

What stands behind the colon are words joined by `-`, at most one of each line:

  paper | plus          the authors' code, or CP-VTON+ (Minar et al. 2020)
  adversarial           a discriminator judges the try-on (VITON-GAN, Honda 2019)
  gmm | tom             one stage alone, as a run of its own
  demo | smoke          paper dolls on a CPU within minutes, or seconds

`--config=configs/cpvton.py` runs both stages in one folder, runs/cpvton/gmm and runs/cpvton/tom.
"""

from ml_collections import ConfigDict, config_dict

from configs import base

VARIANTS = ("paper", "plus", "adversarial", "gmm", "tom", "demo", "smoke")  # and their sums
GROUPS = (("paper", "plus"), ("adversarial",), ("gmm", "tom"), ("demo", "smoke"))
TOM_DEMO = 300  # steps of the demo's second stage, each of which costs ten of the first


def get_config(arg: str = "paper") -> ConfigDict:
    """The run's fields; `arg` is words of GROUPS joined by `-`."""
    words = _words(arg)
    config = base.get_config()
    config.steps = 200_000  # of each stage
    config.batch_size = 4
    config.data = base.viton_data()
    config.optim.lr = 1e-4
    config.optim.policy = "constant"  # as run; `linear` with hold 0.5 is what the paper intends
    config.ema.decay = 0.0  # the authors keep no average

    config.model.gmm = _gmm()
    config.model.tom = _tom()
    config.weights.gmm = {"warp": 1.0}
    config.weights.tom = {"l1": 1.0, "perceptual": 1.0, "mask": 1.0}
    if "plus" in words:
        _plus(config)
    if "adversarial" in words:
        config.batch_size = 16
        config.data.flip = True
        config.weights.tom["adv"] = 1 / 16
        config.weights.disc = {"adv": 1.0}
    if "demo" in words:
        _demo(config)
    if "smoke" in words:
        _smoke(config)
    return _staged(config, words).lock()


def _gmm() -> ConfigDict:
    gmm = ConfigDict()
    gmm.channels = 64
    gmm.halvings = 4  # feature maps of 16 x 12 at 256 x 192; one more for 512 x 384
    gmm.height = (
        0  # rows of the pictures that the networks see; 0: image_size. Warps have full size
    )
    gmm.lattice = (5, 5)  # control points along x and y
    gmm.extent = 1.0  # half-width of the lattice; 0.9 in VITON-HD
    gmm.matches = "cloth"  # | mask (CP-VTON+): what is matched with the person
    gmm.mask_padding = "zeros"  # | border (VITON-HD): what lies outside the flat mask
    gmm.align_corners = True  # PyTorch up to 1.2; False warps as the code does on later ones
    return gmm


def _tom() -> ConfigDict:
    tom = ConfigDict()
    tom.channels = 64
    tom.halvings = 6
    tom.upsampling = "bilinear"  # | nearest (the paper)
    tom.output_norm = True  # instance norm behind the last layer; False lets the mask saturate
    tom.sees_mask = False  # the warped mask as an input (CP-VTON+)
    tom.mask_target = "warped"  # | worn (CP-VTON+) | ones (the paper)
    tom.features = "vgg16"  # | vgg19 (the paper; needs frozen.vgg=FILE): the perceptual loss's
    tom.disc_channels = 64
    tom.disc_layers = 3
    return tom


def _plus(config: ConfigDict) -> None:
    config.data.representation = "plus"
    config.model.gmm.matches = "mask"
    config.weights.gmm["grid"] = 40.0  # the code's; the paper writes 0.5 (eq. 2)
    config.model.tom.sees_mask = True
    config.model.tom.mask_target = "worn"


def _demo(config: ConfigDict) -> None:
    base.shorten(config)
    config.steps = 5500
    config.image_size = 128
    config.data.dolls = 1000
    config.report.pictures = 500
    config.ema.decay = 0.0
    config.optim.lr = 1e-3
    config.optim.policy = "linear"
    config.optim.hold = 0.1
    config.model.gmm.channels = 24
    config.model.gmm.height = 64  # enough to find the place; the warp itself has 128 rows
    config.model.gmm.halvings = 2
    config.weights.gmm["mask"] = 1.0  # so few steps: the outline tells more than the colours
    config.model.tom.channels = 16
    config.model.tom.halvings = 5


def _smoke(config: ConfigDict) -> None:
    base.shrink(config)
    config.image_size = 64
    config.batch_size = 2
    config.model.gmm.channels = 4
    config.model.gmm.halvings = 2
    config.model.tom.channels = 4
    config.model.tom.halvings = 4
    config.model.tom.disc_channels = 4
    config.model.tom.disc_layers = 2


def _staged(config: ConfigDict, words: list[str]) -> ConfigDict:
    """Both stages, or the fields of one of them."""
    if "gmm" in words:
        config.system = "cpvton_gmm"
    elif "tom" in words:
        config.system = "cpvton_tom"
        config.steps = TOM_DEMO if "demo" in words else config.steps
        config.frozen = {"gmm": "", "vgg": ""}
    else:
        config.order = ("gmm", "tom")
        for name in config.order:
            config.stages[name] = {"system": f"cpvton_{name}"}
            config.stages[name].steps = config_dict.placeholder(int)  # unset: config.steps
        if "demo" in words:
            config.stages.tom.steps = TOM_DEMO
        config.stages.tom.frozen = {"gmm": "stage:gmm", "vgg": ""}
    return config


def _words(arg: str) -> list[str]:
    words = arg.split("-")
    known = [word for group in GROUPS for word in group]
    too_many = [group for group in GROUPS if sum(words.count(word) for word in group) > 1]
    if not set(words) <= set(known) or too_many:
        groups = "; ".join(" or ".join(group) for group in GROUPS)
        raise ValueError(
            f"the config takes words joined by '-', at most one of each of: {groups}; got {arg!r}"
        )
    return words
