#!/usr/bin/env python3
"""Trains a small model with DDP or FSDP2, and resumes wherever it was killed, with any number of ranks.

Copy the way it saves. PyTorch's Distributed Checkpoint writes beside the training (async_save) into a directory under a
temporary name; when every rank's files are on the disk, one rename publishes it. A rank killed before the rename leaves the
checkpoint before; one killed after it leaves the new one. On storage that all ranks share, any number of ranks resumes it.
On storage that each rank has for itself (one volume per rank, a fast tier on every node) every rank saves and loads its own
share, so their number stays.

Run it by torchrun, or by launch.py, which runs torchrun for a Job.
"""
import hashlib, os, re, shutil, signal, threading, time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, get_state_dict, set_state_dict
from torch.distributed.tensor import DTensor

setting = lambda name, default: int(os.environ.get(name, default))
rank, world = setting("RANK", 0), setting("WORLD_SIZE", 1)
steps, batch, width = setting("STEPS", 100), setting("BATCH", 240), setting("WIDTH", 1024)
keep_last, milestone_every = setting("KEEP_LAST", 2), setting("MILESTONE_EVERY", 0)
patience = timedelta(seconds=setting("PEER_TIMEOUT", 120))

say = lambda text: print(f"[rank {rank}] {text}", flush=True)
name_of = lambda step: f"step-{step:08d}"


class Store:
    """A directory for checkpoints; shared, if every rank sees the same one."""

    def __init__(self, path, every, shared):
        self.path, self.every, self.shared = Path(path), every, shared
        # Collectives of saves that are under way must not meet those of the training, or of another store.
        self.group = dist.new_group(backend="gloo", timeout=patience)
        self.writer, self.publisher, self.publishing = ThreadPoolExecutor(1), ThreadPoolExecutor(1), None

    def place(self, directory):
        """Where in a checkpoint's directory this rank's files are."""
        return directory if self.shared else directory / f"rank-{rank}"


# ---------------------------------------------------------------- saving
def durable(path):
    """Has the disk take the names that a directory holds."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def move(old, new):
    """Renames, unless another rank that sees the same directory has just done so."""
    try:
        os.rename(old, new)
    except FileNotFoundError:
        if not new.exists():
            raise


def digest(path):
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(store, step, state):
    """Copies the state to memory and has it written and published while the training goes on."""
    settle(store)
    part = store.path / f"{name_of(step)}.part"
    store.place(part).mkdir(parents=True, exist_ok=True)
    if store.shared:
        written = dcp.async_save(state, checkpoint_id=store.place(part), process_group=store.group)
    else:
        mine = each(state, lambda tensor: own(tensor).detach().to("cpu", copy=True))
        written = store.writer.submit(dcp.save, mine, checkpoint_id=store.place(part), no_dist=True)
    store.publishing = store.publisher.submit(publish, store, step, written, time.monotonic())


def settle(store):
    """Waits until what was being saved is published, and raises what has kept it from being."""
    if store.publishing:
        store.publishing.result()
    store.publishing = None


def publish(store, step, written, begin):
    written.result()  # This rank's files are on the disk.
    final, part = store.path / name_of(step), store.path / f"{name_of(step)}.part"
    place = store.place(part)
    mine = [path for path in place.iterdir() if not store.shared or path.name.startswith(f"__{rank}_") or (rank == 0 and path.name == ".metadata")]
    sums = [f"{digest(path)}  {path.relative_to(part)}\n" for path in mine]  # For sha256sum --check, too.
    write(part / f"rank-{rank}.sha256", f"# rank {rank} of {world}, {'shared' if store.shared else 'apart'}\n" + "".join(sums))
    for directory in {place, part}:
        durable(directory)
    dist.barrier(store.group)  # Everybody's are: from here on the checkpoint can be published, by whoever is left.
    move(part, final)
    write(store.path / f"latest.{rank}.part", f"{final.name}\n")
    os.rename(store.path / f"latest.{rank}.part", store.path / "latest")
    durable(store.path)
    dist.barrier(store.group)  # No rank removes an old one before the new one is published everywhere.
    prune(store)
    say(f"saved step {step} to {store.path} in {time.monotonic() - begin:.2f} s")


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
            if aside := set_aside(store.path / name_of(step), "old"):
                shutil.rmtree(aside, ignore_errors=True)
    # Of what cannot be resumed as many stay, for whoever looks into it; a whole one was published a moment ago.
    for name in sorted(name for name in listed(store) if re.match(r"step-\d{8}\.(torn|incomplete)\.", name))[:-keep_last]:
        shutil.rmtree(store.path / name, ignore_errors=True)


# ---------------------------------------------------------------- resuming
class Torn(Exception):
    """A file was read to its end, and is not what was written."""


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
    return attempt(lambda: os.listdir(store.path))


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
    dist.all_gather_object(values, value, group=stores[0].group)
    return values


def described(findings):
    return "; ".join(f"rank {r}: {what}" for r, what in findings.items())


def refuse(why):
    """Ends every rank, which all come here together, and changes nothing; torchrun does not start them again."""
    say(f"STOPPED: {why}")
    try:
        dist.barrier(stores[0].group)  # All have heard it before the first is gone.
    except RuntimeError:
        pass
    os.kill(os.getppid(), signal.SIGHUP)
    time.sleep(10)  # It ends this process too.
    os._exit(1)


def fresh(path):
    """Has the next read of a file come from the storage, and not from this node's cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def directory_of(store, step):
    final, part = store.path / name_of(step), store.path / f"{name_of(step)}.part"
    # Once it is published, every rank's files were on the disk: a rank that was killed catches up.
    return final if final.exists() or not part.exists() else part


def checksums(directory, of):
    """How many ranks saved a checkpoint, whether they shared the directory, and the files of one of them. Raises Torn."""
    path = directory / f"rank-{of}.sha256"
    fresh(path)
    first, *lines = path.read_text().split("\n")
    head, files = re.fullmatch(r"# rank \d+ of (\d+), (shared|apart)", first), [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in lines[:-1]]
    if not head or not files or not all(files) or lines[-1]:
        raise Torn(f"{path.name} is cut short")
    return int(head[1]), head[2] == "shared", {line[2]: line[1] for line in files}


def whole(directory, name, sha256):
    """Raises Torn if a file is not what was written, and OSError if that cannot be determined."""
    fresh(directory / name)
    if digest(directory / name) != sha256:
        raise Torn(f"{name}, {(directory / name).stat().st_size} bytes, does not have its checksum")


def look(store, step, aside):
    """What this rank's share of a checkpoint is (whole, torn, missing, unreadable), and how many ranks saved it or why."""
    directory = directory_of(store, step)
    try:
        of, shared, files = attempt(lambda: checksums(directory, 0 if store.shared else rank))
        if shared != store.shared:
            return "unreadable", f"it was saved {'to a directory that all ranks shared' if shared else 'by ranks that have a directory each'}"
        if shared:  # The ranks share the checking: one checks the files of the rank of its number, which it will read.
            lists = [attempt(lambda: checksums(directory, other))[2] for other in range(of)]
            files = {name: sha256 for some in lists[rank::world] for name, sha256 in some.items()}
        for name, sha256 in files.items():
            attempt(lambda: whole(directory, name, sha256))
        return "whole", of
    except Torn as error:
        return "torn", str(error)
    except FileNotFoundError as error:
        # With a volume for each rank, one may have been killed before it set aside what the others have.
        before = step in aside and not (store.path / name_of(step)).exists()
        return ("torn", "set aside before") if before else ("missing", f"{error.filename} is not there")
    except OSError as error:
        return "unreadable", str(error)


def whole_elsewhere(store, step, found):
    """Whether this rank, where it sees them, finds whole what others find torn."""
    directory = directory_of(store, step)
    try:
        of, _, _ = checksums(directory, 0 if store.shared else min(found))
        for other in range(of) if store.shared else found:
            for name, sha256 in checksums(directory, other)[2].items():
                whole(directory, name, sha256)
        return True
    except (OSError, Torn):
        return False


def newest(store):
    """The newest checkpoint that is whole, as all ranks see it: its step, how many ranks saved it, and the steps passed over.

    Only what is proven torn is set aside. Every rank decides by what all have found, and so they all decide the same.
    """
    seen = from_all(survey(store))
    if failed := {r: one for r, one in enumerate(seen) if isinstance(one, str)}:
        refuse(f"{store.path} cannot be listed, and nothing in it was changed: {described(failed)}")
    published, asides = (set().union(*one) for one in zip(*seen))
    passed = set(asides)
    for step in sorted(published, reverse=True):
        findings = from_all(look(store, step, seen[rank][1]))
        found = {kind: {r: what for r, (other, what) in enumerate(findings) if other == kind} for kind in ("whole", "torn", "missing", "unreadable")}
        here, by = f"step {step} in {store.path}", set(found["whole"].values())
        if not store.shared and by - {world}:
            before = (by - {world}).pop()
            refuse(f"{here} was saved by {before} ranks with a volume each, and this run has {world}; nothing was changed. Have {before} ranks resume it, or have the {world} begin in another directory")
        if found["unreadable"]:
            refuse(f"{here} cannot be read, and nothing was changed: {described(found['unreadable'])}")
        if found["torn"]:
            others = from_all(rank not in found["torn"] and whole_elsewhere(store, step, found["torn"]))
            if any(others):
                refuse(f"{here} is torn where ranks {sorted(found['torn'])} read it, and whole where others do; nothing was changed. Look at the nodes of ranks {sorted(found['torn'])}, their memory and their mounts")
            set_aside(store.path / name_of(step), "torn")
            say(f"TORN: {here} was published and is torn, and was set aside: {described(found['torn'])}")
        elif not found["missing"]:
            if (store.path / f"{name_of(step)}.part").exists():
                move(store.path / f"{name_of(step)}.part", store.path / name_of(step))
            return step, by.pop(), passed
        elif store is stores[0]:
            refuse(f"{here} was published whole, and files are missing; nothing was changed. See whether this is the right volume for every rank, bring back what is missing, or move {name_of(step)} away, to go on without it: {described(found['missing'])}")
        passed.add(step)
    return 0, world, passed


def resume(training):
    found = [newest(store) for store in stores]
    (step, before, _), store = max(zip(found, stores), key=lambda pair: pair[0][0])
    if step:
        training.load(store, step, before)
    else:
        # A fast tier may be lost; one that is ahead of the first save says that there was more than is here now.
        lost = [s for store, one in zip(stores, found) for s in one[2] if store is stores[0] or s >= stores[0].every]
        if lost and not setting("START_FRESH", 0):
            refuse(f"no checkpoint in {stores[0].path} can be resumed, and there were some: steps {sorted(set(lost))}. Bring one back, or set training.startFresh: true to begin at step 0")
    dist.barrier(stores[0].group)
    for store, one in zip(stores, found):
        for ahead in one[2]:
            if ahead > step:
                set_aside(store.path / name_of(ahead), "incomplete")  # Of a fast tier; its name will be needed again.
        for left in list(store.path.glob("step-*.part")) + list(store.path.glob("step-*.old.*")):
            shutil.rmtree(left, ignore_errors=True)  # Of a save, or of a removal, that was cut short.
    dist.barrier(stores[0].group)
    say(f"resumed from step {step}" if step else "starting from step 0")
    return step


# ---------------------------------------------------------------- training
own = lambda tensor: tensor.to_local() if isinstance(tensor, DTensor) else tensor


def each(state, do):
    """The same state with something done to every tensor."""
    if isinstance(state, dict):
        return {key: each(value, do) for key, value in state.items()}
    if isinstance(state, list):
        return [each(value, do) for value in state]
    return do(state) if isinstance(state, torch.Tensor) else state


class Samples:
    """The order of the samples. It goes on where it was, with any number of ranks: they share each step's batch."""

    size, taken = 1 << 20, 0

    def next(self):
        order = torch.Generator().manual_seed(self.taken // self.size)  # A new order for every epoch.
        first = torch.randint(self.size, [1], generator=order) + self.taken
        self.taken += batch
        return (first + torch.arange(rank, batch, world)) % self.size

    def read(self):
        """Inputs and what is to be learned from them; what a sample is depends on its number alone."""
        samples = self.next().unsqueeze(1)
        inputs = torch.sin(samples * torch.arange(1, 65) * 0.7853)
        return inputs, inputs.square().sum(1, keepdim=True).sqrt()


class Training:
    """All that has to be saved to go on as if nothing had been."""

    def __init__(self, device):
        torch.manual_seed(0)
        layers = [torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(float(os.environ.get("DROPOUT", 0.1))), torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)]
        self.model, self.device, self.samples = torch.nn.Sequential(*layers).to(device), device, Samples()
        if os.environ.get("PARALLEL", "ddp") == "fsdp":
            from torch.distributed.device_mesh import init_device_mesh
            from torch.distributed.fsdp import fully_shard

            fully_shard(self.model, mesh=init_device_mesh(device.type, (world,)))
        else:
            # Gradients are summed in buckets. This keeps DDP from rebuilding them after its first step, so that a resumed
            # run adds up in the same order as one that was left alone, and ends with the same bits.
            self.model = torch.nn.parallel.DistributedDataParallel(self.model, find_unused_parameters=True)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=setting("SCHEDULE", steps))
        torch.manual_seed(rank)

    def state(self, ranks):
        model, optimizer = get_state_dict(self.model, self.optimizer)
        # Every rank draws its own random numbers; a rank that was not there before begins a sequence.
        rng = {str(rank): {"cpu": torch.get_rng_state(), **({"cuda": torch.cuda.get_rng_state()} if self.device.type == "cuda" else {})}}
        return {"model": model, "optimizer": optimizer, "scheduler": self.scheduler.state_dict(), "samples": self.samples.taken, "rng": rng if rank < ranks else {}}

    def load(self, store, step, before):
        state, at = self.state(before), store.place(store.path / name_of(step))
        if store.shared:
            dcp.load(state, checkpoint_id=at, process_group=store.group)
        else:
            mine = each(state, own)  # The same memory.
            dcp.load(mine, checkpoint_id=at, no_dist=True)
            state = {**mine, "model": state["model"], "optimizer": {"state": state["optimizer"]["state"], "param_groups": mine["optimizer"]["param_groups"]}}
        set_state_dict(self.model, self.optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.samples.taken = state["samples"]
        for rng in state["rng"].values():
            torch.set_rng_state(rng["cpu"])
            if "cuda" in rng:
                torch.cuda.set_rng_state(rng["cuda"])

    def step(self):
        inputs, wanted = (tensor.to(self.device) for tensor in self.samples.read())
        loss = torch.nn.functional.mse_loss(self.model(inputs), wanted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()

    def parameters(self):
        """The norm and the SHA-256 of all parameters."""
        full = get_model_state_dict(self.model, options=StateDictOptions(full_state_dict=True)).values()
        norm = sum(tensor.double().square().sum().item() for tensor in full) ** 0.5
        return f"norm {norm:.9g} parameters sha256 {hashlib.sha256(b''.join(tensor.cpu().numpy().tobytes() for tensor in full)).hexdigest()}"


def train():
    global training
    if batch % world:
        refuse(f"a batch of {batch} samples cannot be shared evenly by {world} ranks")
    device = torch.device("cuda", setting("LOCAL_RANK", 0)) if torch.cuda.is_available() else torch.device("cpu")
    run = Training(device)
    done = resume(run)
    training = True
    for step in range(done + 1, steps + 1):
        loss = run.step()
        time.sleep(float(os.environ.get("STEP_SECONDS", 0)))  # A real step takes its time.
        say(f"step {step} loss {loss:.4f}")
        # If one rank is terminated, all of them save.
        stop = torch.tensor([float(stopped)])
        dist.all_reduce(stop, group=control)
        for store in stores:
            if step % store.every == 0 or step == steps or (stop and store is stores[0]):
                save(store, step, run.state(world))
        if stop:
            settle(stores[0])
            say(f"terminated: saved at step {step}" if stopped else f"saved at step {step}, because a rank is terminated")
            os._exit(143)
    for store in stores:
        settle(store)
    say(f"finished step {steps} {run.parameters()}")
    dist.barrier(control)


# ---------------------------------------------------------------- stopping
training = stopped = False


def heed_the_end():
    """Waits for SIGTERM in a separate thread: the main one may be in a collective, where Python hears no signal."""
    global stopped
    signal.sigwait({signal.SIGTERM})
    stopped = True
    if not training:
        os._exit(143)  # There is nothing to save.


def cause(error):
    """Why the training cannot go on, in a line."""
    of_ranks = getattr(error, "failures", {})  # Of a CheckpointException.
    return described({r: repr(why) for r, (why, _) in of_ranks.items()}) or (str(error).splitlines() or [repr(error)])[0]


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=heed_the_end, daemon=True).start()
    torch.set_num_threads(setting("THREADS", 1))
    if torch.cuda.is_available():
        torch.cuda.set_device(setting("LOCAL_RANK", 0))
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=patience)
        control = dist.new_group(backend="gloo", timeout=patience)
        # Where to save, and how often; the store that survives a node comes first.
        stores = [Store(os.environ["CHECKPOINT_DIR"], setting("SAVE_EVERY", 10), "CHECKPOINT_DIR_PER_RANK" not in os.environ)]
        if "FAST_TIER_DIR" in os.environ:
            stores.append(Store(os.environ["FAST_TIER_DIR"], setting("FAST_TIER_SAVE_EVERY", 1), False))
        train()
    except BaseException as error:  # A peer is gone, or storage has failed, whose CheckpointException is no Exception: torchrun starts all ranks again.
        say(f"starting over: {cause(error)}")
        os._exit(1)
    os._exit(0)  # Python would tear itself down under threads that are in torch, and abort.
