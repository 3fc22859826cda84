"""DesignGAN (ICASSP 2021): garments change their category, led by landmarks.

  paper         the paper's five losses, attention by products, joints' heatmaps in the
                discriminators; what its five pages leave open is decided in docs/parity.md
  recommended   attention added, a loss for what lies around the garment, smoother skin, averages,
                style and skin rising slowly
  instagan      InstaGAN (ICLR 2019) on the same items, up to four garments a picture
  demo          trousers to shorts on paper dolls, minutes on a CPU; smoke: seconds

Trousers and shorts are the default task. Pictures are `image_size` high and `data.aspect` times as
wide, both multiples of 8.
"""

from ml_collections import ConfigDict

from configs import base

VARIANTS = ("paper", "recommended", "instagan", "demo", "smoke", "instagan_smoke")
EPOCHS = 400  # half of them at full rate
ITEMS = 388  # trousers and jeans among the masks of Clothing Co-Parsing that train


def get_config(arg: str = "paper") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS."""
    base.check_argument(arg, VARIANTS)
    config = base.get_config()
    config.system = "designgan"
    config.steps = EPOCHS * ITEMS
    config.image_size = 256  # height, pixels
    config.data = base.landmark_data()
    config.optim.lr = 2e-4
    config.optim.policy = "linear_epoch"
    config.optim.hold = 0.5
    config.optim.epochs = EPOCHS
    config.ema.decay = 0.0
    _networks(config.model)
    # cycle and identity over picture and mask together; there are also context and smooth
    config.weights.gen = {
        "adv": 1.0,
        "cycle": 10.0,
        "identity": 10.0,
        "style": 10.0,
        "skin": 5.0,
    }
    config.weights.disc = {"adv": 1.0}
    if arg in ("recommended", "demo", "smoke"):
        _recommended(config)
    if arg in ("instagan", "instagan_smoke"):
        _instagan(config)
    if arg == "demo":
        _demo(config)
    if arg == "smoke":
        _smoke(config)
    if arg == "instagan_smoke":
        _instagan_smoke(config)
    return config.lock()


def _networks(model: ConfigDict) -> None:
    model.generator = "designgan"
    model.channels = 64
    model.blocks = 4  # residual blocks of each feature extractor
    model.trunk_blocks = 5  # and behind them
    model.landmark_channels = 32  # of what is made of the joints' heatmaps
    model.upscaling = "transposed"  # | resize: nearest neighbours, then a convolution
    # | mask (the garment's mask) | gaussian (dots on landmarks) | learned | none
    model.attention = "landmark"
    model.applied = "product"  # | residual: f (1 + A) | concat: beside the features
    model.kappa = 0.5  # how much the dots on landmarks count in attention, [0, 1]
    model.mask_chance = 0.3  # how often a real garment is attended by its mask, as made ones are
    model.disc_channels = 64
    model.disc_scales = 1  # judges, each at half the size of the one before
    model.disc_spectral = False
    model.disc_attention = "heatmaps"  # | body: the body's attention | none
    model.init_type = "normal"  # N(0, 0.02)
    model.gan_mode = "lsgan"  # | vanilla | wgangp | hinge
    model.pool = 50  # past fakes shown to the discriminators, with their attention; 0: none
    model.style_size = 64  # side of the patches that are compared, pixels
    model.style_norm = "mse"  # | pixel_norm | channel_norm: readings of the printed formula
    model.style_weight = (
        "chessboard"  # | euclidean (distance to the rim) | inverse_gaussian | uniform
    )
    model.style_split = 1  # 2: each quarter of a garment by itself
    model.skin_lowpass = 1  # pixels of the 32 x 32 patch averaged before skin is compared
    model.ramp = 0.0  # share of the run over which the weights of style and skin rise from 0


def _recommended(config: ConfigDict) -> None:
    config.model.applied = "residual"
    config.model.disc_attention = "body"
    config.model.skin_lowpass = 4
    config.model.ramp = 5 / EPOCHS
    config.weights.gen["context"] = 10.0
    config.ema.decay = 0.999


def _instagan(config: ConfigDict) -> None:
    """As its authors train jeans to skirts: 400 epochs at full rate, 200 down to zero."""
    config.steps = 600 * ITEMS
    config.optim.hold = 2 / 3
    config.optim.epochs = 600
    config.data.instances = 4  # the largest ones of a picture
    config.model = ConfigDict()
    config.model.generator = "instagan"
    config.model.channels = 64
    config.model.blocks = 9
    config.model.disc_channels = 64
    config.model.per_turn = 2  # instances translated at a time
    config.model.init_type = "normal"  # N(0, 0.02), of the generators
    config.model.gan_mode = "lsgan"
    config.model.pool = 50
    config.weights = ConfigDict()
    config.weights.gen = {"adv": 1.0, "cycle": 10.0, "identity": 10.0, "context": 10.0}
    config.weights.disc_a = {"adv": 1.0}
    config.weights.disc_b = {"adv": 1.0}


def _instagan_smoke(config: ConfigDict) -> None:
    base.shrink(config)
    config.image_size = 64
    config.model.channels = 4
    config.model.blocks = 1
    config.model.disc_channels = 4
    config.model.pool = 2


def _demo(config: ConfigDict) -> None:
    base.shorten(config)
    config.steps = 1500
    config.batch_size = 2
    config.data.enlarge = 4
    config.optim.lr = 5e-4
    config.optim.policy = "linear"
    config.model.channels = 16
    config.model.blocks = 2
    config.model.trunk_blocks = 2
    config.model.landmark_channels = 16
    config.model.disc_channels = 16
    config.model.style_size = 32


def _smoke(config: ConfigDict) -> None:
    base.shrink(config)
    config.image_size = 64  # 64 x 32
    config.model.channels = 8
    config.model.blocks = 1
    config.model.trunk_blocks = 1
    config.model.landmark_channels = 8
    config.model.disc_channels = 8
    config.model.pool = 2
    config.model.style_size = 16
