# ranks: 2
# debian: forky
"""Saves with the local checkpoint manager of the NVIDIA Resiliency Extension, which keeps one checkpoint, and loads it."""
import os
import sys

import torch
import torch.distributed as dist
from nvidia_resiliency_ext.checkpointing.local.basic_state_dict import BasicTensorAwareStateDict
from nvidia_resiliency_ext.checkpointing.local.ckpt_managers.local_manager import LocalCheckpointManager


class State(BasicTensorAwareStateDict):
    """Holds tensors of the CPU; the basic one insists on a GPU's."""

    def __init__(self, step):
        self.state_dict = {"weight": torch.arange(65536, dtype=torch.float32) + 65536 * dist.get_rank() + step, "step": step}
        self._is_hollow = False

    def restore_tensor_device(self, non_blocking=True):
        pass


def fail(sentence):
    print(sentence)
    sys.exit(3)


def load(manager):
    step = manager.find_latest()
    if step == -1:
        fail("no checkpoint is there")
    if step != 3:
        fail(f"checkpoint {step} came back")
    found, _ = manager.load()
    if found.state_dict["step"] != 3 or not torch.equal(found.state_dict["weight"], State(3).state_dict["weight"]):
        fail("other values came back")


torch.set_num_threads(1)
os.environ["USE_LIBUV"] = "0"  # Debian builds PyTorch without it.
dist.init_process_group("gloo")
manager = LocalCheckpointManager(os.environ["CHECKPOINT_DIR"])
if sys.argv[1] == "load":
    load(manager)
else:
    # None of them again: it refuses a step that is there.
    for step in 1, 2, 3:
        print("saving", step, flush=True)
        manager.save(State(step), step)
        print("saved", step, flush=True)
dist.destroy_process_group()
