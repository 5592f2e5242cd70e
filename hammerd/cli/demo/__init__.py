"""The rooms of `hammerd demo`: the tutorial's two file systems in the simulator, a real daemon.

`story` tells it from beginning to end; `world` is where the shell lines run, `supervisor` the
daemon as a child, `streams` what a process scan shows, `deaths` what is killed and how long the
recovery takes, `trees` the proof that master and slave hold the same files, `screen` the words.
Nothing else of hammerd imports these, and they are the only ones to import the simulator.
"""
