"""Defines where an endpoint lives and how it is reached: on this machine, or through ssh."""
