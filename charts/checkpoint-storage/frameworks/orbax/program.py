# ranks: 1
"""Saves with the CheckpointManager of Orbax, which keeps two checkpoints, and restores the newest."""
import os
import sys

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp


def state(step):
    return {"weight": jnp.arange(65536, dtype=jnp.float32) + step, "bias": jnp.full((100,), step), "step": step}


def fail(sentence):
    print(sentence)
    sys.exit(3)


def save(manager, step):
    print("saving", step, flush=True)
    manager.save(step, args=ocp.args.PyTreeSave(state(step)))
    manager.wait_until_finished()
    print("saved", step, flush=True)


def load(manager):
    step = manager.latest_step()
    if step is None:
        fail("no checkpoint is there")
    found = manager.restore(step, args=ocp.args.PyTreeRestore(state(0)))
    if found["step"] != 3:
        fail(f"checkpoint {found['step']} came back")
    if not all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), found, jax.tree.map(jnp.asarray, state(3))))):
        fail("other values came back")


def main(**handler):
    jax.config.update("jax_platforms", "cpu")
    with ocp.CheckpointManager(
            os.environ["CHECKPOINT_DIR"], options=ocp.CheckpointManagerOptions(max_to_keep=2),
            item_handlers=ocp.PyTreeCheckpointHandler(**handler)) as manager:
        if sys.argv[1] == "load":
            load(manager)
        else:
            # None of them again: it refuses a step that is there, by StepAlreadyExistsError.
            for step in 1, 2, 3:
                save(manager, step)


if __name__ == "__main__":
    main()
