"""REPLICAOF, ROLE and what replicas say. Nothing is contacted: the master that an attacker names stays "down"."""

from __future__ import annotations

import time
from typing import Any

from decnet.services.redis.call import Call, number, option
from decnet.services.redis.reply import OK, Refused, Status
from decnet.services.redis.request import integer
from decnet.services.redis.table import command


@command("replicaof", "slaveof")
def replicaof(call: Call) -> Any:
    state, host, port = call.state, call.args[1], call.args[2]
    if option(host) == "NO" and option(port) == "ONE":
        if state.master is not None:
            state.master = None
            state.previous_replication_id = state.replication_id
            state.replication_id = f"{state.random.getrandbits(160):040x}"
        return OK
    number_ = integer(port)
    if number_ is None or not 0 <= number_ <= 65535:
        raise Refused("ERR Invalid master port")
    master = (host[:255].decode("latin-1"), number_)
    if state.master == master:
        return Status(b"OK Already connected to specified master")
    if state.master is None:
        state.master_since = time.monotonic()
    state.master = master
    return OK


@command("role")
def role(call: Call) -> Any:
    master = call.state.master
    if master is None:
        return [b"master", 0, []]
    # A master that does not answer: "connect" and "connecting" take turns as the real link tries again.
    trying = int(time.monotonic() - call.state.master_since) % 60 > 0
    return [b"slave", master[0].encode(), master[1], b"connecting" if trying else b"connect", -1]


@command("replconf")
def replconf(call: Call) -> Any:
    words = call.args[1:]
    if len(words) % 2:
        raise Refused("ERR syntax error")
    for word, value in zip(words[::2], words[1::2], strict=True):
        name = word.lower()
        if name == b"listening-port":
            number(value)
        elif name not in {b"ip-address", b"capa", b"ack", b"getack", b"rdb-only", b"rdb-filter-only"}:
            raise Refused(b"ERR Unrecognized REPLCONF option: %b" % word[:128])
    return OK


@command("failover")
def failover(call: Call) -> Any:
    if call.state.master is not None:
        raise Refused("ERR FAILOVER is not valid when server is a replica.")
    raise Refused("ERR FAILOVER requires connected replicas.")
