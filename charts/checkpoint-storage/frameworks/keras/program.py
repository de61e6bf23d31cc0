# ranks: 1
"""Trains with Keras on PyTorch, whose callbacks save the state of the job and the model every epoch; resumes from both."""
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy
import torch

directory = os.environ["CHECKPOINT_DIR"]


def values(step):
    return numpy.arange(65536, dtype="float32").reshape(256, 256) + step


class Fill(keras.callbacks.Callback):
    """Gives the weights of every epoch known values; it comes before the callbacks that save."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.layers[-1].kernel.assign(values(epoch + 1))
        print("saving", epoch + 1, flush=True)


class Saved(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("saved", epoch + 1, flush=True)


def fit(*callbacks):
    model = keras.Sequential([keras.Input((256,)), keras.layers.Dense(256, use_bias=False)])
    model.compile(optimizer=keras.optimizers.Adam(0.0), loss="mse")
    backup = keras.callbacks.BackupAndRestore(f"{directory}/backup", delete_checkpoint=False)
    first, *others = callbacks or [keras.callbacks.Callback()]
    history = model.fit(numpy.ones((1, 256)), numpy.ones((1, 256)), epochs=3, verbose=0, callbacks=[first, backup, *others])
    return model, history.epoch


def fail(sentence):
    print(sentence)
    sys.exit(3)


torch.set_num_threads(1)
if sys.argv[1] == "load":
    resumed, epochs = fit()
    if epochs:
        fail(f"the job began again at epoch {epochs[0]}")
    for model in resumed, keras.models.load_model(f"{directory}/model.keras"):
        if not numpy.array_equal(keras.ops.convert_to_numpy(model.layers[-1].kernel), values(3)):
            fail("other values came back")
else:
    model, _ = fit(Fill(), keras.callbacks.ModelCheckpoint(f"{directory}/model.keras"), Saved())
    print("saving 3 again", flush=True)
    model.save(f"{directory}/model.keras")
    print("saved 3 again", flush=True)
