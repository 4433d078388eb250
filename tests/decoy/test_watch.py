"""The watch channel over a real control socket: what runs is told with duplicates, further sockets are granted."""

import asyncio
import os
import socket

import msgspec
import pytest

from decnet.decoy import fleet as fleets
from decnet.decoy import watch
from decnet.decoy.control import Control
from decnet.decoy.fleet import Fleet
from decnet.decoy.protocol import PACKET_LIMIT, Grant, Notice, Reply, Request, ServiceBundle
from decnet.events import EventType
from decnet.services.incoming import LimitReached
from decnet.services.service import Facts
from decnet.services.session import Session

FACTS = Facts("web", "", "198.51.100.10", "linux", "debian", "UTC", 0.0, 0.0)


class Asks:
    """Serves by asking for further sockets: a line ``tcp`` or ``udp`` gets the port of one."""

    def __init__(self):
        self.given = []

    async def handle(self, session):
        reader, writer = await session.streams()
        while line := await reader.readline():
            try:
                opened = await session.more(line.decode().strip())
            except LimitReached:
                raise
            except OSError as error:
                writer.write(f"{error}\n".encode())
            else:
                self.given.append(opened)
                writer.write(b"%d\n" % opened.getsockname()[1])


class Supervisor:
    """The privileged side: one connection that asks, and one that watches."""

    def __init__(self, path):
        self._path = path
        self._asking = self._connect()
        self._watching = None
        self.kept = {}

    def _connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(5)
        connection.connect(str(self._path))
        return connection

    async def ask(self, op, decoy="", service="", *sockets):
        return await asyncio.to_thread(self._ask, op, decoy, service, *sockets)

    def _ask(self, op, decoy, service, *sockets):
        ports = tuple((one.getsockname()[1], "tcp", False) for one in sockets)
        bundle = ServiceBundle(decoy, service, service, ports, b"{}", {}, b"", FACTS)
        descriptors = []
        if op == "serve":
            memory = os.memfd_create("bundle")
            os.write(memory, msgspec.json.encode(bundle))
            descriptors = [memory, *(one.fileno() for one in sockets)]
        message = msgspec.json.encode(Request(op, decoy, service, "hash"))
        socket.send_fds(self._asking, [message], descriptors)
        if descriptors:
            os.close(descriptors[0])
        reply = msgspec.json.decode(self._asking.recv(PACKET_LIMIT), type=Reply)
        assert reply.error == ""
        return reply

    def watch(self):
        if self._watching:
            self._watching.close()
        self._watching = self._connect()
        self._watching.send(msgspec.json.encode(Request("watch")))
        return self._watching

    async def notice(self):
        """The next notice; None when the process hung up. Sockets that came along are kept as a supervisor keeps them."""
        message, descriptors, _, _ = await asyncio.to_thread(
            socket.recv_fds, self._watching, PACKET_LIMIT, 64
        )
        if not message:
            return None
        notice = msgspec.json.decode(message, type=Notice)
        name = (notice.decoy, notice.service)
        if notice.op in {"sockets", "gone"}:
            for one in self.kept.pop(name, []):
                one.close()
        if notice.op == "sockets":
            self.kept[name] = [socket.socket(fileno=fd) for fd in descriptors]
        return notice

    async def notices(self, count):
        return [await self.notice() for _ in range(count)]

    def grant(self, grant, *sockets):
        message = msgspec.json.encode(grant)
        socket.send_fds(self._watching, [message], [one.fileno() for one in sockets])
        for one in sockets:
            one.close()

    def close(self):
        for one in (self._asking, self._watching):
            if one is not None:
                one.close()
        for sockets in self.kept.values():
            for one in sockets:
                one.close()


@pytest.fixture
async def process(tmp_path, monkeypatch):
    handlers = []

    def made(bundle, previous=None):
        handlers.append(Asks())
        return handlers[-1]

    monkeypatch.setattr(fleets, "handler", made)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(tmp_path / "control"))
    listening.listen()
    events = []
    control = Control(listening, Fleet("lab", events.append))
    running = asyncio.create_task(control.run())
    supervisor = Supervisor(tmp_path / "control")
    supervisor.handlers, supervisor.events = handlers, events
    yield supervisor
    supervisor.close()
    control.quit()
    await running
    listening.close()


def listening():
    return socket.create_server(("127.0.0.1", 0))


def port(opened):
    return opened.getsockname()[1]


async def serve(process, decoy, service="http"):
    with listening() as opened:
        await process.ask("serve", decoy, service, opened)
        return port(opened)


async def visit(at):
    return await asyncio.open_connection("127.0.0.1", at)


async def test_what_runs_is_told_first_and_then_what_changes(process):
    first = await serve(process, "web")
    process.watch()
    assert await process.notices(2) == [Notice("sockets", "web", "http", ((first, "tcp"),)), Notice("synced")]
    second = await serve(process, "web", "ssh")
    assert await process.notice() == Notice("sockets", "web", "ssh", ((second, "tcp"),))
    await process.ask("stop", "web", "http")
    assert await process.notice() == Notice("gone", "web", "http")
    await process.ask("drop", "web")
    assert await process.notice() == Notice("gone", "web", "ssh")


async def test_what_comes_with_a_notice_is_the_listening_socket_itself(process):
    at = await serve(process, "web")
    process.watch()
    await process.notices(2)
    (kept,) = process.kept["web", "http"]
    assert port(kept) == at
    assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


async def test_a_stopped_port_refuses_and_is_free_although_a_duplicate_is_kept(process):
    at = await serve(process, "web")
    process.watch()
    await process.notices(2)
    (kept,) = process.kept["web", "http"]
    duplicate = kept.dup()
    await process.ask("stop", "web", "http")
    with pytest.raises(ConnectionRefusedError):
        await visit(at)
    with socket.create_server(("127.0.0.1", at)):
        pass
    duplicate.close()


async def test_a_service_that_gets_its_own_kept_sockets_goes_on_listening(process):
    at = await serve(process, "web")
    process.watch()
    await process.notices(2)
    await process.ask("serve", "web", "http", *process.kept["web", "http"])
    _, writer = await visit(at)
    writer.close()


async def test_the_end_of_a_process_leaves_kept_sockets_listening(process, tmp_path):
    """A process that is told to end by a signal may be followed by another one on the same sockets."""
    with listening() as opened:
        entry = Fleet("lab", process.events.append)
        facts = ServiceBundle("db", "redis", "redis", ((port(opened), "tcp", False),), b"{}", {}, b"", FACTS)
        await entry.serve(facts, "hash", [opened.dup()])
        await entry.stop_all(shut=False)
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


async def test_a_new_watcher_takes_the_place_of_the_old_one(process):
    await serve(process, "web")
    old = process.watch().dup()
    await process.notices(2)
    process.watch()
    assert [notice.op for notice in await process.notices(2)] == ["sockets", "synced"]
    assert await asyncio.to_thread(old.recv, 10) == b""
    old.close()


@pytest.fixture
async def narrow():
    """A watch on two services over a connection in which few packets find room, and the supervisor's end of it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ours.setblocking(False)
    theirs.settimeout(5)
    watched = watch.Watch(lambda name: watch.Listening(((80, "tcp"),), ()) if name[0] == "web" else None)
    running = asyncio.create_task(watched.run(ours, lambda: [("web", "http")]))
    await asyncio.sleep(0)
    yield watched, theirs
    theirs.close()
    await running
    ours.close()


def all_waiting(connection):
    """What can be read at once, as (op, decoy); and whether the connection ended."""
    seen = []
    connection.setblocking(False)
    while True:
        try:
            packet = connection.recv(PACKET_LIMIT)
        except BlockingIOError:
            return seen, False
        if not packet:
            return seen, True
        notice = msgspec.json.decode(packet, type=Notice)
        seen.append((notice.op, notice.decoy))


async def test_a_watcher_that_does_not_read_is_left(narrow, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.2)
    watched, theirs = narrow
    for number in range(100):
        watched.changed((f"gone-{number}", "http"))
    await asyncio.sleep(0.5)
    seen, ended = all_waiting(theirs)
    assert 1 < len(seen) < 50
    assert ended


async def test_changes_that_come_faster_than_they_are_read_are_told_once_and_as_they_are_now(narrow):
    watched, theirs = narrow
    for _ in range(1000):
        watched.changed(("web", "http"))
        watched.changed(("db", "redis"))
        await asyncio.sleep(0)
    seen = []
    async with asyncio.timeout(5):
        while len(seen) < 3 or seen[-2:] != [("sockets", "web"), ("gone", "db")]:
            more, _ = all_waiting(theirs)
            seen += more
            await asyncio.sleep(0.01)
    assert len(seen) < 50


async def test_further_sockets_are_asked_for_granted_and_closed_with_the_session(process):
    at = await serve(process, "web")
    process.watch()
    await process.notices(2)
    reader, writer = await visit(at)
    writer.write(b"tcp\n")
    wanted = await process.notice()
    assert wanted == Notice("want", "web", "http", number=wanted.number, proto="tcp")
    opened = listening()
    number = port(opened)
    process.grant(Grant(wanted.number), opened)
    assert await reader.readline() == b"%d\n" % number
    _, data = await visit(number)
    data.close()
    writer.close()
    async with asyncio.timeout(5):
        while process.handlers[0].given[0].fileno() >= 0:  # noqa: ASYNC110 (a socket has no event for it)
            await asyncio.sleep(0.01)


async def test_a_refusal_says_why(process):
    at = await serve(process, "web")
    process.watch()
    await process.notices(2)
    reader, writer = await visit(at)
    writer.write(b"udp\n")
    wanted = await process.notice()
    process.grant(Grant(wanted.number, "Address already in use"))
    assert b"Address already in use" in await reader.readline()
    writer.close()


async def test_without_a_watcher_there_is_no_further_socket(process):
    at = await serve(process, "web")
    reader, writer = await visit(at)
    writer.write(b"tcp\n")
    assert b"not connected" in await reader.readline()
    writer.close()


async def test_a_watcher_that_leaves_leaves_nobody_waiting(process):
    at = await serve(process, "web")
    process.watch()
    await process.notices(2)
    reader, writer = await visit(at)
    writer.write(b"tcp\n")
    await process.notice()
    process.watch()
    assert b"reset" in await reader.readline()
    writer.close()


async def test_a_decoy_has_sixteen_further_sockets_at_once(process):
    at = await serve(process, "web")
    process.watch()
    await process.notices(2)
    reader, writer = await visit(at)
    for _ in range(watch.DECOY_LIMIT):
        writer.write(b"tcp\n")
        process.grant(Grant((await process.notice()).number), listening())
        await reader.readline()
    writer.write(b"tcp\n")
    assert await reader.read() == b""
    async with asyncio.timeout(5):
        while process.events[-1].type is not EventType.CLOSE:  # noqa: ASYNC110 (a list has no event)
            await asyncio.sleep(0.01)
    assert process.events[-1].data["reason"] == "limit: sockets"
    writer.close()
    reader, writer = await visit(at)
    writer.write(b"tcp\n")
    assert (await process.notice()).op == "want"
    writer.close()


async def test_an_answer_that_nobody_waits_for_is_closed(process):
    process.watch()
    await process.notice()
    one, other = socket.socketpair()
    process.grant(Grant(77), one)
    assert await asyncio.to_thread(other.recv, 1) == b""
    other.close()


@pytest.mark.parametrize("packet", [b"x", b'{"number":"x"}', b"[1]"])
async def test_a_watcher_that_talks_nonsense_is_left(process, packet):
    connection = process.watch()
    await process.notice()
    connection.send(packet)
    assert await process.notice() is None


async def test_a_session_that_is_over_gets_no_further_socket():
    granted = asyncio.Event()
    opened = listening()

    async def ask(proto, number):
        await granted.wait()
        return opened

    session = Session("lab", "web", "ftp", None, ("198.51.100.1", 1), ("", 21), print, ask=ask)
    asking = asyncio.create_task(session.more())
    await asyncio.sleep(0)
    session.release()
    granted.set()
    with pytest.raises(OSError, match="not connected"):
        await asking
    assert opened.fileno() < 0
