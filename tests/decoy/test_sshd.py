"""What the system calls of a real sshd tell: who tries to get in, what is typed, shown and run."""

import random
import struct

import pytest

from decnet.decoy.calls import EXECVE_SLOTS, HEAD_BYTES, Call, Nr, decode
from decnet.decoy.sshd import Attempt, Left, Ran, Shown, Sshd
from decnet.decoy.typed import Line

LISTENER, MONITOR, NET, SESSION, SHELL = 1, 7, 8, 9, 10
PEER = struct.pack("<H", 2) + (4711).to_bytes(2, "big") + bytes((203, 0, 113, 9)) + bytes(20)
NETWORK_FD, MONITOR_FD, PTY = 4, 6, 12


def call(nr, pid, fd=0, data=b"", result=None):
    return Call(nr, pid, fd, len(data) if result is None else result, data, 1.0)


def fork(parent, child):
    return call(Nr.CLONE, parent, result=child)


def text(data):
    return struct.pack(">I", len(data)) + data


def message(kind, rest, pid=MONITOR, fd=MONITOR_FD):
    """One message as it is read when its sender is quick."""
    whole = bytes([kind]) + rest
    return [call(Nr.READ, pid, fd, struct.pack(">I", len(whole))), call(Nr.READ, pid, fd, whole)]


def begun():
    return [
        fork(LISTENER, MONITOR),
        call(Nr.GETPEERNAME, MONITOR, NETWORK_FD, PEER, 0),
        fork(MONITOR, NET),
    ]


def told(*calls, sshd=None):
    heard = sshd or Sshd()
    flat = [one for item in calls for one in (item if isinstance(item, list) else [item])]
    return [event for one in flat for event in heard.see(one)]


def password(user, secret, accepted):
    return [
        *message(8, text(user)),
        *message(12, text(secret)),
        *message(13, struct.pack(">II", accepted, 0), NET, 5),
    ]


@pytest.mark.parametrize(("accepted", "outcome"), [(1, "accepted"), (0, "refused")])
def test_a_password_is_told_with_its_answer(accepted, outcome):
    (attempt,) = told(begun(), password(b"root", b"toor\xff", accepted))
    assert isinstance(attempt, Attempt)
    assert (attempt.connection.address, attempt.connection.port) == ("203.0.113.9", 4711)
    assert attempt.data == {
        "principal": "root",
        "secret": "toor\\xff",
        "secret_kind": "plaintext",
        "method": "password",
        "outcome": outcome,
    }


def test_a_message_may_come_in_pieces():
    pieces = [
        call(Nr.READ, MONITOR, MONITOR_FD, struct.pack(">I", 9)),
        call(Nr.READ, MONITOR, MONITOR_FD, b"\x08"),
        call(Nr.READ, MONITOR, MONITOR_FD, text(b"root")),
    ]
    (attempt,) = told(begun(), pieces, password(b"root", b"x", 0)[2:])
    assert attempt.data["principal"] == "root"


def test_a_child_may_act_before_its_parent_has_made_it():
    calls = [fork(LISTENER, MONITOR), call(Nr.GETPEERNAME, MONITOR, NETWORK_FD, PEER, 0)]
    early = message(13, struct.pack(">II", 1, 0), NET, 5)
    (attempt,) = told(calls, password(b"root", b"x", 1)[:4], early, fork(MONITOR, NET))
    assert attempt.data["outcome"] == "accepted"


def test_what_a_visitor_sends_is_never_taken_for_a_message():
    forged = message(8, text(b"forged"), fd=NETWORK_FD) + message(12, text(b"x"), fd=NETWORK_FD)
    assert told(begun(), forged, message(13, struct.pack(">II", 1, 0), NET, 5)) == []


def test_a_program_of_a_visitors_own_that_is_called_sshd_is_told_of_nowhere():
    alone = [fork(500, 501), call(Nr.GETPEERNAME, 501, 3, PEER, 0)]
    assert told(alone, message(8, text(b"root"), 501), message(12, text(b"x"), 501)) == []


def test_keys_are_told_by_their_fingerprint():
    blob = text(b"ssh-ed25519") + text(bytes(32))
    asked = message(22, struct.pack(">I", 2) + text(b"") + text(b"") + text(blob) + bytes(4))
    (attempt,) = told(begun(), message(8, text(b"root")), asked, message(23, struct.pack(">I", 0), NET, 5))
    assert attempt.data["secret"].startswith("SHA256:")
    assert (attempt.data["key_type"], attempt.data["outcome"]) == ("ssh-ed25519", "refused")


def executed(*words):
    slots = [
        word.ljust(size, b"\0") for word, size in zip((*words, b"", b"")[:3], EXECVE_SLOTS, strict=False)
    ]
    return call(Nr.EXECVE, SHELL, data=b"".join(slots), result=0)


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        ((b"bash", b"-c", b"id; uname -a"), [b"id; uname -a"]),
        ((b"bash", b"", b"id"), [b"id"]),
        ((b"-bash",), []),
        ((b"/usr/sbin/sshd", b"-D", b"-R"), []),
        ((b"sh", b"-c", b"/usr/bin/env -i PATH=/usr/bin run-parts /etc/update-motd.d"), []),
        ((b"sh", b"-c", b"--"), []),
        ((b"bash", b"-c", b"--"), [b"--"]),
    ],
)
def test_what_a_visitor_has_run_is_told(words, commands):
    found = told(begun(), fork(MONITOR, SHELL), executed(*words))
    assert [(one.command, one.via) for one in found if isinstance(one, Ran)] == [
        (one, "exec") for one in commands
    ]


def test_a_terminal_is_what_has_a_size():
    size = call(Nr.IOCTL, SESSION, PTY, struct.pack("<HHHH", 31, 101, 0, 0), 0)
    found = told(
        begun(),
        fork(MONITOR, SESSION),
        call(Nr.READ, SESSION, PTY, b"not yet"),
        size,
        call(Nr.DUP, SESSION, PTY, result=PTY + 1),
        call(Nr.READ, SESSION, PTY + 1, b"$ "),
        call(Nr.WRITE, SESSION, PTY, b"id\r"),
        call(Nr.CLOSE, SESSION, PTY, result=0),
        call(Nr.WRITE, SESSION, PTY, b"no terminal any more"),
        call(Nr.EXIT_GROUP, MONITOR),
    )
    shown = [(one.kind, one.data) for one in found if isinstance(one, Shown)]
    assert shown == [("r", b"101x31"), ("o", b"$ "), ("i", b"id\r")]
    assert [one.command for one in found if isinstance(one, Ran)] == [b"id"]
    assert isinstance(found[-1], Left)


def test_nothing_raises_whatever_is_heard():
    drawn, sshd = random.Random(4), Sshd()
    for _ in range(20_000):
        data = drawn.randbytes(drawn.choice((0, 1, 4, 5, 9, 40)))
        one = call(
            drawn.choice(list(Nr)), drawn.randint(1, 6), drawn.randint(0, 5), data, drawn.randint(0, 9)
        )
        list(sshd.see(one))
    list(sshd.end_all())


def test_a_record_of_the_ring():
    record = struct.pack("<QIIIIqqq", 1_500_000_000, 7, 8, 0, 2, 2, 6, 0) + b"ok" + b"rest"
    assert decode(record) == Call(Nr.READ, 7, 6, 2, b"ok", 1.5)
    assert decode(record[: HEAD_BYTES - 1]) is None


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        (b"id\r", [b"id"]),
        (b"ix\x7fd\r\r\n", [b"id"]),
        (b"one\x15two\r", [b"two"]),
        (b"rm -rf /\x17~\r", [b"rm -rf ~"]),
        (b"sleep 9\x03id\n", [b"id"]),
        (b"\x1b[A\x1b[Cid\x1b[D\x1bOC\r", [b"id"]),
        ("echo ä\x7f\x7f\r".encode(), [b"echo"]),
        (b"unfinished", []),
        (b"x" * 9000 + b"\r", [b"x" * 4096]),
    ],
)
def test_lines_as_they_were_meant(typed, lines):
    assert [one.rstrip() for one in Line().take(typed)] == lines
