"""U-GAT-IT (Kim et al. 2020) as the authors' PyTorch code trains it.

`--config=configs/ugatit.py` is the paper's full model: about 0.7 billion parameters, made for a
card of 24 GB or more. `:light` averages before the style layers (a tenth of the weights), `:demo`
learns paper dolls on a CPU within minutes, `:smoke` shrinks everything to seconds.
"""

from ml_collections import ConfigDict

from configs import base

VARIANTS = ("full", "light", "demo", "smoke")


def get_config(arg: str = "full") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS."""
    base.check_argument(arg, VARIANTS)
    config = base.get_config()
    config.system = "ugatit"
    config.steps = 1_000_000
    config.optim.lr = 1e-4
    config.optim.weight_decay = 1e-4  # section 3.3 and the authors' --weight_decay

    if arg == "full":
        config.ema.decay = 0.0  # the authors keep no average, and here it would be 2.2 GB

    config.model.channels = 64  # ch; widths in the appendix are multiples of it
    config.model.blocks = 4  # n_res: residual blocks before and after the attention
    config.model.light = arg != "full"  # average before the style layers; full flattens
    config.model.global_layers = 7  # discriminators that see 286 pixels; pictures of 96 px or more
    config.model.local_layers = 5  # discriminators that see 70 pixels
    config.model.init_type = "pytorch"  # | normal: N(0, 0.02) of the paper

    add_options(config)
    config.weights.disc = {"adv": 1.0, "adv_cam": 1.0}  # eq. 2 and 5
    config.weights.gen = {
        "adv": 1.0,
        "adv_cam": 1.0,
        "cycle": 10.0,
        "identity": 10.0,
        "cam": 1000.0,
    }

    if arg == "demo":
        base.shorten(config)
        config.model.channels = 16
        config.model.blocks = 2
        config.model.global_layers = 5
        config.model.local_layers = 4
        config.optim.lr = 5e-4
        config.weights.gen["cam"] = 100.0  # so few steps: let cycle and identity be heard
    if arg == "smoke":
        base.shrink(config)
        config.model.channels = 4
        config.model.blocks = 1
        config.model.global_layers = 4
        config.model.local_layers = 3
    return config.lock()


def add_options(config: ConfigDict) -> None:
    """The options of enhanced-UGATIT, all off; docs/enhanced.md has the seed's flag for each."""
    model = config.model
    # | enhanced: biases, affine instance norms, AdaLIN's rho up to 0.9, discriminators that rest
    # while generators learn, and get 3 x 3 layers where they have fewer than 5
    model.variant = "official"
    model.pool = 1  # light: style from averages over pool x pool cells
    model.squeeze = False  # squeeze and excitation in every residual block of the generators
    model.attention_masks = 0  # drafts that a generator paints and blends by masks; 0 or from 2 on
    # | whole: the input is the first draft | colour_major: as the seed's code, which mixes colours
    model.attention_input = "none"
    model.upsampling = "nearest"  # doubling, then convolution | transposed: one convolution
    model.spectral = True  # spectral norm in the discriminators
    model.disc_attention = True  # their features are weighed by their classifier
    model.forward_adv = 1.0  # factor of the adversarial terms that teach A -> B
    model.backward_adv = 1.0  # of those that teach B -> A
    model.adv_by = "translation"  # | judge: as the seed's code, forward weighs the judges of A
    # options that need data.masks:
    model.mask_logits = False  # the discriminators' logits count in the foreground alone
    model.detach_background = False  # backgrounds of fakes are judged, and not improved by it
    model.cam_input_mask = False  # the discriminators' classifier sees pictures without background
    model.cam_feature_mask = False  # it sees features without background
