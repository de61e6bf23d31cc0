# ranks: 2
# debian: forky
"""Saves with torchtitan as its sibling does, but asynchronously."""
import os
import sys

sys.path.insert(0, f"{os.path.dirname(__file__)}/../torchtitan")
import program

if __name__ == "__main__":
    program.main("async")
