"""The shipper: started by the privileged side with open descriptors, unprivileged before it connects to anything."""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures.thread  # noqa: F401 (loaded late by asyncio, when no file may be within reach any more)
import encodings.idna  # noqa: F401 (as late, for names of hosts)
import gc
import os
import signal
import socket

from decnet.decoy.privileges import drop
from decnet.shipper.control import Control

_BACKLOG = 64


def main() -> None:
    """Import everything, give up privilege, say that it is ready, ship."""
    options = _options()
    control = socket.socket(fileno=options.control_fd)
    drop(options.uid)
    control.listen(_BACKLOG)
    gc.freeze()
    asyncio.run(_ship(options, control))


async def _ship(options: argparse.Namespace, control: socket.socket) -> None:
    work = Control(control, options.events_fd)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.quit)
    os.write(options.ready_fd, b"1")
    os.close(options.ready_fd)
    await work.run()
    os._exit(0)  # a thread that waits for the answer of a name server must not hold us up


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="decnet-shipper", description="Ships events to their sinks. Started by decnet itself."
    )
    for name in ("control-fd", "events-fd", "ready-fd", "uid"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--network", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
