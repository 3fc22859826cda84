"""Published PyTorch weights: names and layouts of the originals, in NumPy alone."""
