"""photo2cartoon (Minivision 2020) as its authors train it: U-GAT-IT made for portraits.

The face-ID loss needs the weights of MobileFaceNet, `--config.frozen.face=model_mobilefacenet.pth`,
or `--config.weights.gen.faceid=0`. `:full` has style layers that see every pixel, `:demo` draws the
portraits of paper dolls on a CPU, without that loss, `:smoke` shrinks everything to seconds.
"""

from ml_collections import ConfigDict

from configs import base

VARIANTS = ("light", "full", "demo", "smoke")


def get_config(arg: str = "light") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS."""
    base.check_argument(arg, VARIANTS)
    config = base.get_config()
    config.system = "photo2cartoon"
    config.steps = 1_000_000  # theirs; the published weights are of about 200 000
    config.optim.lr = 1e-4
    config.optim.weight_decay = 1e-4
    config.data.doll_view = "portrait"  # heads and shoulders on white, as the pictures it is for
    config.checkpoint.steps = 1000
    config.frozen.face = ""  # model_mobilefacenet.pth

    config.model.channels = 32  # ngf of the generators; their 1 x 1 attention is 4 times as wide
    config.model.blocks = 4  # residual blocks before and after the attention
    config.model.light = arg != "full"  # average before the style layers; full flattens
    config.model.levels = 4  # halvings of an hourglass: sides are multiples of 2^levels
    config.model.disc_channels = 32  # ndf
    config.model.global_layers = 7  # discriminators that see 286 pixels; pictures of 96 px or more
    config.model.local_layers = 5  # discriminators that see 70 pixels
    config.model.init_type = "pytorch"  # | normal: N(0, 0.02)

    config.weights.disc = {"adv": 1.0, "adv_cam": 1.0}
    config.weights.gen = {
        "adv": 1.0,
        "adv_cam": 1.0,
        "cycle": 50.0,  # U-GAT-IT has 10
        "identity": 10.0,
        "cam": 1000.0,
        "faceid": 1.0,  # 0: without, and without its network
    }
    if arg in ("demo", "smoke"):  # nothing to download
        del config.weights.gen["faceid"]

    if arg == "demo":
        base.shorten(config)
        config.model.channels = 8
        config.model.blocks = 2
        config.model.levels = 1
        config.model.disc_channels = 16
        config.model.global_layers = 5
        config.model.local_layers = 4
        config.optim.lr = 5e-4
        config.weights.gen["cam"] = 100.0  # so few steps: let cycle and identity be heard
    if arg == "smoke":
        base.shrink(config)
        config.model.channels = 4
        config.model.blocks = 1
        config.model.levels = 0  # no halving: a quarter of the layers to compile
        config.model.disc_channels = 4
        config.model.global_layers = 4
        config.model.local_layers = 3
    return config.lock()
