"""CycleGAN (Zhu et al. 2017) as the authors' PyTorch code trains it on horse2zebra.

`:attention` is AttentionGAN (Tang et al. 2019) as its authors train it there; `:demo` learns paper
dolls on a CPU within minutes, `:smoke` shrinks everything to seconds.
"""

from ml_collections import ConfigDict

from configs import base

VARIANTS = ("paper", "attention", "demo", "smoke")


def get_config(arg: str = "paper") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS."""
    base.check_argument(arg, VARIANTS)
    config = base.get_config()
    config.system = "cyclegan"
    config.steps = 200 * 1334  # 200 epochs of horse2zebra, appendix 7.1
    config.data.interpolation = "bicubic"
    config.optim.lr = 2e-4
    config.optim.policy = "linear_epoch"  # constant for 100 epochs, then down to zero in 100
    config.optim.hold = 0.5
    config.optim.epochs = 200

    # | resnet_6blocks (128 px) | unet_256 | unet_128 | attention (masks choose what is translated)
    config.model.generator = "resnet_9blocks"
    config.model.discriminator = "n_layers"  # | pixel
    config.model.channels = 64  # ngf
    config.model.disc_channels = 64  # ndf
    config.model.disc_layers = 3  # receptive field 70 px
    config.model.norm = "instance"  # | batch | none
    config.model.dropout = False
    config.model.init_type = "normal"  # | xavier | kaiming | orthogonal | pytorch
    config.model.gan_mode = "lsgan"  # | vanilla | wgangp | hinge
    config.model.pool = 50  # past fakes shown to the discriminators; 0: none

    # lambda 10 for both cycles, lambda_identity 0.5 of it; drop both identities for lambda 0
    config.weights.gen = {
        "adv": 1.0,
        "cycle_a": 10.0,
        "cycle_b": 10.0,
        "identity_a": 5.0,
        "identity_b": 5.0,
    }
    config.weights.disc = {"adv": 1.0}  # add "penalty": 10.0 with wgangp for a gradient penalty

    if arg == "attention":
        config.model.generator = "attention"
        config.batch_size = 4
        config.steps = 60 * 334  # 60 epochs of horse2zebra
        config.optim.policy = "constant"
        config.optim.epochs = 60
    if arg == "demo":
        base.shorten(config)
        config.model.generator = "resnet_6blocks"
        config.model.channels = 16
        config.model.disc_channels = 16
    if arg == "smoke":
        base.shrink(config)
        config.model.generator = "resnet_6blocks"
        config.model.channels = 4
        config.model.disc_channels = 4
        config.model.disc_layers = 2
        config.model.pool = 2
    return config.lock()
