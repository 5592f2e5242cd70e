"""The commands that carry out plans: provision, promote, switchover, reseed."""
