"""Nothing is lost and nothing is doubled, from an attacker's command to the store and to two sinks.

The ingester and the supervisor are killed again and again, the disk of the store fills up, and both sinks are away for
a while. DECNET_EVENTS (20,000) says how many events, DECNET_LOSS_KILLS (3) how often each of the two is killed,
DECNET_AWAY_SECONDS (8) for how long the sinks are away.
"""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import nats
import pytest

from decnet.events import EventType
from decnet.events.reader import Filter, read
from decnet.world import supervision
from tests.events import certificates
from tests.events.nats_server import NatsServer
from tests.events.receivers import rsyslog
from tests.live.command import DECNET, Command
from tests.live.lab import Lab, eventually
from tests.live.test_sinks import ask, run_dir

EVENTS = int(os.environ.get("DECNET_EVENTS", "20000"))
KILLS = int(os.environ.get("DECNET_LOSS_KILLS", "3"))
AWAY_SECONDS = float(os.environ.get("DECNET_AWAY_SECONDS", "8"))
PATIENCE_SECONDS = 60 + EVENTS // 500
"""For what takes as long as there are events: the machine may be busy."""
pytestmark = [pytest.mark.live, pytest.mark.timeout(7 * PATIENCE_SECONDS + int(AWAY_SECONDS))]
NETWORK = """
[general]
name = lab
net = 198.51.100.0/24
seed = lab
log_target = tcp://127.0.0.1:{syslog}

[sink-bus]
type = nats
target = nats://127.0.0.1:{bus}

[cache[1:2]]
ip = 198.51.100.20-21
services = redis
limits = event_rate=1000000
"""
ADDRESSES = ("198.51.100.20", "198.51.100.21")
PIPELINED = 200


class Ingester:
    """``decnet ingest --follow``, started again when it is dead, as its unit does; its store on a disk of its own."""

    def __init__(self, state: Path, disk: Path) -> None:
        self.disk, self.store, self.told = disk, disk / "events.db", state.parent / "ingest.log"
        self.was_full = False
        self.environment = {**os.environ, "DECNET_DB_URL": f"sqlite:///{self.store}"}
        self.command = [DECNET, "ingest", "lab", "--follow", "--state", str(state)]
        self.process: subprocess.Popen[bytes] | None = None

    def tend(self) -> None:
        """See to it that it runs, and that its disk is larger once it has said that it is full."""
        if self.process is None or self.process.poll() is not None:
            with self.told.open("ab") as told:
                self.process = subprocess.Popen(
                    self.command, env=self.environment, stdout=subprocess.DEVNULL, stderr=told
                )

        if not self.was_full and re.search(r"cannot be used: .*(full|disk I/O)", self.complained()):
            self.was_full = True
            assert self.taken() < EVENTS
            enlarge(self.disk)

    def end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def taken(self) -> int:
        """Events that are in the store."""
        try:
            with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=5)) as connection:
                return connection.execute("SELECT next FROM counter").fetchone()[0] - 1
        except sqlite3.Error:
            return 0

    def complained(self) -> str:
        return self.told.read_text() if self.told.exists() else ""


class Attack(threading.Thread):
    """One visitor of one decoy, whose every command is another one and gets its answer."""

    def __init__(self, address: str, count: int) -> None:
        super().__init__(name=address, daemon=True)
        self.address, self.count, self.answered = address, count, 0

    def run(self) -> None:
        while self.answered < self.count:
            many = range(self.answered, min(self.count, self.answered + PIPELINED))
            ask(self.address, *(f"GET {self.address}:{one}" for one in many))
            self.answered = many.stop

    def commands(self) -> list[str]:
        return [f"GET {self.address}:{one}" for one in range(self.answered)]


@pytest.fixture
def disk(lab: Lab, tmp_path: Path):
    """A disk that is too small for the store; larger when `enlarge` is called."""
    place = tmp_path / "disk"
    place.mkdir()
    size = f"size={EVENTS * 250 // 1024}k,mode=700"
    subprocess.run(["mount", "-n", "-t", "tmpfs", "-o", size, "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-n", "-l", place], check=True)


def enlarge(place: Path) -> None:
    subprocess.run(["mount", "-n", "-o", "remount,size=4g", place], check=True)


@pytest.fixture
def servers(lab: Lab, tmp_path: Path):
    for name in ("syslog", "nats"):
        (tmp_path / name).mkdir()
    syslog = rsyslog(tmp_path / "syslog", certificates.write(tmp_path / "pem"), "structured-data")
    bus = NatsServer(tmp_path / "nats")
    yield syslog, bus
    syslog.stop()
    bus.stop()


@pytest.fixture
def decnet(lab: Lab, disk, servers, tmp_path: Path):
    before = lab.snapshot()
    file = tmp_path / "network.ini"
    file.write_text(NETWORK.format(syslog=servers[0].ports["tcp"], bus=servers[1].port))
    command = Command(tmp_path / "state")
    command("apply", file)
    yield command
    for server in servers:
        server.stop()
    command("destroy", "--yes", "lab", timeout=PATIENCE_SECONDS)
    assert lab.snapshot() == before


def test_nothing_is_lost_and_nothing_doubled_whoever_is_killed(decnet, servers, disk, tmp_path):
    began, ingester = time.monotonic(), Ingester(decnet.state, disk)
    attacks = [Attack(address, EVENTS // len(ADDRESSES)) for address in ADDRESSES]
    for attack in attacks:
        attack.start()
    try:
        kill_again_and_again(ingester, attacks)
        for attack in attacks:
            attack.join(PATIENCE_SECONDS)
        time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - began)))
        waiting = {one["name"]: one for one in decnet.json("status", "lab")["sinks"]}
        assert min(one["queued"] for one in waiting.values()) >= EVENTS
        away = time.monotonic() - began
        for server in servers:
            server.start()
        eventually(lambda: queued(decnet) == {"log_target": 0, "bus": 0}, seconds=2 * PATIENCE_SECONDS)
        logged = list(read(decnet.state / "events" / "lab", Filter()))
        ids = {event.id for event in logged}
        eventually(lambda: ingester.taken() >= len(ids), seconds=PATIENCE_SECONDS)
    finally:
        ingester.end(signal.SIGTERM)

    commands = {event.id: event.data["command"] for event in logged if event.type is EventType.COMMAND}
    assert sorted(commands.values()) == sorted(one for attack in attacks for one in attack.commands())
    assert len(commands) == EVENTS
    assert sorted(stored(ingester.store)) == sorted(ids)
    eventually(lambda: ids <= set(received(servers[0].output)), seconds=60)
    assert set(received(servers[0].output)) == ids
    assert sorted(asyncio.run(published(servers[1]))) == sorted(ids)
    states = decnet.json("status", "lab")["sinks"]
    assert [(one["dropped"], one["dropped_bytes"]) for one in states] == [(0, 0)] * 2
    again = len(received(servers[0].output)) - len(ids)
    print(f"\n{len(ids)} events, {KILLS} kills each, sinks away for {away:.0f} s;")
    print(
        f"{again} sent to syslog a second time with the same id; 0 lost, 0 doubled in the store and the stream"
    )


def kill_again_and_again(ingester: Ingester, attacks: list[Attack]) -> None:
    """Spread over all that is taken in: the ingester while it takes in, the supervisor while events come."""
    supervisor = 0
    for kill in range(KILLS):
        wanted = EVENTS * (kill + 1) // (KILLS + 1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ingester.taken() < wanted:
            assert time.monotonic() < deadline, ingester.complained()
            ingester.tend()
            time.sleep(0.02 + 0.013 * kill)
        ingester.end(signal.SIGKILL)
        eventually(lambda last=supervisor: supervising() not in (0, last), seconds=60)
        supervisor = supervising()
        os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: supervising() not in (0, supervisor), seconds=60)
    eventually(lambda: ingester.tend() or ingester.was_full, seconds=PATIENCE_SECONDS)
    assert all(attack.is_alive() or attack.answered == attack.count for attack in attacks)


def supervising() -> int:
    """The supervisor's process; 0 while there is none that answers."""
    told = supervision.status(run_dir())
    return told.pid if told else 0


def queued(decnet: Command) -> dict[str, int]:
    return {one["name"]: one["queued"] for one in decnet.json("status", "lab", code=None)["sinks"]}


def stored(path: Path) -> list[str]:
    """Ids of all events of the store, with every one that is there twice."""
    with closing(sqlite3.connect(path)) as connection:
        counts = connection.execute(
            "SELECT count(*), max(seq), (SELECT sum(events) FROM decoy), (SELECT sum(events) FROM tally WHERE width = 60)"
            " FROM event"
        ).fetchone()
        found = [_uuid(row[0]) for row in connection.execute("SELECT id FROM event")]
    assert counts == (len(found),) * 4
    return found


def _uuid(number: bytes) -> str:
    text = number.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def received(path: Path) -> list[str]:
    """Ids of all messages that rsyslog has written, whole lines only."""
    with path.open("rb") as lines:
        return [found[1].decode() for line in lines if line.endswith(b"\n") and (found := _ID.search(line))]


_ID = re.compile(rb' id="([0-9a-f-]{36})"')


async def published(server: NatsServer) -> list[str]:
    """Ids of all messages of the stream."""
    client = await nats.connect(f"nats://{server.address}:{server.port}", allow_reconnect=False)
    try:
        context = client.jetstream()
        count = (await context.stream_info("decnet")).state.messages
        reader = await context.subscribe("decnet.>", ordered_consumer=True)
        return [(await reader.next_msg(10)).headers["Nats-Msg-Id"] for _ in range(count)]
    finally:
        await client.close()
