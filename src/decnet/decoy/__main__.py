"""The decoy process: started by the privileged side with open descriptors, unprivileged before it serves."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from decnet.decoy.control import Control
from decnet.decoy.fleet import Fleet, preload
from decnet.decoy.privileges import drop
from decnet.events import Event, EventType, FileSink, now

_BACKLOG = 64


def main() -> None:
    """Import everything, open nothing more, give up privilege, say that it is ready, serve."""
    options = _options()
    preload()
    control = socket.socket(fileno=options.control_fd)
    drop(options.uid)
    control.listen(_BACKLOG)
    gc.freeze()
    asyncio.run(_serve(options, control))


async def _serve(options: argparse.Namespace, control: socket.socket) -> None:
    sink = FileSink(options.events_fd)
    logging.disable()  # libraries log what attackers send; ours are events, and stderr is no place for either
    asyncio.get_running_loop().set_exception_handler(_teller(options.network, sink))
    work = Control(control, Fleet(options.network, sink.write))
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="decnet-decoy", description="Serves decoys. Started by decnet itself."
    )
    for name in ("control-fd", "events-fd", "ready-fd", "uid", "number"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--network", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
