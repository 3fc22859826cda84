"""One file per paper: its networks, its losses, its pictures and `make(config)`."""
