"""What the privileged side may ask of a decoy process."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Awaitable, Callable

import msgspec

from decnet.control import Conversations, TakeOver
from decnet.decoy.fleet import Fleet
from decnet.decoy.protocol import LISTED, Attendance, Reply, Request, ServiceBundle


class Control:
    """Carries out what is asked on the control socket, one request after the other."""

    def __init__(self, listening: socket.socket, fleet: Fleet) -> None:
        self._fleet = fleet
        self._conversations = Conversations(listening, self._answer, lambda: not len(fleet))

    async def run(self) -> None:
        """Serve until told to quit, or until there has been nothing to do for a while; then stop every service."""
        await self._conversations.run()
        await self._fleet.stop_all(shut=False)

    def quit(self) -> None:
        """End, as soon as the loop has its turn."""
        self._conversations.quit()

    async def _answer(
        self, message: bytes, descriptors: list[int], connection: socket.socket
    ) -> bytes | TakeOver:
        try:
            request = msgspec.json.decode(message, type=Request)
            if request.op == "watch":
                return functools.partial(self._fleet.watch.run, connection, self._fleet.names)
            act = _ACTS[request.op]
            reply = await act(self, request, descriptors)
        except Exception as error:  # noqa: BLE001 (told to the privileged side; this process must go on serving)
            reply = Reply(error=f"{type(error).__name__}: {error}")
        return msgspec.json.encode(reply)

    async def _serve(self, request: Request, descriptors: list[int]) -> Reply:
        memory, *handles = descriptors
        content = os.pread(memory, os.fstat(memory).st_size, 0)
        bundle = msgspec.json.decode(content, type=ServiceBundle)
        sockets = [socket.socket(fileno=os.dup(handle)) for handle in handles]
        await self._fleet.serve(bundle, request.bundle, sockets)
        return Reply()

    async def _attend(self, request: Request, descriptors: list[int]) -> Reply:
        (memory,) = descriptors
        content = os.pread(memory, os.fstat(memory).st_size, 0)
        await self._fleet.attend(msgspec.json.decode(content, type=Attendance), request.bundle)
        return Reply()

    async def _take(self, request: Request, _: list[int]) -> Reply:
        await self._fleet.take(request.decoy, request.service)
        return Reply()

    async def _stop(self, request: Request, _: list[int]) -> Reply:
        await self._fleet.stop(request.decoy, request.service)
        return Reply()

    async def _drop(self, request: Request, _: list[int]) -> Reply:
        await self._fleet.stop(request.decoy)
        return Reply()

    async def _ping(self, _request: Request, _: list[int]) -> Reply:
        return Reply()

    async def _list(self, request: Request, _: list[int]) -> Reply:
        after = (request.decoy, request.service)
        left = [one for one in self._fleet.running() if (one.decoy, one.service) > after]
        return Reply(running=tuple(left[:LISTED]), more=len(left) > LISTED)

    async def _quit(self, _request: Request, _: list[int]) -> Reply:
        await self._fleet.stop_all()
        self.quit()
        return Reply()


_Act = Callable[[Control, Request, list[int]], Awaitable[Reply]]
_ACTS: dict[str, _Act] = {
    "serve": Control._serve,  # noqa: SLF001
    "attend": Control._attend,  # noqa: SLF001
    "take": Control._take,  # noqa: SLF001
    "stop": Control._stop,  # noqa: SLF001
    "drop": Control._drop,  # noqa: SLF001
    "ping": Control._ping,  # noqa: SLF001
    "list": Control._list,  # noqa: SLF001
    "quit": Control._quit,  # noqa: SLF001
}
