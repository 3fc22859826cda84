"""CAGAN (Jetchev and Bergmann 2017): the canonical configuration, and what others made of it.

  canonical        the paper's game at 128 x 96 with both key points of the re-implementation that
                   it follows: the new garment is injected, the reconstruction is judged too
  paper            the old garment injected as a part of each layer, no judge of the reconstruction
  keras            the Keras notebook (shaoanlu, 2017)
  seed_first       the re-implementation (zebincai, 2021) as first published
  seed             the same three days later; seed_residual: its other generator and discriminator
  v2               CAGAN v2 (maktu6, 2018): three scales, Res-SE blocks, mix-up, 256 x 192
  demo | smoke     paper dolls on a CPU within minutes, or seconds; v2-demo, keras-smoke, ... too

Pictures are `image_size` high and 3/4 as wide; both must be multiples of 16.
"""

from ml_collections import ConfigDict

from configs import base

GAN = {"adv": 1.0, "id": 0.1, "cycle": 1.0}
SEED = {
    "batch_size": 32,
    "model.shrinking": "corners",
    "model.alpha": "linear",
    "model.disc_injects": False,
    "model.disc_padding": 0,
    "model.disc_noise": "learned",
    "model.init_type": "orthogonal",
    "data.interpolation": "bicubic",
    "weights.gen": {"adv": 1.0, "rec_adv": 1.0, "cycle": 1.0},
}
# what each preset changes, one line a field
PRESETS = {
    "canonical": {},
    "paper": {"model.injected": "worn", "model.injection": "replace", "weights.gen": GAN},
    "keras": {
        "steps": 5000,
        "model.generator": "keras",
        "model.discriminator": "wide",
        "model.disc_norm": "batch",
        "model.injected": "worn",
        "data.enlarge_height": 20,
        "data.enlarge_width": 15,
        "weights.gen": GAN,
        "weights.disc": {"real": 2.0, "fake": 2.0, "mismatch": 2.0},
    },
    "seed_first": {
        **SEED,
        "batch_size": 2,
        "model.shrinking": "bilinear",
        "model.alpha": "leaky",
        "model.colours": "leaky",
        "model.output_norm": True,
        "model.disc_injects": True,
        "model.disc_lr": 2.0,
        "model.adv_sees": "back",
        "model.id_loss": "sum",
        "data.enlarge_height": 40,
        "data.enlarge_width": 30,
        "weights.gen": {"rec_adv": 1.0, **GAN},
    },
    "seed": SEED,
    "seed_residual": {
        **SEED,
        "model.generator": "early",
        "model.colours": "linear",
        "model.discriminator": "residual",
        "model.disc_noise": "none",
    },
    "v2": {
        "steps": 7500,  # 30 epochs of its 2000 pairs
        "image_size": 256,
        "batch_size": 8,
        "optim.policy": "linear",
        "optim.hold": 0.8,  # 6000 steps at full rate, then down to zero
        "model.generator": "dilated",
        "model.discriminator": "wide",
        "model.disc_noise": "gaussian",
        "model.init_type": "pytorch",
        "data.enlarge_height": 40,
        "data.enlarge_width": 30,
        "data.flip_other": False,
        "weights.gen": {**GAN, "identity": 1.0},
        "weights.disc": {"mixed": 1.0, "mismatch": 1.0},
    },
}
SIZES = ("demo", "smoke")
VARIANTS = (*PRESETS, *SIZES)  # and their sums


def get_config(arg: str = "canonical") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS, or a preset and a size: `v2-smoke`."""
    sums = (f"{preset}-{size}" for preset in PRESETS for size in SIZES)
    base.check_argument(arg, (*VARIANTS, *sums))
    words = arg.split("-")
    config = _canonical()
    for field, value in PRESETS.get(words[0], {}).items():
        _set(config, field, value)
    if "demo" in words:
        _demo(config)
    if "smoke" in words:
        _smoke(config)
    return config.lock()


def _canonical() -> ConfigDict:
    config = base.get_config()
    config.system = "cagan"
    config.steps = 200_000
    config.batch_size = 16
    config.image_size = 128  # height, pixels
    config.data = base.triplet_data()
    config.optim.lr = 2e-4
    config.optim.policy = "constant"
    config.ema.decay = 0.0  # nobody keeps an average

    model = config.model
    model.generator = "skip"  # | early | keras | dilated (three scales)
    model.discriminator = "patch"  # | wide (70 px patches) | residual
    model.channels = 64
    model.disc_channels = 64
    # key point 1: beside the person, every layer sees the garment to put on; worn: the old one
    model.injected = "other"
    model.injection = "append"  # six channels more in each layer | replace: six of its own
    model.shrinking = "average"  # of what is injected | bilinear | corners (aligned corners)
    model.alpha = "sigmoid"  # | linear | leaky: squashes the matte; only sigmoid keeps it in (0, 1)
    model.colours = "tanh"  # | linear | leaky: squashes what is painted
    model.output_norm = False  # instance norm behind the last layer (skip)
    model.upscaling = "transposed"  # | nearest | shuffle (dilated)
    model.disc_injects = True  # small copies in the discriminator's layers too (patch)
    model.disc_padding = 1  # of the last layer (patch): 8 x 6 patches at 128 x 96; 0: 6 x 4
    model.disc_norm = "instance"  # | batch (wide)
    model.disc_noise = "none"  # | learned | gaussian, on what the discriminator sees
    model.disc_lr = 1.0  # the discriminator's learning rate, times optim.lr
    model.gan_mode = "vanilla"  # | lsgan
    model.id_loss = "mean"  # of alpha | sum: over pixels, pictures and both passes
    model.adv_sees = "try_on"  # | back: judges the reconstruction beside the new garment, a slip
    model.mixup = 0.1  # both parameters of Beta, where weights.disc names `mixed`
    model.init_type = "normal"  # N(0, 0.02) | pytorch | orthogonal (gain 1)

    # key point 2: rec_adv, the reconstruction is judged beside the garment that it wears again;
    # there are also `identity` and `colour` (the scales' colours agree)
    config.weights.gen = {"rec_adv": 1.0, **GAN}
    config.weights.disc = {"real": 1.0, "fake": 1.0, "mismatch": 1.0}  # or mixed, mismatch
    return config


def _set(config: ConfigDict, field: str, value: object) -> None:
    *groups, name = field.split(".")
    for group in groups:
        config = config[group]
    if isinstance(value, dict):
        value = ConfigDict(value)
    config[name] = value


def _demo(config: ConfigDict) -> None:
    base.shorten(config)
    config.steps = 700
    config.image_size = 64 if config.model.discriminator == "patch" else 128
    config.batch_size = 4
    config.optim.lr = 4e-4
    config.optim.policy = "linear"
    config.optim.hold = 0.5
    config.ema.decay = 0.0
    if config.model.generator == "skip" and config.model.injection == "append":
        # looks at the garment at full size, too: half of 64 x 48 is too coarse for a print
        config.model.generator = "early"
    for name, weight in {"cycle": 5.0, "id": 0.5}.items():  # few steps: leave the rest alone sooner
        if name in config.weights.gen:
            config.weights.gen[name] = weight
    config.model.channels = 16
    config.model.disc_channels = 16


def _smoke(config: ConfigDict) -> None:
    base.shrink(config)
    config.image_size = 64 if config.model.discriminator == "patch" else 128
    config.batch_size = 2
    config.ema.decay = 0.0
    config.model.channels = 8
    config.model.disc_channels = 8
