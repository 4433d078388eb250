"""What the privileged side may ask of a shipper."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Awaitable, Callable

import msgspec

from decnet.control import Conversations
from decnet.events.sinks import SinkBundle
from decnet.events.sinks.carriers import carrier
from decnet.events.sinks.stdout import Outlet
from decnet.shipper import places
from decnet.shipper.courier import Courier
from decnet.shipper.protocol import Reply, Request

_STOP_SECONDS = 5.0
_LOOK_SECONDS = 0.5


class Control:
    """Carries out what is asked on the control socket; ``folder`` is that of the log."""

    def __init__(self, listening: socket.socket, folder: int) -> None:
        self._folder = folder
        self._couriers: dict[str, Courier] = {}
        self._outlet = Outlet()
        self._conversations = Conversations(listening, self._answer, lambda: not self._couriers)

    async def run(self) -> None:
        """Ship until told to quit, or until there has been no sink for a while."""
        looking = asyncio.get_running_loop().create_task(self._look())
        await self._conversations.run()
        looking.cancel()
        for courier in self._couriers.values():
            courier.last = True
            courier.stop()
        for courier in self._couriers.values():
            await asyncio.to_thread(courier.ended, _STOP_SECONDS)

    def quit(self) -> None:
        """End, as soon as the loop has its turn."""
        self._conversations.quit()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for courier in self._couriers.values():
                with contextlib.suppress(OSError):  # its own thread has it, too, and says so
                    courier.look()

    async def _answer(self, message: bytes, descriptors: list[int], _: socket.socket) -> bytes:
        try:
            request = msgspec.json.decode(message, type=Request)
            reply = await _ACTS[request.op](self, request, descriptors)
        except Exception as error:  # noqa: BLE001 (told to the privileged side; this process must go on shipping)
            reply = Reply(error=f"{type(error).__name__}: {error}")
        return msgspec.json.encode(reply)

    async def _serve(self, request: Request, descriptors: list[int]) -> Reply:
        memory, *folders = descriptors
        content = os.pread(memory, os.fstat(memory).st_size, 0)
        bundle = msgspec.json.decode(content, type=SinkBundle)
        stop = threading.Event()
        fresh = Courier(
            self._folder, bundle, request.bundle, carrier(bundle, folders, stop, self._outlet), stop
        )
        previous = self._couriers.get(bundle.name)
        if previous is not None:
            previous.stop()
        self._couriers[bundle.name] = fresh
        fresh.start(previous)
        return Reply()

    async def _stop(self, request: Request, _: list[int]) -> Reply:
        courier = self._couriers.pop(request.sink, None)
        if courier is not None:
            courier.forgotten = True
            courier.stop()
            await asyncio.to_thread(courier.ended, _STOP_SECONDS)
        places.forget(self._folder, request.sink)
        return Reply()

    async def _list(self, _request: Request, _: list[int]) -> Reply:
        couriers = [self._couriers[name] for name in sorted(self._couriers)]
        return Reply(running=tuple([await asyncio.to_thread(one.shipping) for one in couriers]))

    async def _lend(self, _request: Request, descriptors: list[int]) -> Reply:
        self._outlet.lend(descriptors[0])
        return Reply()

    async def _quit(self, _request: Request, _: list[int]) -> Reply:
        self.quit()
        return Reply()


_Act = Callable[[Control, Request, list[int]], Awaitable[Reply]]
_ACTS: dict[str, _Act] = {
    "serve": Control._serve,  # noqa: SLF001
    "stop": Control._stop,  # noqa: SLF001
    "list": Control._list,  # noqa: SLF001
    "lend": Control._lend,  # noqa: SLF001
    "quit": Control._quit,  # noqa: SLF001
}
