"""The random numbers of CP-VTON's golden files: weights and inputs by seed, not stored.

NumPy's legacy generator, whose numbers do not change between versions. Shapes are PyTorch's.
"""

import numpy as np

VGG19 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)  # 0: a pool


def weights(shapes, seed, gain=1.0, scale=None):
    """A state dict of float32 arrays, drawn in the order of its sorted keys.

    `scale` multiplies single tensors, before they are rounded to float32.
    """
    rng = np.random.RandomState(seed)
    drawn = {}
    for key, shape in sorted(shapes.items()):
        if key.endswith("num_batches_tracked"):
            continue
        if key.endswith("running_mean"):
            value = 0.1 * rng.randn(*shape)
        elif key.endswith("running_var"):
            value = 0.5 + rng.rand(*shape)
        elif len(shape) >= 2:
            value = rng.randn(*shape) * (gain / np.sqrt(np.prod(shape[1:])))
        elif key.endswith(".weight"):
            value = 1 + 0.1 * rng.randn(*shape)
        else:
            value = 0.05 * rng.randn(*shape)
        drawn[key] = np.float32(value * (scale or {}).get(key, 1))
    return drawn


def field(seed, n, c, h, w, block=8, fine=0.1):
    """Random blocks under fine grain in [-1, 1], NCHW."""
    rng = np.random.RandomState(seed)
    blocks = rng.uniform(-1, 1, (n, c, -(-h // block), -(-w // block)))
    coarse = blocks.repeat(block, 2).repeat(block, 3)[:, :, :h, :w]
    return np.float32(np.clip(coarse + fine * rng.uniform(-1, 1, (n, c, h, w)), -1, 1))


def smooth(seed, n, c, h, w, waves=4, fmax=3.0):
    """A few random waves in [-1, 1], NCHW."""
    rng = np.random.RandomState(seed)
    limits = ((0.2, 1), (-fmax, fmax), (-fmax, fmax), (0, 2 * np.pi))
    height, fx, fy, phase = (
        rng.uniform(low, high, (n, c, waves))[..., None, None] for low, high in limits
    )
    y, x = np.mgrid[:h, :w] / np.reshape([h, w], (2, 1, 1))
    values = height * np.cos(2 * np.pi * (fx * x + fy * y) + phase)
    return np.float32(values.sum(2) / height.sum(2))


def binary_field(seed, n, h, w, block=8):
    """Masks in {0, 1}, N1HW."""
    return np.float32(field(seed, n, 1, h, w, block, 0) > 0)


def vgg_shapes():
    """torchvision's VGG19 up to relu5_1."""
    shapes, index, inputs = {}, 0, 3
    for width in VGG19:
        if width:
            shapes |= convolution(f"features.{index}", inputs, width, 3)
            inputs = width
        index += 2 if width else 1
    return shapes


def gmm_shapes(in_a=22, in_b=3, n_theta=50, corr=192):
    """The GMM for pictures of 256 x 192."""
    shapes = {}
    for name, inputs in (("extractionA", in_a), ("extractionB", in_b)):
        widths = (inputs, 64, 128, 256, 512, 512, 512)
        for i in range(6):
            side = 4 if i < 4 else 3
            shapes |= convolution(f"{name}.model.{3 * i}", widths[i], widths[i + 1], side)
            if i < 5:
                shapes |= batch_norm(f"{name}.model.{3 * i + 2}", widths[i + 1])
    widths = (corr, 512, 256, 128, 64)
    for i in range(4):
        side = 4 if i < 2 else 3
        shapes |= convolution(f"regression.conv.{3 * i}", widths[i], widths[i + 1], side)
        shapes |= batch_norm(f"regression.conv.{3 * i + 1}", widths[i + 1])
    shapes["regression.linear.weight"] = (n_theta, 64 * 4 * 3)
    shapes["regression.linear.bias"] = (n_theta,)
    return shapes


def unet_shapes(in_ch=25, out_ch=4, ngf=64, levels=6):
    """TOM: a U-Net whose modules nest one inside the other."""
    widths = (in_ch, *(ngf * min(2**i, 8) for i in range(levels)))
    shapes, prefix = {}, "model.model"
    for i in range(levels):
        outer, inner = i == 0, i == levels - 1
        down, up = f"{prefix}.{0 if outer else 1}", f"{prefix}.{4 if outer or inner else 6}"
        shapes |= convolution(down, widths[i], widths[i + 1], 4)
        skipped = 1 if inner else 2
        shapes |= convolution(up, skipped * widths[i + 1], out_ch if outer else widths[i], 3)
        prefix += ".1.model" if outer else ".3.model"
    return shapes


def convolution(key, inputs, outputs, side):
    return {f"{key}.weight": (outputs, inputs, side, side), f"{key}.bias": (outputs,)}


def batch_norm(key, width):
    return {f"{key}.{name}": (width,) for name in ("weight", "bias", "running_mean", "running_var")}
