"""A custom service as its decoy process tells of it, from sources that a test holds."""

import asyncio
import os
import socket

import pytest

from decnet.decoy.protocol import Attendance
from decnet.decoy.witness import Witness
from decnet.events import EventType
from decnet.services.limits import Limits
from tests.decoy.test_flows import ACK, FIN, SYN, THEM, US, tcp

STAMP = b"2026-01-02T03:04:05.%09dZ "


class Stage:
    """A witness, its sources, and what it told."""

    def __init__(self, tmp_path, **limits):
        self.folder = os.open(tmp_path, os.O_RDONLY)
        self.attendance = Attendance("web", "honey", ((8080, "tcp"),), (US,), Limits(**limits))
        self.events, self.asked, self.sources = [], [], {}

    async def __aenter__(self):
        self.witness = Witness(self.attendance, "boxes", self.events.append, self._source, self.folder)
        await self.rest()
        return self

    async def __aexit__(self, *_):
        await self.witness.stop()
        for one in self.sources.values():
            one.close()

    async def _source(self, _, what, since):
        self.asked.append((what, since))
        self.sources[what], theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return theirs

    async def rest(self):
        for _ in range(20):
            await asyncio.sleep(0.005)

    async def say(self, *entries, stream="stdout"):
        for entry in entries:
            self.sources[stream].send(entry)
        await self.rest()

    async def pass_by(self, *packets):
        for packet in packets:
            self.sources["packets"].send(packet)
        await self.rest()

    def texts(self):
        return [event.data.get("text") for event in self.events if event.type is EventType.LOG]


def on_stage(tmp_path, play, **limits):
    async def run():
        async with Stage(tmp_path, **limits) as stage:
            await play(stage)
        os.close(stage.folder)
        return stage

    return asyncio.run(run())


def test_a_line_is_an_event_of_the_time_it_was_printed(tmp_path):
    async def play(stage):
        await stage.say(
            STAMP % 7000 + b"plain \x1b[2J\xff\n", STAMP % 8000 + b'{"type": "command", "command": "id"}\n'
        )
        await stage.say(STAMP % 9000 + b" \n")

    first, second = on_stage(tmp_path, play).events
    assert (first.ts, first.type, first.decoy, first.service) == (
        "2026-01-02T03:04:05.000007Z", EventType.LOG, "web", "honey",
    )  # fmt: skip
    assert first.data == {"text": "plain \\x1b[2J\\xff"}
    assert (second.type, second.data) == (EventType.COMMAND, {"command": "id"})


def test_of_a_long_line_the_first_piece_is_told(tmp_path):
    async def play(stage):
        await stage.say(
            STAMP % 1 + b"x" * 16384, STAMP % 2 + b"y" * 50, STAMP % 3 + b"z\n", STAMP % 4 + b"next\n"
        )

    stage = on_stage(tmp_path, play)
    assert [text[:4] for text in stage.texts()] == ["xxxx", "next"]
    assert stage.events[0].data["cut"] is True


def test_a_line_that_names_its_visitor_belongs_to_the_connection(tmp_path):
    async def play(stage):
        await stage.pass_by(tcp(SYN, 100), tcp(SYN | ACK, 900, 101, back=True))
        await stage.say(STAMP % 1 + b'{"src_ip": "%s", "src_port": 4711, "user": "x"}\n' % THEM.encode())
        assert stage.witness.sessions == 1
        await stage.pass_by(tcp(FIN | ACK, 131, 901), tcp(FIN | ACK, 1401, 132, back=True))

    opened, line, closed = on_stage(tmp_path, play).events
    assert opened.session == line.session == closed.session != ""
    assert (line.dst_ip, line.dst_port, line.proto, line.data) == (US, 8080, "tcp", {"user": "x"})
    assert (closed.data["reason"], closed.data["received"], closed.data["sent"]) == ("closed", 30, 500)


def test_after_a_break_lines_go_on_where_they_ended(tmp_path):
    async def play(stage):
        assert ("stdout", "") in stage.asked
        await stage.say(STAMP % 1 + b"one\n", STAMP % 2 + b"two\n")

    async def again(stage):
        assert ("stdout", (STAMP % 2).decode().strip()) in stage.asked
        await stage.say(STAMP % 1 + b"one\n", STAMP % 2 + b"two\n", STAMP % 3 + b"three\n")
        stage.sources["stdout"].close()
        await asyncio.sleep(1.2)
        assert stage.asked[-1] == ("stdout", (STAMP % 3).decode().strip())

    assert on_stage(tmp_path, play).texts() == ["one", "two"]
    assert on_stage(tmp_path, again).texts() == ["three"]


def test_what_goes_to_stderr_is_a_plain_line_that_says_so_whatever_it_looks_like(tmp_path):
    async def play(stage):
        await stage.say(STAMP % 2 + b"out\n")
        await stage.say(STAMP % 1 + b'{"type": "command", "src_ip": "192.0.2.7"}\n', stream="stderr")

    async def again(stage):
        assert ("stderr", (STAMP % 1).decode().strip()) in stage.asked
        assert ("stdout", (STAMP % 2).decode().strip()) in stage.asked
        await stage.say(STAMP % 1 + b"told before\n", STAMP % 3 + b"x" * 9, stream="stderr")
        await stage.say(STAMP % 3 + b"whole\n")

    _, line = on_stage(tmp_path, play).events
    assert (line.type, line.src_ip) == (EventType.LOG, "")
    assert line.data == {"text": '{"type": "command", "src_ip": "192.0.2.7"}', "stream": "stderr"}
    piece, whole = on_stage(tmp_path, again).events
    assert piece.data == {"text": "x" * 9, "stream": "stderr", "cut": True}
    assert whole.data == {"text": "whole"}


def test_a_flood_is_counted(tmp_path):
    async def play(stage):
        await stage.say(*(STAMP % number + b"line\n" for number in range(1, 60)))

    stage = on_stage(tmp_path, play, event_rate=10)
    assert len(stage.texts()) < 20
    (beyond,) = (event for event in stage.events if event.type is EventType.ERROR)
    assert beyond.data["error"] == "limit: events"
    assert beyond.data["count"] + len(stage.texts()) == 59


def test_what_is_open_is_told_as_ended_when_it_stops(tmp_path):
    async def play(stage):
        await stage.pass_by(tcp(SYN, 100), tcp(SYN | ACK, 900, 101, back=True))

    _, closed = on_stage(tmp_path, play).events
    assert (closed.type, closed.data["reason"]) == (EventType.CLOSE, "stopped")


@pytest.mark.parametrize("noise", [b"", b"\x00" * 9, b"no time\n", STAMP % 1 + b"{" * 5000 + b"\n"])
def test_noise_ends_nothing(tmp_path, noise):
    async def play(stage):
        await stage.say(noise or b"\n", STAMP % 9 + b"on it goes\n")
        await stage.pass_by(noise or b"\n")

    assert on_stage(tmp_path, play).texts()[-1] == "on it goes"
