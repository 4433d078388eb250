"""The sandbox: started by the privileged side with open descriptors, shut in before it runs the program.

As in a decoy process, the order matters: cgroups, a process namespace of its own, the network of its decoy, a view of
the machine, no privilege any more, listen(), the filter of system calls. Then it says that it is ready, and runs the
program. A step that the machine refuses ends it, with a sentence on stderr that the privileged side passes on.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys

import msgspec

from decnet.decoy import mounts, seccomp
from decnet.decoy.kernel import call
from decnet.decoy.privileges import drop
from decnet.errors import MissingCapability
from decnet.sandbox import calls, view
from decnet.sandbox.control import Control
from decnet.sandbox.protocol import Setting

_BACKLOG = 16
_UMASK = 0o022


def main() -> None:
    """See above. The process that was started ends; its child goes on, as the first of its namespace."""
    options = _options()
    content = os.pread(options.setting_fd, os.fstat(options.setting_fd).st_size, 0)
    setting = msgspec.json.decode(content, type=Setting)
    control = socket.socket(fileno=options.control_fd)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # which the kernel ignores for the first process of a namespace
    try:
        library = seccomp.library()
        for group in options.group_fd:
            os.write(group, b"0")
        mounts.leave("processes")
        if os.fork():  # a process stays where it is: only what it forks is in there (unshare(2))
            os._exit(0)
        os.setsid()
        call("join the network of its decoy", "setns", options.namespace_fd, mounts.NAMESPACES["network"])
        view.enter(setting)
        drop(setting.uid)
        _limit(setting)
        os.umask(_UMASK)
        control.listen(_BACKLOG)
        for descriptor in (options.setting_fd, options.namespace_fd, *options.group_fd):
            os.close(descriptor)
        with asyncio.Runner() as runner:
            runner.get_loop()
            gc.freeze()
            seccomp.Filter(library, calls.rules(), otherwise=0).load()
            runner.run(_run(control, setting, options.ready_fd))
    except MissingCapability as error:
        sys.exit(f"{error.message} ({error.hint})")


def _limit(setting: Setting) -> None:
    """What the machine grants less of stays as it is."""
    for kind, most in setting.limits:
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


async def _run(control: socket.socket, setting: Setting, ready: int) -> None:
    logging.disable()  # a visitor has a say in what goes wrong
    work = Control(control, setting)
    os.write(ready, b"1")
    os.close(ready)
    await work.run()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="decnet-sandbox", description="Runs a custom service of a decoy. Started by decnet itself."
    )
    for name in ("setting-fd", "control-fd", "ready-fd", "namespace-fd"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--group-fd", type=int, action="append", default=[])
    parser.add_argument("--service", help="network, decoy and service, for people who look at processes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
