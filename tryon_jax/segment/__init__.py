"""What finds the foreground of pictures; each module names its network and where the file is."""
