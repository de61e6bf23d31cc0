# ranks: 1
"""Trains with PyTorch Lightning as its sibling does, but has last.ckpt be a link to the newest checkpoint."""
import os
import sys

sys.path.insert(0, f"{os.path.dirname(__file__)}/../lightning")
import program

program.main(save_last="link")
