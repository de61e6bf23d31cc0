#!/usr/bin/env python3
"""Trains a small model with DistributedDataParallel, and resumes wherever it was killed.

Copy the way it saves: every rank writes its own shard, and a checkpoint is published in two steps:
first all shards are on the disk under a temporary name, then one rename gives it its name. A
rank killed before the rename leaves the checkpoint before; one killed after it leaves the new one. It makes no
difference whether the ranks share a directory or have one each, as with one volume per rank.
"""
import hashlib, io, os, re, shutil, signal, sys, threading, time
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
setting = lambda name, default: int(os.environ.get(name, default))
steps, batch, width = setting("STEPS", 100), setting("BATCH", 32), setting("WIDTH", 1024)
keep_last, milestone_every = setting("KEEP_LAST", 2), setting("MILESTONE_EVERY", 0)
# Where to save, and how often; the store that survives a node comes first.
stores = [(Path(os.environ["CHECKPOINT_DIR"]), setting("SAVE_EVERY", 10))]
if "FAST_TIER_DIR" in os.environ:
    stores.append((Path(os.environ["FAST_TIER_DIR"]), setting("FAST_TIER_SAVE_EVERY", 1)))

say = lambda text: print(f"[rank {rank}] {text}", flush=True)
name_of = lambda step: f"step-{step:08d}"


# ---------------------------------------------------------------- saving
def durable(path):
    """Has the disk take what was written to a file, or the names that a directory holds."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def write(path, content):
    path.write_bytes(content)
    durable(path)


def move(old, new):
    """Renames, unless another rank that sees the same directory has just done so."""
    try:
        os.rename(old, new)
    except FileNotFoundError:
        if not new.exists():
            raise


def save(store, step, state):
    final, part = store / name_of(step), store / f"{name_of(step)}.part"
    content = io.BytesIO()
    torch.save({"step": step, "world": world, "tensors": dict(owned(state))}, content)
    part.mkdir(exist_ok=True)
    shard = part / f"rank-{rank}.pt"
    write(shard, content.getvalue())
    write(shard.with_suffix(".sha256"), f"{hashlib.sha256(content.getvalue()).hexdigest()}  {shard.name}\n".encode())
    durable(part)
    dist.barrier()  # Every shard is on the disk: from here on the checkpoint can be published, by whoever is left.
    move(part, final)
    pointer = store / f"latest.{rank}.part"
    write(pointer, f"{final.name}\n".encode())
    os.rename(pointer, store / "latest")
    durable(store)
    dist.barrier()  # No rank goes on before it is published, so no more than one interval can be lost.
    prune(store)


def set_aside(path, why):
    """Renames a checkpoint, so that no rank loads it, and returns its new name; None if another rank did."""
    aside = path.with_name(f"{path.name}.{why}.{rank}.{int(time.time())}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return None
    return aside


def prune(store):
    """Keeps the newest and the milestones. What is half removed must not look whole."""
    published = sorted(step for step, done in names(store).items() if done)
    for step in published[:-keep_last]:
        if not milestone_every or step % milestone_every:
            if aside := set_aside(store / name_of(step), "old"):
                shutil.rmtree(aside, ignore_errors=True)
    # Of what cannot be resumed as many stay, for whoever looks into it; a whole one was published a moment ago.
    for name in sorted(name for name in listed(store) if re.match(r"step-\d{8}\.(torn|incomplete)\.", name))[:-keep_last]:
        shutil.rmtree(store / name, ignore_errors=True)


# ---------------------------------------------------------------- resuming
class Torn(Exception):
    """A shard was read to its end, and is not what was written."""


def attempt(read):
    """Retries a read for a while: until storage has recovered, it fails with ESTALE, EIO or ETIMEDOUT."""
    until, pause = time.monotonic() + min(30, patience.seconds / 4), 0.25
    while True:
        try:
            return read()
        except (OSError, Torn):
            if time.monotonic() + pause > until:
                raise
        time.sleep(pause)
        pause *= 2


def listed(store):
    return attempt(lambda: os.listdir(store))


def names(store):
    """The steps that have a directory, and whether they are published."""
    found = {}
    for name in listed(store):
        if match := re.fullmatch(r"step-(\d{8})(\.part)?", name):
            found[int(match[1])] = found.get(int(match[1]), False) or not match[2]
    return found


def survey(store):
    """The steps that are published here, and those that were set aside; text where the directory cannot be read."""
    try:
        aside = {int(name[5:13]) for name in listed(store) if re.match(r"step-\d{8}\.(torn|incomplete|damaged)\.", name)}
        return {step for step, done in names(store).items() if done}, aside
    except OSError as error:
        return str(error)


def from_all(value):
    values = [None] * world
    dist.all_gather_object(values, value)
    return values


def described(findings):
    return "; ".join(f"rank {r}: {what}" for r, what in findings.items())


def refuse(why):
    """Ends every rank, which all come here together, and changes nothing. Whoever starts the workers starts them again."""
    global finished
    finished = True  # That the others end is no reason to start over.
    say(f"STOPPED: {why}")
    try:
        dist.barrier()  # All have heard it before the first is gone.
    except RuntimeError:
        pass
    os._exit(1)


def fresh(path):
    """A file's content on the storage: reopened, so that it does not come from this node's cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


def load(store, step, of):
    """A rank's shard. Raises Torn if it is not what was written, and OSError if that cannot be determined."""
    directory = store / name_of(step)
    if not directory.exists():
        directory = store / f"{name_of(step)}.part"
    content, checksum = fresh(directory / f"rank-{of}.pt"), fresh(directory / f"rank-{of}.sha256")
    if not re.match(rb"[0-9a-f]{64}\s", checksum):
        raise Torn(f"rank-{of}.sha256 holds no checksum")
    if hashlib.sha256(content).hexdigest().encode() != checksum[:64]:
        raise Torn(f"rank-{of}.pt, {len(content)} bytes, does not have its checksum")
    return torch.load(io.BytesIO(content), weights_only=True)


def look(store, step, aside):
    """What this rank's shard is (whole, torn, missing, unreadable), and the shard or why."""
    try:
        return "whole", attempt(lambda: load(store, step, rank))
    except Torn as error:
        return "torn", str(error)
    except FileNotFoundError as error:
        # With a volume for each rank, one may have been killed before it set aside what the others have.
        before = step in aside and not (store / name_of(step)).exists()
        return ("torn", "set aside before") if before else ("missing", f"{error.filename} is not there")
    except OSError as error:
        return "unreadable", str(error)


def whole_elsewhere(store, step, torn):
    """Of the shards that their own ranks find torn, those that this rank, where it sees them, finds whole."""
    whole = []
    for of in torn:
        try:
            load(store, step, of)
            whole.append(of)
        except (OSError, Torn):
            pass
    return whole


def newest(store):
    """The newest checkpoint that is whole, as all ranks see it: its step, this rank's shard, and the steps passed over.

    Only what is proven torn is set aside. Every rank decides by what all have found, and so they all decide the same.
    """
    seen = from_all(survey(store))
    if failed := {r: each for r, each in enumerate(seen) if isinstance(each, str)}:
        refuse(f"{store} cannot be listed, and nothing in it was changed: {described(failed)}")
    published, asides = (set().union(*each) for each in zip(*seen))
    passed = set(asides)
    for step in sorted(published, reverse=True):
        state, shard = look(store, step, seen[rank][1])
        findings = from_all((state, shard["world"] if state == "whole" else shard))
        found = {kind: {r: what for r, (other, what) in enumerate(findings) if other == kind} for kind in ("whole", "torn", "missing", "unreadable")}
        here = f"step {step} in {store}"
        if saved_by := set(found["whole"].values()) - {world}:
            before = saved_by.pop()
            refuse(f"{here} was saved by {before} workers, and this run has {world}; nothing was changed. Set workers: {before} to resume it, or have the {world} begin in another directory")
        if found["unreadable"]:
            refuse(f"{here} cannot be read, and nothing was changed: {described(found['unreadable'])}")
        if found["torn"]:
            others = set().union(*from_all([] if rank in found["torn"] else whole_elsewhere(store, step, found["torn"])))
            if others:
                refuse(f"{here} is torn where its own ranks read it, and whole where others do; nothing was changed. Look at the nodes of ranks {sorted(others)}, their memory and their mounts")
            set_aside(store / name_of(step), "torn")
            say(f"TORN: {here} was published and is torn, and was set aside: {described(found['torn'])}")
        elif not found["missing"]:
            # Once it is published, every shard was on the disk: a rank that was killed catches up.
            if (store / f"{name_of(step)}.part").exists():
                move(store / f"{name_of(step)}.part", store / name_of(step))
            return step, shard, passed
        elif store == stores[0][0]:
            refuse(f"{here} was published whole, and shards are missing; nothing was changed. See whether this is the right volume for every rank, bring back what is missing, or move {name_of(step)} away, to go on without it: {described(found['missing'])}")
        passed.add(step)
    return 0, None, passed


def resume(state):
    found = [newest(store) for store, _ in stores]
    step, shard, _ = max(found, key=lambda each: each[0])
    if step:
        for index, (name, tensor) in enumerate(state.items()):
            if index % world == rank:
                tensor.copy_(shard["tensors"][name])
            dist.broadcast(tensor, index % world)
    else:
        # A fast tier may be lost; one that is ahead of the first save says that there was more than is here now.
        lost = [s for (store, _), each in zip(stores, found) for s in each[2] if store == stores[0][0] or s >= stores[0][1]]
        if lost and not setting("START_FRESH", 0):
            refuse(f"no checkpoint in {stores[0][0]} can be resumed, and there were some: steps {sorted(set(lost))}. Bring one back, or set training.startFresh: true to begin at step 0")
    dist.barrier()
    for (store, _), each in zip(stores, found):
        for ahead in each[2]:
            if ahead > step:
                set_aside(store / name_of(ahead), "incomplete")  # Of a fast tier; its name will be needed again.
        for left in list(store.glob("step-*.part")) + list(store.glob("step-*.old.*")):
            shutil.rmtree(left, ignore_errors=True)  # Of a save, or of a removal, that was cut short.
    dist.barrier()
    return step


# ---------------------------------------------------------------- training
def state_of(model, optimizer):
    """Every tensor that training needs to go on as if nothing had been, by name."""
    state = {}
    for name, parameter in model.named_parameters():
        state[name] = parameter.data
        state.update({f"{name}.{key}": value for key, value in optimizer.state[parameter].items()})
    return state


def owned(state):
    """This rank's share of the tensors; they are the same on every rank."""
    return [item for index, item in enumerate(state.items()) if index % world == rank]


def join():
    """Meets the other ranks at rank 0, each meeting once: a rank that comes a second time ends it for all."""
    meet = lambda hosts: dist.TCPStore(os.environ["MASTER_ADDR"], setting("MASTER_PORT", 29500), world, hosts, patience, False)
    meeting = meet(rank == 0)
    if meeting.add(f"rank {rank}", 1) > 1:
        meeting.add("over", 1)
    threading.Thread(target=attend, args=[meet(False)], daemon=True).start()
    dist.init_process_group("gloo", store=meeting, rank=rank, world_size=world, timeout=patience)


def attend(meeting):
    """Starts over as soon as the meeting is over; by itself, a rank that waits for a dead one would wait for long."""
    try:
        while not meeting.add("over", 0):
            time.sleep(0.5)
        why = "a rank was replaced"
    except RuntimeError:
        why = "rank 0 is gone"
    if not finished:
        start_over(why)


def train():
    global training, finished
    join()
    torch.manual_seed(0)
    layers = [torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)]
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for parameter in model.parameters():
        zeros = {key: torch.zeros_like(parameter.data) for key in ("exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {"step": torch.tensor(0.0), **zeros}
    state = state_of(model, optimizer)
    done = resume(state)
    say(f"resumed from step {done}" if done else "starting from step 0")
    training = True
    # Gradients are summed in buckets. This keeps DDP from rebuilding them after its first step, so that a resumed
    # run adds up in the same order as one that was left alone, and ends with the same bits.
    parallel = DistributedDataParallel(model, find_unused_parameters=True)
    for step in range(done + 1, steps + 1):
        # What a rank learns from depends on the step alone: a resumed run sees the same data again.
        data = torch.Generator().manual_seed(step * world + rank)
        inputs = torch.randn(batch, 64, generator=data)
        loss = torch.nn.functional.mse_loss(parallel(inputs), inputs.square().sum(1, keepdim=True).sqrt())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(float(os.environ.get("STEP_SECONDS", 0)))  # A real step takes its time.
        os.environ["RESTARTS"] = "0"
        say(f"step {step} loss {loss.item():.4f}")
        # If one rank is terminated, all of them save.
        stop = torch.tensor([float(stopped)])
        dist.all_reduce(stop)
        for store, every in stores:
            if step % every == 0 or step == steps or (stop and store == stores[0][0]):
                begin = time.monotonic()
                save(store, step, state)
                say(f"saved step {step} to {store} in {time.monotonic() - begin:.2f} s")
        if stopped:
            say(f"terminated: saved at step {step}")
            os._exit(143)
    finished = True
    digest = hashlib.sha256(b"".join(parameter.data.numpy().tobytes() for parameter in model.parameters()))
    say(f"finished step {steps} parameters sha256 {digest.hexdigest()}")
    dist.barrier()


# ---------------------------------------------------------------- stopping
training = finished = stopped = False
patience = timedelta(seconds=setting("PEER_TIMEOUT", 120))
began, only_one = time.monotonic(), threading.Lock()


def heed_the_end():
    """Waits for SIGTERM in a separate thread: the main one may be in a collective, where Python hears no signal."""
    global stopped
    signal.sigwait({signal.SIGTERM})
    stopped = True
    if not training:
        os._exit(143)  # There is nothing to save.


def start_over(why):
    """A new process has no ties to the dead, and begins as a replaced rank does: from the newest checkpoint."""
    only_one.acquire()
    restarts = setting("RESTARTS", 0) + 1
    if stopped or restarts > setting("MAX_RESTARTS", 20):
        say(f"giving up: {why}")
        os._exit(143 if stopped else 1)
    say(f"lost a peer, starting over: {why}")
    time.sleep(1)
    os.environ["RESTARTS"] = str(restarts)
    os.execv(sys.executable, [sys.executable] + sys.argv)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=heed_the_end, daemon=True).start()
    torch.set_num_threads(setting("THREADS", 1))
    try:
        train()
    except (RuntimeError, TimeoutError) as error:  # What is raised when a peer is gone, or never came.
        alone = not training and time.monotonic() - began > patience.seconds
        if alone and names(stores[0][0]).get(steps):
            say(f"step {steps} is published, and the others have ended: nothing is left to do")
        elif not finished:
            start_over(str(error).splitlines()[0])
    while "STAY_WHEN_DONE" in os.environ and not stopped:
        time.sleep(1)  # For what would start over whatever has ended.
    os._exit(0)  # Here and elsewhere: Python would tear itself down under a thread that is in torch, and abort.
