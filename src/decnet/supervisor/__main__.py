"""``python -m decnet.supervisor``: a guard, and its child that does the work; whichever dies, the other replaces it.

The guard waits for its child and forks another. The child watches the guard, and begins anew, as its own guard, when
that is gone. Under an init that restarts services (``--foreground``) there is no guard.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import gc
import os
import resource
import signal
import sys
import time
from pathlib import Path

from decnet.supervisor.repair import LOOK_SECONDS
from decnet.supervisor.work import Supervisor
from decnet.world.supervision import LOCK, Place

_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
"""A child that lived as long as this died of something else than its start."""
_BUSY = 75
"""EX_TEMPFAIL of sysexits.h: another supervisor of this network runs."""


def main() -> None:
    """Become the one supervisor of a network, until told to quit."""
    options = _options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # it holds every listening socket of the network
    place = Place(options.network, options.state, options.run, options.events)
    lock = os.open(place.run_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(_BUSY)
    gc.freeze()
    if options.foreground:
        stdout = sys.stdout.fileno()
        asyncio.run(Supervisor(place, options.look, options.ready, options.cause, stdout=stdout).run())
    else:
        _guard(place, options.look, options.ready, options.cause)


def _guard(place: Place, look: float, ready: int, cause: str) -> None:
    pause = _PAUSE_SECONDS
    while True:
        guard, began = os.getpid(), time.monotonic()
        child = os.fork()
        if child == 0:
            _work(place, look, ready, cause, guard)
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_, child=child: os.kill(child, signal.SIGTERM))
        if ready >= 0:
            os.close(ready)
            ready = -1
        _, status = os.waitpid(child, 0)
        if status == 0:
            return
        cause = f"supervisor (pid {child}) {_how(status)}"
        sys.stderr.write(f"{cause}\n")
        steady = time.monotonic() - began > _STEADY_SECONDS
        pause = _PAUSE_SECONDS if steady else min(_LONGEST_PAUSE, pause * 2)
        time.sleep(pause)


def _work(place: Place, look: float, ready: int, cause: str, guard: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    alone = asyncio.run(Supervisor(place, look, ready, cause, guard).run())
    if alone:
        words = [word for word in sys.argv[1:] if not word.startswith(("--ready", "--cause"))]
        again = f"--cause=supervisor's guard (pid {guard}) was ended"
        program = [sys.executable, "-P", "-m", "decnet.supervisor", *words, again]
        os.execv(sys.executable, program)  # noqa: S606 (our own words)


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"failed with status {os.waitstatus_to_exitcode(status)}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="decnet-supervisor", description="Keeps a network as it was applied. Started by decnet itself."
    )
    parser.add_argument("--network", required=True)
    for name in ("state", "run", "events"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--ready", type=int, default=-1, help="descriptor to write to when it listens")
    parser.add_argument(
        "--look", type=float, default=LOOK_SECONDS, help="seconds from one full look to the next"
    )
    parser.add_argument("--cause", default="", help="why it was started again")
    parser.add_argument("--foreground", action="store_true", help="without a guard")
    return parser.parse_args()


if __name__ == "__main__":
    main()
