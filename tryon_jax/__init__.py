"""Virtual try-on and garment / portrait translation GANs in JAX."""

__version__ = "0.1.0"
