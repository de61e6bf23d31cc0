# ranks: 1
"""Saves with safetensors one file a checkpoint, and loads the newest."""
import os
import re
import sys

import torch
from safetensors.torch import load_file, save_file

directory = os.environ["CHECKPOINT_DIR"]


def state(step):
    return {"weight": torch.arange(65536, dtype=torch.float32) + step, "step": torch.tensor([step])}


def fail(sentence):
    print(sentence)
    sys.exit(3)


def save(step, name):
    print("saving", name, flush=True)
    save_file(state(step), f"{directory}/model-{step}.safetensors")
    print("saved", name, flush=True)


def load():
    steps = [int(name[6:-12]) for name in os.listdir(directory) if re.fullmatch(r"model-\d+\.safetensors", name)]
    if not steps:
        fail("no checkpoint is there")
    found, want = load_file(f"{directory}/model-{max(steps)}.safetensors"), state(3)
    if not torch.equal(found["step"], want["step"]):
        fail(f"checkpoint {found['step'].item()} came back")
    if found.keys() != want.keys() or not torch.equal(found["weight"], want["weight"]):
        fail("other values came back")


torch.set_num_threads(1)
if sys.argv[1] == "load":
    load()
else:
    for step in 1, 2, 3:
        save(step, step)
    save(3, "3 again")
