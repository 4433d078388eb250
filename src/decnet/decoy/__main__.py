"""The decoy process: started by the privileged side with open descriptors, shut in before it serves.

The order matters, each step needs what a later one takes away:

1. imports, which read files;
2. the container it belongs in, if there is one (`decnet.decoy.cell`);
3. a view of the machine with nothing in it (`decnet.decoy.view`), which needs root;
4. no privilege any more (`decnet.decoy.privileges`);
5. listen() on the control socket: the kernel notes who calls it, and the privileged side goes by that;
6. the event loop, which makes a socket pair and an epoll descriptor for itself;
7. the filter of system calls (`decnet.decoy.seccomp`), under which neither could be made.

Then it says that it is ready, and only then the first socket with an attacker at its other end is handed to it. A step
that the machine refuses ends the process, with a sentence on stderr that the privileged side passes on.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from decnet.decoy import cell, seccomp, view
from decnet.decoy.control import Control
from decnet.decoy.fleet import Fleet, preload
from decnet.decoy.loop import Loop
from decnet.decoy.privileges import drop
from decnet.errors import MissingCapability
from decnet.events import Event, EventType, FileSink, now

_BACKLOG = 64


def main() -> None:
    """See above. Ends with status 1 and a sentence when the machine does not let it shut itself in."""
    options = _options()
    preload()
    control = socket.socket(fileno=options.control_fd)
    try:
        library = seccomp.library()
        if options.cell_fd >= 0:
            cell.enter(options.cell_fd, options.group_fds)
        events = view.enter(options.events_fd, options.uid)
        drop(options.uid)
        control.listen(_BACKLOG)
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.get_loop()
            gc.freeze()
            seccomp.load(library, events)
            runner.run(_serve(options, control, events))
    except MissingCapability as error:
        sys.exit(f"{error.message} ({error.hint})")


async def _serve(options: argparse.Namespace, control: socket.socket, events: int) -> None:
    sink = FileSink(events)
    logging.disable()  # libraries log what attackers send; ours are events, and stderr is no place for either
    asyncio.get_running_loop().set_exception_handler(_teller(options.network, sink))
    work = Control(control, Fleet(options.network, sink.write, events))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.quit)
    os.write(options.ready_fd, b"1")
    os.close(options.ready_fd)
    await work.run()
    sink.close()


def _teller(network: str, sink: FileSink) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """What the loop would write to stderr becomes an event: an attacker may cause it, and cause it often."""

    def tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        data = {"error": type(error).__name__, "text": f"{context.get('message', '')}: {error}"}
        sink.write(Event.of(EventType.ERROR, data, ts=now(), network=network))

    return tell


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, filter(None, text.split(","))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="decnet-decoy", description="Serves decoys. Started by decnet itself."
    )
    for name in ("control-fd", "events-fd", "ready-fd", "uid", "number"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--network", required=True)
    parser.add_argument("--cell-fd", type=int, default=-1, help="process namespace of its container")
    parser.add_argument("--group-fds", type=_numbers, default=(), help="cgroup.procs files of its container")
    return parser.parse_args()


if __name__ == "__main__":
    main()
