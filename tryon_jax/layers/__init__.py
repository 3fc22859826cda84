"""Building blocks without a paper of their own: convolutions, norms, spectral norm, attention."""
