"""The enhanced U-GAT-IT (zheng-yuwei) by the command line that its README recommends.

`--config=configs/ugatit_enhanced.py` keeps backgrounds: it needs a mask of the foreground beside
each training picture. `:plain` is the same without masks, `:demo` learns paper dolls, whose masks
are known, on a CPU, `:smoke` shrinks everything to seconds. Every option is a field of
configs/ugatit.py; docs/enhanced.md has the seed's flag for each.
"""

from ml_collections import ConfigDict

from configs import base, ugatit

VARIANTS = ("recommended", "plain", "demo", "smoke")


def get_config(arg: str = "recommended") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS."""
    base.check_argument(arg, VARIANTS)
    config = ugatit.get_config("light").unlock()
    config.image_size = 384  # --img_size
    config.ema.decay = 0.9999  # --ema_beta
    config.ema.start = 0.5  # --ema_start
    config.data.preprocess = "resized_crop"
    config.data.crop_probability = 0.2  # --aug_prob
    config.data.interpolation = "bicubic"
    config.data.blur = True  # --has_blur

    config.model.variant = "enhanced"
    config.model.pool = 32  # --light
    config.model.squeeze = True  # --use_se
    config.model.attention_masks = 2  # --attention_gan
    config.model.attention_input = "whole"  # --attention_input
    config.model.disc_attention = False  # --cam_D_attention

    # --cam_D_weight -1: no adv_cam; --has_blur: blur
    config.weights.disc = {"adv": 1.0, "blur": 1.0}
    del config.weights.gen["adv_cam"]
    if arg != "plain":
        config.data.masks = "soft"
        config.model.mask_logits = True  # --seg_D_mask
        config.model.detach_background = True  # --seg_G_detach
        config.weights.gen["background"] = 100.0  # --seg_fix_weight

    if arg == "demo":
        base.shorten(config)
        config.model.update(pool=4, channels=16, blocks=2, global_layers=5, local_layers=4)
        config.optim.lr = 5e-4
        config.weights.gen["cam"] = 100.0  # so few steps: let cycle and identity be heard
    if arg == "smoke":
        base.shrink(config)
        config.model.update(pool=2, channels=4, blocks=1, global_layers=4, local_layers=3)
    return config.lock()
