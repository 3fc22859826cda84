"""Scores of pictures; each module names its convention, because values of others do not compare."""
