# ranks: 1
"""Trains with the Trainer of Hugging Face, which saves every step and keeps two checkpoints; resumes from the newest."""
import os
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

directory = os.environ["CHECKPOINT_DIR"]
loading = sys.argv[1] == "load"


def fill(model, step):
    for number, parameter in enumerate(model.parameters()):
        parameter.data = torch.arange(parameter.numel(), dtype=torch.float32).view(parameter.shape) + number + step


def fail(sentence):
    print(sentence)
    sys.exit(3)


class Progress(TrainerCallback):
    """Gives the weights of every step known values; the learning rate of 0 keeps them."""

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        if loading:
            want = GPT2LMHeadModel(model.config)
            fill(want, 3)
            if state.global_step != 3:
                fail(f"checkpoint {state.global_step} came back")
            if any(not torch.equal(a, b) for a, b in zip(model.parameters(), want.parameters(), strict=True)):
                fail("other values came back")
            sys.exit()

    def on_step_begin(self, args, state, control, model=None, **kwargs):
        fill(model, state.global_step + 1)

    def on_step_end(self, args, state, control, **kwargs):
        print("saving", state.global_step, flush=True)

    def on_save(self, args, state, control, **kwargs):
        print("saved", state.global_step, flush=True)


def train(resume):
    args = TrainingArguments(
        directory, max_steps=3, save_steps=1, save_total_limit=2, learning_rate=0.0, per_device_train_batch_size=1,
        use_cpu=True, report_to=[], disable_tqdm=True)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=8, n_embd=64, n_layer=1, n_head=1))
    data = [{"input_ids": [1, 2, 3, 4], "labels": [1, 2, 3, 4]}] * 8
    Trainer(model, args, train_dataset=data, callbacks=[Progress]).train(resume_from_checkpoint=resume)


torch.set_num_threads(1)
if loading:
    if not get_last_checkpoint(directory):
        fail("no checkpoint is there")
    train(True)
else:
    train(None)
    # A job that was ended before it could say that it had saved its last step saves it again.
    train(f"{directory}/checkpoint-2")
