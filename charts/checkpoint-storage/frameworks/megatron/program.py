# ranks: 2
# debian: forky
"""Saves with Megatron Core's distributed checkpointing and writes the tracker file as Megatron-LM does; loads what it names."""
import os
import sys

import torch
import torch.distributed as dist
from megatron.core import dist_checkpointing
from megatron.core.dist_checkpointing import ShardedTensor

directory = os.environ["CHECKPOINT_DIR"]
tracker = f"{directory}/latest_checkpointed_iteration.txt"


def state(step):
    part = torch.arange(65536, dtype=torch.float32) + 65536 * dist.get_rank() + step
    return {"weight": ShardedTensor.from_rank_offsets("weight", part, (0, dist.get_rank(), dist.get_world_size())), "iteration": step}


def fail(sentence):
    print(sentence)
    sys.exit(3)


def save(step, name):
    print("saving", name, flush=True)
    path = f"{directory}/iter_{step:07d}"
    os.makedirs(path, exist_ok=True)
    dist_checkpointing.save(state(step), path)
    dist.barrier()
    if dist.get_rank() == 0:
        with open(tracker, "w") as file:
            file.write(str(step))
    dist.barrier()
    print("saved", name, flush=True)


def load():
    if not os.path.isfile(tracker):
        fail("no tracker file is there")
    with open(tracker) as file:
        step = int(file.read())
    found = dist_checkpointing.load(state(0), f"{directory}/iter_{step:07d}")
    if found["iteration"] != 3:
        fail(f"checkpoint {found['iteration']} came back")
    if not torch.equal(found["weight"], state(3)["weight"].data):
        fail("other values came back")


# The writer starts processes that import this file.
if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ["USE_LIBUV"] = "0"  # Debian builds PyTorch without it.
    # Megatron asks for a GPU to wait for copies from it and to say who failed; a CPU does for both.
    torch.cuda.synchronize, torch.cuda.current_device = (lambda: None), (lambda: "cpu")
    dist.init_process_group("gloo")
    if sys.argv[1] == "load":
        load()
    else:
        for step in 1, 2, 3:
            save(step, step)
        save(3, "3 again")
    dist.destroy_process_group()
