# ranks: 1
"""Trains with PyTorch Lightning, which saves every step, keeps the newest two and last.ckpt; resumes from the last."""
import os
import sys

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

directory = os.environ["CHECKPOINT_DIR"]


def values(step):
    return torch.arange(65536, dtype=torch.float32) + step


def fail(sentence):
    print(sentence)
    sys.exit(3)


class Model(LightningModule):
    """Has known weights after every step; the learning rate of 0 keeps them."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(values(0))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.0)

    def training_step(self, batch, index):
        self.weight.data = values(self.global_step + 1)
        return self.weight.sum()

    def on_train_start(self):
        if sys.argv[1] == "load":
            if self.global_step != 3:
                fail(f"checkpoint {self.global_step} came back")
            if not torch.equal(self.weight.data, values(3)):
                fail("other values came back")

    def on_train_batch_end(self, *args):
        print("saved", self.global_step, flush=True)


class Progress(Callback):
    def on_train_batch_end(self, trainer, *args):
        print("saving", trainer.global_step, flush=True)


def main(save_last=True):
    torch.set_num_threads(1)
    loading = sys.argv[1] == "load"
    saver = ModelCheckpoint(directory, monitor="step", mode="max", save_top_k=2, every_n_train_steps=1, save_last=save_last)
    trainer = Trainer(
        accelerator="cpu", max_steps=3, logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[] if loading else [Progress(), saver], enable_checkpointing=not loading)
    trainer.fit(Model(), torch.utils.data.DataLoader(range(8)), ckpt_path=f"{directory}/last.ckpt" if loading else None)
    if not loading:
        print("saving 3 again", flush=True)
        trainer.save_checkpoint(f"{directory}/last.ckpt")
        print("saved 3 again", flush=True)


if __name__ == "__main__":
    main()
