# ranks: 1
"""Saves with Orbax as its sibling does, but writes files for every array."""
import os
import sys

sys.path.insert(0, f"{os.path.dirname(__file__)}/../orbax")
import program

program.main(use_ocdbt=False)
