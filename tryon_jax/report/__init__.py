"""The page of an evaluation: one file that opens anywhere, with its numbers and pictures inside."""
