"""MULTI, EXEC, DISCARD, WATCH."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import Call
from decnet.services.redis.execute import carry_out, count_error, verify
from decnet.services.redis.reply import NO_ARRAY, OK, Refused
from decnet.services.redis.table import command

WATCH_LIMIT = 10_000
"""Keys that one client may watch."""


@command("multi")
def multi(call: Call) -> Any:
    if call.client.queue is not None:
        raise Refused("ERR MULTI calls can not be nested")
    call.client.queue = []
    return OK


@command("discard")
def discard(call: Call) -> Any:
    if call.client.queue is None:
        raise Refused("ERR DISCARD without MULTI")
    _forget(call)
    return OK


@command("exec")
def exec_(call: Call) -> Any:
    client = call.client
    requests = client.queue
    if requests is None:
        raise Refused("ERR EXEC without MULTI")
    spoiled, dirty = client.spoiled, client.dirty
    _forget(call)
    if spoiled:
        raise Refused("EXECABORT Transaction discarded because of previous errors.")
    if dirty:
        return NO_ARRAY
    replies = []
    client.executing = True
    try:
        for request in requests:
            inner = None
            try:
                inner = verify(call.state, client, request)
                replies.append(carry_out(inner))
            except Refused as refusal:
                count_error(call.state, inner.spec if inner else None, refusal.reply, rejected=inner is None)
                replies.append(refusal.reply)
    finally:
        client.executing = False
    return replies


def _forget(call: Call) -> None:
    client = call.client
    client.queue, client.queued, client.spoiled = None, 0, False
    call.state.unwatch(client)


@command("watch")
def watch(call: Call) -> Any:
    client = call.client
    if client.queue is not None:
        raise Refused("ERR WATCH inside MULTI is not allowed")
    for key in call.args[1:]:
        call.db.get(key)
        if len(client.watched) < WATCH_LIMIT:
            client.watched.add((client.db, key))
            call.state.watchers.setdefault((client.db, key), set()).add(client)
    return OK


@command("unwatch")
def unwatch(call: Call) -> Any:
    call.state.unwatch(call.client)
    return OK
