"""What the shipper promises when servers die, stall and vanish, and when it is killed itself."""

import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from decnet.errors import WorldError
from decnet.events.sinks import FileSetting
from decnet.world import names
from decnet.world.shipping import own_folder
from tests.events.shipping import Log, event, syslog

FRAME = re.compile(rb"(\d{1,6}) <")


class Server:
    """A syslog server over TCP that can stop reading, hang up and come back on the same port."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.connection = None
        self.data = b""

    def accept(self):
        self.listening.settimeout(30)
        if self.connection:
            self.connection.close()
        self.connection, _ = self.listening.accept()
        self.connection.settimeout(10)
        self.data = b""

    def read(self, count):
        """Numbers of the next events."""
        found = []
        while len(found) < count:
            match = FRAME.match(self.data)
            end = match.end() - 1 + int(match[1]) if match else 0
            if match and len(self.data) >= end:
                found.append(int(re.search(rb' number="(\d+)"', self.data[:end])[1]))
                self.data = self.data[end:]
                continue
            chunk = self.connection.recv(1 << 16)
            assert chunk, "hung up"
            self.data += chunk
        return found

    def hang_up(self, *, rudely=False):
        if rudely:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def close(self):
        if self.connection:
            self.connection.close()
        self.listening.close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    yield made
    made.close()


def test_an_event_is_there_within_a_second(log, server):
    log.ship("siem", syslog("127.0.0.1", server.port))
    server.accept()
    taken = []
    for number in range(5):
        written = time.monotonic()
        log.write(event(number))
        assert server.read(1) == [number]
        taken.append(time.monotonic() - written)
    assert max(taken) < 1


@pytest.mark.parametrize("rudely", [False, True])
def test_what_was_in_doubt_is_sent_again_after_a_connection_was_lost(log, server, rudely):
    log.ship("siem", syslog("127.0.0.1", server.port))
    server.accept()
    log.write(*map(event, range(5)))
    assert server.read(5) == [0, 1, 2, 3, 4]
    server.hang_up(rudely=rudely)
    server.accept()
    log.write(event(5))
    assert server.read(6) == [0, 1, 2, 3, 4, 5]
    log.until(lambda: log.status("siem").queued == 0)
    assert (log.status("siem").sent, log.status("siem").resent) == (6, 5)


def test_what_was_delivered_is_not_sent_again(log, server):
    log.ship("siem", syslog("127.0.0.1", server.port))
    server.accept()
    log.write(event(0))
    log.until(lambda: log.status("siem").sent == 1)
    server.hang_up()
    server.accept()
    log.write(event(1))
    server.read(1)
    assert log.status("siem").resent == 0


def test_a_killed_shipper_goes_on_where_it_was(log, server):
    sink = syslog("127.0.0.1", server.port)
    log.ship("siem", sink)
    server.accept()
    log.write(*map(event, range(3)))
    log.until(lambda: log.status("siem").sent == 3)
    time.sleep(1)  # places are saved twice a second
    os.kill(log.pid(), signal.SIGKILL)
    log.write(event(3))
    server.read(3)
    log.ship("siem", sink)
    server.accept()
    assert server.read(1) == [3]
    assert log.status("siem").dropped == 0


def test_a_change_of_the_sink_or_a_restart_in_order_sends_nothing_twice(log, server):
    log.ship("siem", syslog("127.0.0.1", server.port))
    server.accept()
    log.write(event(0))
    server.read(1)
    log.ship("siem", syslog("127.0.0.1", server.port, max_size=999))
    assert server.connection.recv(1) == b"", "it takes leave before the server does"
    server.hang_up()
    server.accept()
    log.write(event(1))
    assert server.read(1) == [1]
    log.shipper.quit()
    log.ship("siem", syslog("127.0.0.1", server.port, max_size=999))
    server.accept()
    log.write(event(2))
    assert server.read(1) == [2]


def test_a_sink_that_is_dead_or_stuck_holds_up_no_other(log, server, tmp_path):
    stuck = Server()
    log.ship("dead", syslog("127.0.0.1", 1))
    log.ship("stuck", syslog("127.0.0.1", stuck.port))
    log.ship("nameless", syslog("no-such-host.invalid", 514))
    log.ship("siem", syslog("127.0.0.1", server.port))
    server.accept()
    stuck.accept()
    stuck.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for begin in range(0, 20_000, 2000):
        log.write(*(event(number, text="x" * 500) for number in range(begin, begin + 2000)))
        assert server.read(2000) == list(range(begin, begin + 2000))
    log.until(lambda: log.status("stuck").state == "waiting")
    assert log.status("dead").state == "failing"
    assert log.status("dead").error == "Connection refused"
    assert (log.status("dead").queued, log.status("dead").sent) == (20_000, 0)
    assert log.status("dead").oldest > 0
    assert log.status("nameless").state in {"failing", "connecting"}
    stuck.close()


def test_a_file_has_the_same_lines_and_its_own_rotation(log, tmp_path):
    path = tmp_path / "copy" / "deep" / "events.jsonl"
    log.ship("copy", FileSetting(str(path), rotate_bytes=4096, rotate_seconds=10**6, keep=2))
    for number in range(5):
        log.write(*(event(number, text="x" * 1000) for _ in range(5)))
        log.until(lambda number=number: log.status("copy").sent == 5 * number + 5)
        time.sleep(0.15)
    kept = sorted(one.name for one in path.parent.iterdir() if one.name.startswith("events"))
    assert kept == ["events.jsonl", "events.jsonl.1", "events.jsonl.2"]
    ours = (log.events / "events.jsonl").read_bytes()
    assert ours.endswith(path.read_bytes())
    assert path.stat().st_uid == names.uid("lab") if os.geteuid() == 0 else os.getuid()


def test_the_folder_of_a_file_is_the_network_s_own_and_reached_without_links(tmp_path):
    uid = names.uid("lab")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(WorldError, match="a part of it is a link"):
        own_folder(tmp_path / "link" / "x", uid)
    assert not (tmp_path / "x").exists()
    if os.geteuid() == 0:
        with pytest.raises(WorldError, match="belongs to somebody else"):
            own_folder(tmp_path, uid)
    os.close(own_folder(tmp_path / "a" / "b", uid))
    os.close(own_folder(tmp_path / "a" / "b", uid))


def test_the_shipper_holds_no_privilege(log, server):
    log.ship("siem", syslog("127.0.0.1", server.port))
    status = Path(f"/proc/{log.pid()}/status").read_text()
    assert re.search(r"CapEff:\s+0000000000000000\n", status)
    assert re.search(r"NoNewPrivs:\s+1\n", status)
    if os.geteuid() == 0:
        assert re.search(rf"Uid:(\s+{names.uid('lab')}){{4}}\n", status)


def test_a_sink_that_goes_leaves_nothing(log, server):
    log.ship("siem", syslog("127.0.0.1", server.port))
    log.until((log.events / "sink-siem.place").exists)
    log.shipper.stop("siem")
    assert sorted(one.name for one in log.events.iterdir()) == ["rotate.lock"]
    assert not log.run.exists()
