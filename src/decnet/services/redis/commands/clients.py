"""CLIENT."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.client import Client
from decnet.services.redis.commands.admin import check_name
from decnet.services.redis.reply import NO_REPLY, OK, Members, Refused, Verbatim
from decnet.services.redis.request import integer
from decnet.services.redis.table import command

BAD_NAME = "ERR Client names cannot contain spaces, newlines or special characters."
BAD_ID = "ERR Invalid client ID"
_TYPES = {"NORMAL", "MASTER", "REPLICA", "SLAVE", "PUBSUB"}


def described(client: Client, version: tuple[int, ...]) -> bytes:
    """One line of CLIENT LIST."""
    now = time.monotonic()
    pending = client.parser.pending
    port = client.session.local[1]
    words = [
        f"id={client.id}",
        f"addr={client.address}",
        f"laddr={client.session.local[0]}:{port}" if version >= (6, 2) else "",
        f"fd={client.id % 200 + 5}",
        f"name={client.name.decode('latin-1')}",
        f"age={int(now - client.created)}",
        f"idle={int(now - client.active)}",
        f"flags={client.flags()}",
        f"db={client.db}",
        f"sub={len(client.channels)}",
        f"psub={len(client.patterns)}",
        f"ssub={len(client.shards)}" if version >= (7, 0, 3) else "",
        f"multi={-1 if client.queue is None else len(client.queue)}",
        f"qbuf={pending}",
        f"qbuf-free={max(0, 20474 - pending)}",
        "argv-mem=10" if version >= (6, 0) else "",
        f"multi-mem={client.queued}" if version >= (7, 0) else "",
        "rbs=1024 rbp=0" if version >= (7, 0) else "",
        "obl=0 oll=0 omem=0",
        "tot-mem=22298" if version >= (6, 0) else "",
        "events=r",
        f"cmd={client.last}",
        "user=default" if version >= (6, 0) else "",
        "redir=-1" if version >= (6, 2) else "",
        f"resp={3 if client.out.resp3 else 2}" if version >= (7, 0) else "",
    ]
    return (" ".join(word for word in words if word) + "\n").encode("latin-1")


@command("client|id")
def client_id(call: Call) -> Any:
    return call.client.id


@command("client|getname")
def getname(call: Call) -> Any:
    return call.client.name or None


@command("client|setname")
def setname(call: Call) -> Any:
    check_name(call.args[2][:65536], BAD_NAME)
    call.client.name = call.args[2][:256]
    return OK


@command("client|info")
def client_info(call: Call) -> Any:
    call.client.last = call.spec.name
    return Verbatim(described(call.client, call.state.version))


@command("client|list")
def client_list(call: Call) -> Any:
    args = call.args
    clients: Iterable[Client] = call.state.clients.values()
    if len(args) == 4 and option(args[2]) == "TYPE":
        wanted = option(args[3])
        if wanted not in _TYPES:
            raise Refused(b"ERR Unknown client type '%b'" % args[3][:128])
        clients = [client for client in clients if _is(client, wanted)]
    elif len(args) > 3 and option(args[2]) == "ID":
        chosen = {number(text, BAD_ID) for text in args[3:]}
        clients = [client for client in clients if client.id in chosen]
    elif len(args) != 2:
        raise Refused(SYNTAX)
    call.client.last = call.spec.name
    return Verbatim(b"".join(described(client, call.state.version) for client in clients))


def _is(client: Client, kind: str) -> bool:
    actual = "PUBSUB" if client.subscriptions else "NORMAL"
    return kind == actual


@command("client|kill")
def client_kill(call: Call) -> Any:
    args = call.args
    if len(args) == 3:
        address = args[2].decode("latin-1")
        found = [client for client in call.state.clients.values() if client.address == address]
        if not found:
            raise Refused("ERR No such client")
        _end(call, found)
        return OK
    if len(args) % 2:
        raise Refused(SYNTAX)
    tests = [_test(option(name), value) for name, value in zip(args[2::2], args[3::2], strict=True)]
    skip = not any(
        option(name) == "SKIPME" and option(value) == "NO"
        for name, value in zip(args[2::2], args[3::2], strict=True)
    )
    found = [
        client
        for client in call.state.clients.values()
        if all(test(client) for test in tests) and not (skip and client is call.client)
    ]
    _end(call, found)
    return len(found)


def _test(name: str, value: bytes) -> Any:
    text = value.decode("latin-1")
    if name == "ID":
        wanted = integer(value)
        if wanted is None or wanted <= 0:
            raise Refused("ERR client-id should be greater than 0")
        return lambda client: client.id == wanted
    if name == "ADDR":
        return lambda client: client.address == text
    if name == "LADDR":
        return lambda client: f"{client.session.local[0]}:{client.session.local[1]}" == text
    if name == "TYPE":
        if text.upper() not in _TYPES:
            raise Refused(b"ERR Unknown client type '%b'" % value[:128])
        return lambda client: _is(client, text.upper())
    if name == "USER":
        if text != "default":
            raise Refused(b"ERR No such user '%b'" % value[:128])
        return lambda _client: True
    if name == "SKIPME" and text.upper() in {"YES", "NO"}:
        return lambda _client: True
    raise Refused(SYNTAX)


def _end(call: Call, clients: list[Client]) -> None:
    for client in clients:
        client.closing = True
        if client is not call.client:
            client.transport.close()


@command("client|reply")
def client_reply(call: Call) -> Any:
    word = option(call.args[2])
    if word not in {"ON", "OFF", "SKIP"}:
        raise Refused(SYNTAX)
    if word == "ON":
        call.client.muted = ""
        return OK
    call.client.muted = "off" if word == "OFF" else "skip-next"
    return NO_REPLY


@command("client|no-evict")
def no_evict(call: Call) -> Any:
    word = option(call.args[2])
    if word not in {"ON", "OFF"}:
        raise Refused(SYNTAX)
    call.client.no_evict = word == "ON"
    return OK


@command("client|pause")
def pause(call: Call) -> Any:
    if number(call.args[2], "ERR timeout is not an integer or out of range") < 0:
        raise Refused("ERR timeout is negative")
    if len(call.args) > 3 and option(call.args[3]) not in {"WRITE", "ALL"}:
        raise Refused("ERR CLIENT PAUSE mode must be WRITE or ALL")
    return OK


@command("client|unpause")
def unpause(call: Call) -> Any:  # noqa: ARG001
    return OK


@command("client|getredir")
def getredir(call: Call) -> Any:  # noqa: ARG001
    return -1


@command("client|trackinginfo")
def trackinginfo(call: Call) -> Any:  # noqa: ARG001
    return {b"flags": Members([b"off"]), b"redirect": -1, b"prefixes": []}


@command("client|unblock")
def unblock(call: Call) -> Any:
    wanted = number(call.args[2])
    how = option(call.args[3]) if len(call.args) > 3 else "TIMEOUT"
    if how not in {"TIMEOUT", "ERROR"}:
        raise Refused("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    client = call.state.clients.get(wanted)
    if client is None or client.blocked is None:
        return 0
    client.unblock = how.lower()
    client.blocked()
    return 1
