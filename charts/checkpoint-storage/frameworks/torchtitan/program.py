# ranks: 2
# debian: forky
"""Saves with torchtitan's CheckpointManager, which keeps two checkpoints, and loads the newest."""
import os
import sys

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.stateful import Stateful
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torchtitan.components.checkpoint import CheckpointManager


def values(step):
    return torch.arange(65536, dtype=torch.float32).view(256, 256) + step


class Train(Stateful):
    """Counts the steps, as the state of torchtitan's trainer does."""

    step = 0

    def state_dict(self):
        return {"step": torch.tensor(self.step)}

    def load_state_dict(self, state):
        self.step = state["step"].item()


def fail(sentence):
    print(sentence)
    sys.exit(3)


def main(mode="disabled"):
    torch.set_num_threads(1)
    os.environ["USE_LIBUV"] = "0"  # Debian builds PyTorch without it.
    dist.init_process_group("gloo")
    model, train = torch.nn.Linear(256, 256, bias=False), Train()
    model.weight.data = values(0)
    fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    config = CheckpointManager.Config(enable=True, folder=".", interval=1, keep_latest_k=2, async_mode=mode)
    manager = CheckpointManager(
        config, dataloader=None, model_parts=[model], optimizers=Train(), lr_schedulers=Train(),
        states={"train_state": train}, sd_adapter=None, base_folder=os.environ["CHECKPOINT_DIR"])
    if sys.argv[1] == "load":
        if not manager.load():
            fail("no checkpoint is there")
        if train.step != 3:
            fail(f"checkpoint {train.step} came back")
        if not torch.equal(model.weight.full_tensor(), values(3)):
            fail("other values came back")
    else:
        for step in 1, 2, 3, 3:
            model.weight.data += step > train.step
            train.step = step
            print("saving", step, flush=True)
            manager.save(step)
            manager.maybe_wait_for_staging()
            manager.maybe_wait_for_saving()
            print("saved", step, flush=True)
    manager.close()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
