# ranks: 2
"""Saves with PyTorch Distributed Checkpoint as a job of torchrun does, and loads the newest checkpoint."""
import os
import re
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard

directory = os.environ["CHECKPOINT_DIR"]


def state(step):
    """Is what the job would hold after so many steps: a tensor of which each rank has its part, and one that all have."""
    part = torch.arange(65536, dtype=torch.float32) + 65536 * dist.get_rank() + step
    return {"model": {"sharded": DTensor.from_local(part, mesh, [Shard(0)]), "replicated": torch.full((100,), float(step))}, "step": step}


def fail(sentence):
    print(sentence)
    sys.exit(3)


def save(step, name):
    print("saving", name, flush=True)
    dcp.save(state(step), checkpoint_id=f"{directory}/step-{step}")
    print("saved", name, flush=True)


def load():
    steps = [int(name[5:]) for name in os.listdir(directory) if re.fullmatch(r"step-\d+", name) and os.path.exists(f"{directory}/{name}/.metadata")]
    if not steps:
        fail("no checkpoint has a .metadata")
    found, want = state(0), state(3)
    dcp.load(found, checkpoint_id=f"{directory}/step-{max(steps)}")
    if found["step"] != 3:
        fail(f"checkpoint {found['step']} came back")
    same = torch.equal(found["model"]["sharded"].to_local(), want["model"]["sharded"].to_local())
    if not same or not torch.equal(found["model"]["replicated"], want["model"]["replicated"]):
        fail("other values came back")


def main(save=save):
    global mesh
    torch.set_num_threads(1)
    os.environ["USE_LIBUV"] = "0"  # Debian builds PyTorch without it.
    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    if sys.argv[1] == "load":
        load()
    else:
        for step in 1, 2, 3:
            save(step, step)
        save(3, "3 again")
    dist.barrier()
    # Threads of gloo now and then keep a process that has done its work from ending.
    os._exit(0)


if __name__ == "__main__":
    main()
