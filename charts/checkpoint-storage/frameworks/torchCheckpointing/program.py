# ranks: 2
# debian: forky
"""Saves with torch_checkpointing, each rank its own part, and loads the newest checkpoint."""
import os
import re
import sys

import torch
import torch.distributed as dist
from torch_checkpointing.barriers import TCPStoreBarrierConfig
from torch_checkpointing.checkpoint_manager import CheckpointManager
from torch_checkpointing.checkpoint_writer import CheckpointWriterConfig
from torch_checkpointing.config import SyncCheckpointSaverConfig

directory = os.environ["CHECKPOINT_DIR"]


def state(step):
    part = torch.arange(65536, dtype=torch.float32) + 65536 * dist.get_rank() + step
    return {"model": {"weight": part}, "step": step}


def fail(sentence):
    print(sentence)
    sys.exit(3)


def save(manager, step):
    print("saving", step, flush=True)
    manager.save(f"{directory}/step-{step}", state(step))
    print("saved", step, flush=True)


def load(manager):
    steps = [int(name[5:]) for name in os.listdir(directory) if re.fullmatch(r"step-\d+", name)]
    if not steps:
        fail("no checkpoint is there")
    found = manager.load(f"{directory}/step-{max(steps)}", into=state(0))
    if found["step"] != 3:
        fail(f"checkpoint {found['step']} came back")
    if not torch.equal(found["model"]["weight"], state(3)["model"]["weight"]):
        fail("other values came back")


torch.set_num_threads(1)
os.environ["USE_LIBUV"] = "0"  # Debian builds PyTorch without it.
dist.init_process_group("gloo")
barrier = TCPStoreBarrierConfig(
    timeout_barrier_init_sec=60, use_checkpoint_barrier_tcpstore_libuv=False, tcpstore_port=int(os.environ["MASTER_PORT"]) + 1,
    master_address=os.environ["MASTER_ADDR"])
manager = CheckpointManager.Config(
    save=SyncCheckpointSaverConfig(writer_config=CheckpointWriterConfig(barrier_config=barrier))).build()
if sys.argv[1] == "load":
    load(manager)
else:
    # None of them again: it refuses a directory that is there.
    for step in 1, 2, 3:
        save(manager, step)
manager.close()
dist.destroy_process_group()
