# ranks: 2
"""Trains with DeepSpeed, ZeRO stage 2 on CPUs, and saves every step; resumes from the one that the file latest names."""
import os
import sys

import torch

os.environ |= {"DS_ACCELERATOR": "cpu", "USE_LIBUV": "0"}  # Debian builds PyTorch without libuv.
import deepspeed

directory = os.environ["CHECKPOINT_DIR"]


def fail(sentence):
    print(sentence)
    sys.exit(3)


class Model(torch.nn.Module):
    """Has the same gradient everywhere, so that every step takes 1 from each weight."""

    def __init__(self, done=0):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(65536, dtype=torch.float32) - done)

    def forward(self):
        return self.weight.sum()


def save(engine, step, name):
    print("saving", name, flush=True)
    engine.save_checkpoint(directory, tag=f"global_step{step}")
    print("saved", name, flush=True)


def main(**config):
    torch.set_num_threads(1)
    deepspeed.init_distributed("gloo")
    config |= {"train_micro_batch_size_per_gpu": 1, "gradient_clipping": 0.0, "zero_optimization": {"stage": 2}, "zero_allow_untested_optimizer": True}
    model = Model()
    engine, *_ = deepspeed.initialize(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=1.0), config=config)
    if sys.argv[1] == "load":
        path, _ = engine.load_checkpoint(directory)
        if path is None:
            fail("no checkpoint is there")
        if engine.global_steps != 3:
            fail(f"checkpoint {engine.global_steps} came back")
        if not torch.equal(engine.module.weight.data, Model(3).weight.data):
            fail("other values came back")
        return
    for step in 1, 2, 3:
        engine.backward(engine())
        engine.step()
        save(engine, step, step)
    save(engine, 3, "3 again")


if __name__ == "__main__":
    main()
    torch.distributed.barrier()
    # Threads of gloo now and then keep a process that has done its work from ending.
    os._exit(0)
