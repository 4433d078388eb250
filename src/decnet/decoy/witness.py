"""Tells of a custom service, which tells nobody itself: what it prints, and who comes to its ports.

It runs in a container of its own. What it prints, and the packets that begin and end its connections, come from the
supervisor, which reads neither; the lines with the time that the engine gave them, from which they go on after a break.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import Awaitable, Callable, Container
from typing import Any

from decnet.decoy.budget import Budget, Place
from decnet.decoy.ear import Ear
from decnet.decoy.faults import where
from decnet.decoy.flows import Change, Flow, Flows
from decnet.decoy.gate import Gate, source_of
from decnet.decoy.printed import Printed, read
from decnet.decoy.protocol import STREAMS, Attendance, mark_of
from decnet.events import Event, EventType, event_id, now
from decnet.services.limits import Limits

Source = Callable[[Attendance, str, str], Awaitable[socket.socket]]
"""Asks for a source of messages: ``stdout`` or ``stderr`` (since a time, or all), or ``packets``."""
_AGAIN_SECONDS = 1.0
_SWEEP_SECONDS = 1.0
_PACKET = 64 * 1024
_OURS = 27
"""Characters of a time of our own; those of the engine have nanoseconds."""
_AT_ONCE = 32
"""Messages taken before other work of the loop has its turn."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")


class Witness:
    """One custom service of one decoy, as long as it is attended. ``folder`` keeps how far its lines were told."""

    sockets = ()

    def __init__(
        self,
        attendance: Attendance,
        network: str,
        send: Callable[[Event], None],
        source: Source,
        folder: int = -1,
    ) -> None:
        self._attendance = attendance
        self._place = Place(network, attendance.decoy, attendance.service, attendance.addresses[0])
        self._budget = Budget(self._place, send, attendance.limits.event_rate)
        self._gate = Gate(attendance.limits)
        self._flows = Flows(attendance.ports, attendance.addresses, attendance.limits.connections)
        self._source = source
        self._streams = [_Stream(one, folder, attendance) for one in STREAMS]
        self._loop = asyncio.get_running_loop()
        self._ear = Ear(folder, self._ask, self._say, self._flows.of) if attendance.high else None
        heard = [self._hearken(self._ear)] if self._ear else map(self._listen, self._streams)
        self._tasks = [
            *map(self._loop.create_task, heard),
            self._loop.create_task(self._follow("packets", self._see)),
            self._loop.create_task(self._sweep()),
        ]

    @property
    def sessions(self) -> int:
        """Connections and flows open now."""
        return len(self._flows)

    @property
    def limits(self) -> Limits:
        """What its visitors are taken note of by."""
        return self._attendance.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        if limits != self._attendance.limits:
            self._attendance = self._attendance.with_limits(limits)
            self._gate, self._flows.most = Gate(limits), limits.connections
            self._budget.rate = limits.event_rate

    def close(self, *, shut: bool = True, spare: Container[int] = ()) -> None:  # noqa: ARG002 (as a listener's)
        """Attend no more."""
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Attend no more, and tell what is open as ended."""
        self.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ear:
            self._ear.close()
        for change in self._flows.end_all("stopped"):
            self._tell(change)
        for stream in self._streams:
            stream.close()
        self._budget.tell()

    async def take(self) -> None:
        """Have what visitors left behind brought, where there is such a thing."""
        if self._ear:
            await self._ear.take()

    async def _ask(self, what: str) -> socket.socket:
        return await self._source(self._attendance, what, "")

    async def _hearken(self, ear: Ear) -> None:
        """Hear; ask again when whoever hands over what is heard has gone."""
        while True:
            with contextlib.suppress(OSError), await self._ask("calls") as source:
                await ear.listen(source)
            await asyncio.sleep(_AGAIN_SECONDS)

    def _say(
        self, kind: EventType, data: dict[str, Any], flow: Flow | None, visitor: tuple[str, int]
    ) -> None:
        """What was heard, with the session that it belongs to."""
        printed = Printed(kind, *visitor, data=data)
        self._budget.offer(self._event(printed, now(), flow, cut=False))

    async def _listen(self, stream: _Stream) -> None:
        await self._follow(stream.name, lambda entry: self._hear(stream, entry), lambda: stream.until)

    async def _follow(
        self, what: str, take: Callable[[bytes], None], since: Callable[[], str] = lambda: ""
    ) -> None:
        """Take what comes from a source; ask again when it ends."""
        while True:
            with contextlib.suppress(OSError), await self._source(self._attendance, what, since()) as source:
                await self._drain(source, take)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _drain(self, source: socket.socket, take: Callable[[bytes], None]) -> None:
        source.setblocking(False)
        taken = 0
        while message := await self._loop.sock_recv(source, _PACKET):
            try:
                take(message)
            except Exception as error:  # noqa: BLE001 (an attacker has a say in it: it costs this message only)
                self._stumble(error)
            taken += 1
            if taken % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _hear(self, stream: _Stream, message: bytes) -> None:
        """One entry of what was printed: a line, or a piece of one that was too long."""
        stamp = _STAMP.match(message)
        if stamp is None:
            return
        line = message[stamp.end() :]
        goes_on, stream.cut = stream.cut, not line.endswith(b"\n")
        if not stream.is_new(stamp[1].decode()) or goes_on or not line.strip():
            return
        printed = read(line.rstrip(b"\r\n"), stream.name)
        flow = self._flows.of(printed.src_ip, printed.src_port) if printed.src_port else None
        self._budget.offer(self._event(printed, stamp[1].decode(), flow, cut=stream.cut))

    def _event(self, printed: Printed, stamp: str, flow: Flow | None, *, cut: bool) -> Event:
        place = self._place
        data = {**printed.data, "cut": True} if cut else printed.data
        return Event.of(
            printed.type,
            data,
            ts=f"{stamp[:26]}Z" if len(stamp) > _OURS else stamp,
            network=place.network,
            decoy=place.decoy,
            service=place.service,
            session=flow.session if flow else "",
            src_ip=printed.src_ip,
            src_port=printed.src_port,
            dst_ip=flow.local if flow else place.ip if printed.src_ip else "",
            dst_port=flow.key[2] if flow else printed.dst_port,
            proto=flow.key[3] if flow else "",
        )

    def _stumble(self, error: Exception) -> None:
        data = {"error": type(error).__name__, "text": str(error), "where": where(error)}
        self._budget.offer(self._place.error(data))

    def _see(self, packet: bytes) -> None:
        for change in self._flows.see(packet, self._loop.time()):
            self._tell(change)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for stream in self._streams:
                stream.save()
            for change in self._flows.sweep(self._loop.time()):
                self._tell(change)

    def _tell(self, change: Change) -> None:
        """A beginning beyond the rate is counted, and so has no end either."""
        flow, reason = change
        if not reason:
            source = flow.key[0]
            if self._gate.wait(flow.begun) or not self._gate.enter(source_of(source), flow.begun):
                self._budget.count("rate", "connection", source)
                return
            flow.session = event_id()
            self._send(EventType.OPEN, flow, {})
        elif flow.session:
            duration = round(self._loop.time() - flow.begun, 6)
            data = {"reason": reason, "duration": duration, "received": flow.received, "sent": flow.sent}
            self._send(EventType.CLOSE, flow, data)
            if self._ear:
                self._ear.gone(flow.key[0], flow.key[1])

    def _send(self, kind: EventType, flow: Flow, data: dict[str, object]) -> None:
        place, (address, port, local, proto) = self._place, flow.key
        self._budget.send(
            Event(
                event_id(),
                now(),
                kind,
                place.network,
                place.decoy,
                place.service,
                flow.session,
                address,
                port,
                flow.local,
                local,
                proto,
                data,
            )
        )


class _Stream:
    """What is printed to one of `STREAMS`: the time of the last line that was told, kept in a file for who comes after."""

    def __init__(self, name: str, folder: int, attendance: Attendance) -> None:
        self.name = name
        self.cut = False
        """Whether the last entry was a piece of a line that goes on."""
        self._fd = -1
        self.until = self._saved = ""
        if folder >= 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            with contextlib.suppress(OSError):  # a full disk: then a break may tell lines twice
                mark = mark_of(attendance.decoy, attendance.service, name)
                self._fd = os.open(mark, flags, 0o600, dir_fd=folder)
                found = os.pread(self._fd, 64, 0)
                self.until = found.decode() if _STAMP.fullmatch(found + b" ") else ""

    def is_new(self, stamp: str) -> bool:
        """Whether a line of this time was not told yet; it is from now on."""
        if stamp <= self.until:
            return False
        self.until = stamp
        return True

    def save(self) -> None:
        if self._fd >= 0 and self.until != self._saved:
            with contextlib.suppress(OSError):
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.write(self._fd, self.until.encode())
                self._saved = self.until

    def close(self) -> None:
        self.save()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
