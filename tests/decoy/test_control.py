"""What a process tells of itself on its control socket, as the privileged side hears it."""

import asyncio
import socket

from decnet.decoy.control import Control
from decnet.decoy.protocol import LISTED, Running
from decnet.world import spawn
from decnet.world.processes import Processes


class Full:
    """A fleet that serves so much that no packet holds the list of it."""

    entries = tuple(
        Running(f"decoy-{number:04}-{'x' * 40}", service, "0" * 40, ((80, "tcp"), (443, "tcp")), number % 3)
        for number in range(1000)
        for service in ("http", "redis", "ssh")
    )

    def __len__(self) -> int:
        return len(self.entries)

    def running(self) -> tuple[Running, ...]:
        return self.entries

    async def stop_all(self, *, shut: bool = True) -> None:
        """Nothing of it runs."""


async def test_a_list_of_any_length_is_told_in_parts(tmp_path):
    assert len(Full.entries) > 2 * LISTED
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(spawn.control_path(tmp_path, 0)))
        listening.listen()
        control = Control(listening, Full())
        serving = asyncio.create_task(control.run())
        processes = Processes("office", tmp_path, tmp_path / "events", ())
        told = await asyncio.to_thread(processes.running)
        await asyncio.to_thread(processes.close)
        control.quit()
        await serving
    assert told == {0: Full.entries}
