"""HRNet (Sun et al. 2019) finds the 17 joints of persons, as its authors train it on COCO."""

from ml_collections import ConfigDict

from configs import base

VARIANTS = ("w32", "w48", "small", "deconv", "resnet50", "demo", "smoke")
EPOCH = 149_813  # persons with a labelled joint in COCO's train2017
HRNET_W32 = {
    "kind": "hrnet",
    "width": 32,  # channels of the highest branch
    "modules": (1, 4, 3),  # with 2, 3 and 4 branches
    "blocks": 4,  # of a branch in a module
    "bottlenecks": 4,  # of the first stage
    "stem": 64,  # channels of the first convolutions
    "head": "conv",  # | deconv (heatmaps of the picture's size) | v2
}
SMALL = {"width": 18, "modules": (1, 3, 2), "blocks": 2}
RESNET50 = {
    "kind": "pose_resnet",
    "depth": 50,  # 18 | 34 | 50 | 101 | 152
    "deconvolutions": (256, 256, 256),
    "kernel_size": 4,
    "stem": 64,
}
# two branches, one module, few channels: minutes on two cores
TOY = {"width": 16, "modules": (1, 1), "blocks": 1, "bottlenecks": 1, "stem": 32}


def get_config(arg: str = "w32") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS."""
    base.check_argument(arg, VARIANTS)
    config = base.get_config()
    config.system = "landmarks"
    config.data = base.keypoint_data()
    config.batch_size = 32
    config.image_size = 256  # height; the width is 192
    config.steps = 210 * EPOCH // 32
    config.optim.lr = 1e-3
    config.optim.b1 = 0.9
    config.optim.policy = "drops"
    config.optim.drops = (170 / 210, 200 / 210)
    config.ema.decay = 0.0  # the authors keep no average
    config.model.human = ConfigDict(HRNET_W32)
    config.model.heatmap = heatmap()
    config.weights.net = {"heatmap": 1.0}
    if arg == "w48":
        config.model.human.width = 48
    if arg == "small":
        config.model.human.update(SMALL)
    if arg == "deconv":
        config.model.human.head = "deconv"
    if arg == "resnet50":
        config.model.human = ConfigDict(RESNET50)
    if arg == "demo":
        demo(config, config.model.human)
    if arg == "smoke":
        smoke(config, config.model.human)
    return config.lock()


def heatmap() -> ConfigDict:
    """How heatmaps are drawn, compared and read."""
    fields = ConfigDict()
    fields.sigma = 8.0  # of a landmark's bump, pixels of the picture: 2 on maps of a quarter
    fields.target = "unbiased"  # (DARK) | quantised (HRNet) | floored (HRNet for faces)
    fields.loss = "all"  # | hard: of each picture the `hard` worst landmarks alone
    fields.hard = 8
    fields.decoding = "dark"  # | quarter (HRNet) | argmax | soft
    fields.flip_test = True  # the mean with the mirrored picture's maps
    return fields


def demo(config: ConfigDict, net: ConfigDict) -> None:
    """Paper dolls on a CPU: a few minutes."""
    base.shorten(config)
    config.steps = 800
    config.image_size = 128
    config.batch_size = 8
    config.ema.decay = 0.0
    config.optim.drops = (0.7, 0.9)
    config.data.dolls = 400  # drawn once, kept, and changed anew at each sight
    config.data.rotation = 15.0
    config.data.scale = 0.2
    config.data.half_body = 0.0
    config.report.pictures = 200
    net.update(TOY)


def smoke(config: ConfigDict, net: ConfigDict) -> None:
    """Seconds."""
    base.shrink(config)
    config.image_size = 64
    config.batch_size = 2
    config.ema.decay = 0.0
    net.update(width=4, modules=(1,), blocks=1, bottlenecks=1, stem=4)
