# ranks: 2
# debian: forky
"""Trains a model that fully_shard distributes (FSDP2), and saves it and its optimizer by Distributed Checkpoint."""
import os
import re
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

directory = os.environ["CHECKPOINT_DIR"]


class Model(torch.nn.Module):
    """Has the same gradient everywhere, so that every step takes 1 from each weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(65536, dtype=torch.float32).view(256, 256))

    def forward(self, x):
        return (self.weight * x).sum()


def fail(sentence):
    print(sentence)
    sys.exit(3)


def save(model, optimizer, step, name):
    print("saving", name, flush=True)
    weights, moments = get_state_dict(model, optimizer)
    dcp.save({"model": weights, "optimizer": moments, "step": step}, checkpoint_id=f"{directory}/step-{step}")
    print("saved", name, flush=True)


def load(model, optimizer):
    steps = [int(name[5:]) for name in os.listdir(directory) if re.fullmatch(r"step-\d+", name) and os.path.exists(f"{directory}/{name}/.metadata")]
    if not steps:
        fail("no checkpoint has a .metadata")
    weights, moments = get_state_dict(model, optimizer)
    state = {"model": weights, "optimizer": moments, "step": 0}
    dcp.load(state, checkpoint_id=f"{directory}/step-{max(steps)}")
    set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=moments)
    if state["step"] != 3:
        fail(f"checkpoint {state['step']} came back")
    if not torch.equal(model.weight.full_tensor(), Model().weight - 3):
        fail("other values came back")


torch.set_num_threads(1)
os.environ["USE_LIBUV"] = "0"  # Debian builds PyTorch without it.
dist.init_process_group("gloo")
model = fully_shard(Model(), mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
if sys.argv[1] == "load":
    load(model, optimizer)
else:
    for step in 1, 2, 3:
        model(torch.ones(1)).backward()
        optimizer.step()
        optimizer.zero_grad()
        save(model, optimizer, step, step)
    save(model, optimizer, 3, "3 again")
dist.destroy_process_group()
