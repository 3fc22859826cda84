"""Networks that two or more systems share."""
