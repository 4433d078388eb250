"""Channels."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import Call
from decnet.services.redis.client import Client
from decnet.services.redis.pattern import glob
from decnet.services.redis.reply import Push, Replies
from decnet.services.redis.table import command

SUBSCRIPTIONS_LIMIT = 4096
"""Channels and patterns of one client; redis has no such limit, and what is past it is not delivered."""
Table = dict[bytes, dict[Client, None]]


def _places(call: Call, name: str) -> tuple[dict[bytes, None], Table]:
    client, state = call.client, call.state
    if name.startswith("p"):
        return client.patterns, state.patterns
    if name in {"ssubscribe", "sunsubscribe"}:
        return client.shards, state.shards
    return client.channels, state.channels


def _count(call: Call, name: str) -> int:
    own, _ = _places(call, name)
    return len(own) if own is call.client.shards else call.client.subscriptions


@command("subscribe", "psubscribe", "ssubscribe")
def subscribe(call: Call) -> Any:
    name = call.spec.name
    own, table = _places(call, name)
    replies = Replies()
    for channel in call.args[1:]:
        if len(own) < SUBSCRIPTIONS_LIMIT:
            own[channel] = None
            table.setdefault(channel, {})[call.client] = None
        replies.append(Push([name.encode(), channel, _count(call, name)]))
    return replies


@command("unsubscribe", "punsubscribe", "sunsubscribe")
def unsubscribe(call: Call) -> Any:
    name = call.spec.name
    own, table = _places(call, name)
    replies = Replies()
    for channel in call.args[1:] or list(own):
        own.pop(channel, None)
        listeners = table.get(channel, {})
        listeners.pop(call.client, None)
        if not listeners:
            table.pop(channel, None)
        replies.append(Push([name.encode(), channel, _count(call, name)]))
    return replies or Push([name.encode(), None, _count(call, name)])


@command("publish")
def publish(call: Call) -> Any:
    channel, message = call.args[1], call.args[2]
    state, heard = call.state, 0
    for client in list(state.channels.get(channel, ())):
        state.tell(client, [b"message", channel, message])
        heard += 1
    for pattern, listeners in list(state.patterns.items()):
        if glob(pattern).fullmatch(channel):
            for client in list(listeners):
                state.tell(client, [b"pmessage", pattern, channel, message])
                heard += 1
    return heard


@command("spublish")
def spublish(call: Call) -> Any:
    listeners = list(call.state.shards.get(call.args[1], ()))
    for client in listeners:
        call.state.tell(client, [b"smessage", call.args[1], call.args[2]])
    return len(listeners)


@command("pubsub|channels", "pubsub|shardchannels")
def channels(call: Call) -> Any:
    table = call.state.shards if call.spec.name == "pubsub|shardchannels" else call.state.channels
    match = glob(call.args[2]).fullmatch if len(call.args) > 2 else None
    return [name for name in table if match is None or match(name)]


@command("pubsub|numsub", "pubsub|shardnumsub")
def numsub(call: Call) -> Any:
    table = call.state.shards if call.spec.name == "pubsub|shardnumsub" else call.state.channels
    return [part for name in call.args[2:] for part in (name, len(table.get(name, ())))]


@command("pubsub|numpat")
def numpat(call: Call) -> Any:
    return len(call.state.patterns)
