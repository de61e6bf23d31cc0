#!/usr/bin/env python3
"""Runs torchrun as the first process of a Job's container: python3 launch.py SCRIPT [ARGUMENT...].

torchrun takes its options from PET_*; the workers meet at PET_MASTER_ADDR:PET_MASTER_PORT, or MASTER_ADDR:MASTER_PORT.
"""
import os, signal, socket, sys, threading, time

# The first process of a container has no default, and to import PyTorch takes seconds. Later torchrun hands the signal on.
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))


def heed_the_end(signals):
    """Ends the process on SIGTERM where there is no rank to hand it on to.

    Python runs a handler only when the main thread is back from C++, which waits for minutes for a store or for other workers.
    """
    while os.read(signals, 1)[0] != signal.SIGTERM:
        pass
    try:
        while True:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            time.sleep(0.1)
    except ChildProcessError:  # It has none.
        os._exit(143)


heard, wakeup = os.pipe()
os.set_blocking(wakeup, False)
signal.set_wakeup_fd(wakeup)
threading.Thread(target=heed_the_end, args=[heard], daemon=True).start()

from torch.distributed import DistError, run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError, RendezvousParameters, RendezvousTimeoutError
from torch.distributed.elastic.rendezvous.c10d_rendezvous_backend import create_backend


def meet(address, port, job):
    """Connects to the store where the workers meet, or keeps it, and returns it and its address.

    Raises RendezvousError where another job's workers meet: names are cached, and the address of a pod that is gone is soon
    that of another.
    """
    try:
        at = f"{socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][4][0]}:{port}"
    except socket.gaierror as error:
        raise RendezvousError(error) from error
    _, store = create_backend(RendezvousParameters("c10d", at, job, 1, 1))
    if (owner := store.compare_set("job", "", job).decode()) != job:
        raise RendezvousError(f"the workers of {owner} meet there, and these are of {job}")
    return store, at


def launch():
    """Runs torchrun, and ends with a code that a Job can act on: 143 after SIGTERM, 75 if the other workers never came."""
    address, port = (os.environ.get(f"PET_MASTER_{name}", os.environ.get(f"MASTER_{name}")) for name in ("ADDR", "PORT"))
    # A store that torchrun keeps from one start of the ranks to the next gives them the addresses of those before.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    longest, begin = int(os.environ.get("JOIN_TIMEOUT", 1800)), time.time()
    alone_since = float(os.environ.get("ALONE_SINCE", begin))
    print(f"the workers meet at {address}:{port}", flush=True)
    try:
        store, at = meet(address, port, os.environ.setdefault("PET_RDZV_ID", "none"))  # While there is `store`, there is its server.
        run.main(["--rdzv-backend", "c10d", "--rdzv-endpoint", at, "--rdzv-conf", f"join_timeout={longest}", *sys.argv[1:]])
        while "STAY_WHEN_DONE" in os.environ:
            signal.pause()  # For what would start over whatever has ended.
        return
    except SignalException as error:
        os._exit(143 if error.sigval == signal.SIGTERM else 1)
    except ChildFailedError:
        os._exit(1)
    except RendezvousTimeoutError:
        alone_since = 0
    except (RendezvousError, DistError) as error:
        if time.time() - begin > 120:
            alone_since = time.time()
        print(f"no meeting at {address}:{port}: {error}", flush=True)
    if time.time() - alone_since > longest:
        print(f"giving up: the other workers did not come within {longest} s", flush=True)
        os._exit(75)
    time.sleep(1)
    os.environ["ALONE_SINCE"] = str(alone_since)
    os.execv(sys.executable, [sys.executable] + sys.argv)  # A new process has no ties to a meeting that is over.


if __name__ == "__main__":
    launch()
