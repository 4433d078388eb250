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
from typing import Any, NoReturn

from decnet.decoy import nursery, seccomp, view
from decnet.decoy.control import Control
from decnet.decoy.fleet import Fleet, preload
from decnet.decoy.loop import Loop
from decnet.decoy.nursery import Birth
from decnet.decoy.privileges import drop
from decnet.errors import MissingCapability
from decnet.events import Event, EventType, FileSink, now

_BACKLOG = 64
_COLLECT = (700, 3, 35)
"""With Python's own (700, 10, 10) the second generation grows to 3 ms of work in a flood of connections, for which every
visitor waits. So a third of it at a time, three times as often; all there is as rarely as before."""


def main() -> None:
    """A decoy process, or with ``--nursery`` one that forks them."""
    options = _options()
    gc.disable()  # what is loaded is no garbage: to look for some took a seventh of the time
    preload()
    try:
        shut = seccomp.Filter(seccomp.library(), seccomp.COMMON)
    except MissingCapability as error:
        _give_up(error)
    if options.nursery >= 0:
        gc.freeze()
        nursery.run(options.nursery, lambda birth: live(birth, shut))
    else:
        live(
            Birth(options.network, options.uid, options.control_fd, options.events_fd, options.ready_fd),
            shut,
        )


def live(birth: Birth, shut: seccomp.Filter) -> None:
    """See above. Ends with status 1 and a sentence when the machine does not let it shut itself in."""
    control = socket.socket(fileno=birth.control)
    try:
        events = view.enter(birth.events, birth.uid)
        drop(birth.uid)
        control.listen(_BACKLOG)
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.get_loop()
            gc.freeze()
            gc.set_threshold(*_COLLECT)
            gc.enable()
            shut.load(seccomp.own(events, os.getpid()))
            runner.run(_serve(birth, control, events))
    except MissingCapability as error:
        _give_up(error)


def _give_up(error: MissingCapability) -> NoReturn:
    sys.exit(f"{error.message} ({error.hint})")


async def _serve(birth: Birth, control: socket.socket, events: int) -> None:
    sink = FileSink(events)
    logging.disable()  # libraries log what attackers send; ours are events, and stderr is no place for either
    asyncio.get_running_loop().set_exception_handler(_teller(birth.network, sink))
    work = Control(control, Fleet(birth.network, sink.write, events))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.quit)
    os.write(birth.ready, b"1")
    os.close(birth.ready)
    await work.run()
    sink.close()


def _teller(network: str, sink: FileSink) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """What the loop would write to stderr becomes an event: an attacker may cause it, and cause it often."""

    def tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        data = {"error": type(error).__name__, "text": f"{context.get('message', '')}: {error}"}
        sink.write(Event.of(EventType.ERROR, data, ts=now(), network=network))

    return tell


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="decnet-decoy", description="Serves decoys. Started by decnet itself."
    )
    for name in ("control-fd", "events-fd", "ready-fd", "uid", "number"):
        parser.add_argument(f"--{name}", type=int, default=-1)
    parser.add_argument("--network", required=True)
    parser.add_argument(
        "--nursery", type=int, default=-1, metavar="FD", help="fork for orders that come in here"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
