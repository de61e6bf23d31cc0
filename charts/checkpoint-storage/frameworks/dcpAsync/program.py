# ranks: 2
"""Saves with async_save of PyTorch Distributed Checkpoint: copies in memory first, and writes beside the training."""
import os
import sys

import torch.distributed as dist
import torch.distributed.checkpoint as dcp

sys.path.insert(0, f"{os.path.dirname(__file__)}/../dcp")
import program


def save(step, name):
    print("saving", name, flush=True)
    dcp.async_save(program.state(step), checkpoint_id=f"{program.directory}/step-{step}").result()
    print("saved", name, flush=True)


program.main(save)
