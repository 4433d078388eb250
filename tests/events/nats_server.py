"""Debian's nats-server with JetStream, on loopback, with a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import nats

from tests.debian import unpacked
from tests.events.receivers import free_port


class NatsServer:
    def __init__(
        self, folder: Path, config: str = "", *, jetstream: bool = True, address: str = "127.0.0.1"
    ) -> None:
        self.folder, self.port, self.address = folder, free_port(), address
        store = f'jetstream {{ store_dir: "{folder}/js" }}\n' if jetstream else ""
        (folder / "nats.conf").write_text(f"listen: {address}:{self.port}\n{store}{config}\n")
        found = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin")
        self.program = found or str(unpacked("nats-server") / "usr/sbin/nats-server")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as told:
            self.process = subprocess.Popen(
                [self.program, "-c", str(self.folder / "nats.conf")],
                stdout=told,
                stderr=told,
                cwd=self.folder,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "server.log").read_text())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None

    def stored(self, stream: str = "decnet", **options: object) -> list[tuple[str, dict, dict]]:
        """Subject, headers and payload of every message of a stream, in its order."""
        return asyncio.run(self._stored(stream, options))

    async def _stored(self, stream: str, options: dict) -> list[tuple[str, dict, dict]]:
        client = await nats.connect(f"nats://{self.address}:{self.port}", allow_reconnect=False, **options)
        try:
            context = client.jetstream()
            count = (await context.stream_info(stream)).state.messages
            if not count:
                return []
            reader = await context.subscribe("decnet.>", ordered_consumer=True)
            found = [await reader.next_msg(5) for _ in range(count)]
            return [(one.subject, dict(one.headers or {}), json.loads(one.data)) for one in found]
        finally:
            await client.close()
