"""A request becomes a reply: the checks of redis' processCommand, in its order, then the command itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from decnet.services.redis import audit
from decnet.services.redis.call import Call
from decnet.services.redis.client import Client
from decnet.services.redis.dataset import OUT_OF_MEMORY
from decnet.services.redis.info import used_memory
from decnet.services.redis.reply import NO_ARRAY, NO_REPLY, QUEUED, Error, Refused
from decnet.services.redis.request import ARGUMENT_COST, REQUEST_LIMIT, Request
from decnet.services.redis.state import State, Usage
from decnet.services.redis.table import Spec, find, table

NOT_AUTHENTICATED = "NOAUTH Authentication required."
READ_ONLY = "READONLY You can't write against a read only replica."
SUBSCRIBED = "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
_WHILE_SUBSCRIBED = frozenset(
    [
        "ping",
        "subscribe",
        "ssubscribe",
        "sunsubscribe",
        "psubscribe",
        "unsubscribe",
        "punsubscribe",
        "quit",
        "reset",
    ]
)
_NOT_QUEUED = frozenset(["exec", "discard", "multi", "watch", "quit", "reset"])


@dataclass(slots=True)
class Wait(Exception):  # noqa: N818 (no fault: the command has to wait)
    """A command waits for keys: ``retry`` gives its reply, or None while there is none yet."""

    keys: list[bytes]
    seconds: float
    retry: Callable[[], Any]


@dataclass(slots=True)
class Blocked:
    """A client that waits."""

    client: Client
    wait: Wait

    @property
    def keys(self) -> list[bytes]:
        """The keys it waits for, in its selected database."""
        return self.wait.keys

    @property
    def seconds(self) -> float:
        """How long; 0 is for ever."""
        return self.wait.seconds

    def answer(self, *, expired: bool) -> bool:
        """Reply if there is something to reply; True when the client goes on."""
        client = self.client
        if client.unblock == "error":
            client.out.add(Error(b"UNBLOCKED client unblocked via CLIENT UNBLOCK"))
            return True
        if expired or client.unblock:
            client.out.add(NO_ARRAY)
            return True
        try:
            reply = self.wait.retry()
        except Refused as refusal:
            reply = refusal.reply
        if reply is None:
            return False
        client.out.add(reply)
        return True


def execute(state: State, client: Client, request: Request) -> Blocked | None:
    """Carry out one request and add its reply to the client's output. Raises `OutputLimit`."""
    client.active = time.monotonic()
    args = request.args
    call: Call | None = None
    if state.monitors:
        state.show(client, args)
    try:
        call = verify(state, client, request)
        reply = queue(call, request) if _queues(client, call.spec) else carry_out(call)
    except Refused as refusal:
        reply = refusal.reply
        count_error(state, call.spec if call else None, refusal.reply, rejected=call is None)
        if client.queue is not None and call is None:
            client.spoiled = True
    except Wait as wait:
        audit.command(client, call, args, request.dropped)
        return Blocked(client, wait)
    audit.command(client, call, args, request.dropped)
    if client.muted:
        if client.muted == "skip":
            client.muted = ""
        elif client.muted == "skip-next":
            client.muted = "skip"
        return None
    client.out.add(reply)
    return None


def verify(state: State, client: Client, request: Request) -> Call:
    """The request as a call, if this client may make it now. Raises `Refused`."""
    args = request.args
    lowered = args[0].lower()
    if lowered in {b"host:", b"post"}:
        # Cross protocol scripting: redis closes at once, without the replies that still wait.
        client.out.take()
        client.closing = True
        client.muted = "off"
    if not client.trusted:
        spec = table(state.version).get(lowered.decode("latin-1"))
        if spec is not None and "no_auth" not in spec.flags:
            find(table(state.version), args)
            raise Refused(NOT_AUTHENTICATED)
    if request.dropped:
        raise Refused(OUT_OF_MEMORY)
    spec = find(table(state.version), args)
    if state.master is not None and "write" in spec.flags and state.config["replica-read-only"] == b"yes":
        raise Refused(READ_ONLY)
    if (client.channels or client.patterns) and not client.out.resp3 and spec.name not in _WHILE_SUBSCRIBED:
        raise Refused(SUBSCRIBED.format(spec.name))
    if "denyoom" in spec.flags and not _queues(client, spec):
        most = state.config["maxmemory"]
        if (
            most != b"0"
            and state.config["maxmemory-policy"] == b"noeviction"
            and used_memory(state) > int(most)
        ):
            raise Refused(OUT_OF_MEMORY)
        state.dataset.room(sum(map(len, args[1:])) + ARGUMENT_COST * (len(args) - 1))
    return Call(args, spec, client, state)


def _queues(client: Client, spec: Spec) -> bool:
    return client.queue is not None and not client.executing and spec.name not in _NOT_QUEUED


def queue(call: Call, request: Request) -> Any:
    """Keep a command for EXEC."""
    client = call.client
    if "no_multi" in call.spec.flags:
        client.spoiled = True
        raise Refused("ERR Command not allowed inside a transaction")
    client.queued += sum(map(len, request.args)) + ARGUMENT_COST * len(request.args)
    if client.queue is not None:
        client.queue.append(request)
    if client.queued > REQUEST_LIMIT:
        # Past its limit on query buffers and queued commands redis closes the client.
        client.closing = True
        return NO_REPLY
    return QUEUED


def carry_out(call: Call) -> Any:
    """Run a command and count it."""
    state, spec = call.state, call.spec
    run = spec.run
    if run is None:
        raise Refused(f"ERR unknown command '{spec.name}'")
    usage = state.stats.usage.get(spec.name)
    if usage is None:
        usage = state.stats.usage[spec.name] = Usage()
    started = time.perf_counter_ns()
    try:
        reply = run(call)
    finally:
        usage.calls += 1
        usage.spent += max(1, (time.perf_counter_ns() - started) // 1000)
        state.stats.tick()
        call.client.last = spec.name
    return reply


def count_error(state: State, spec: Spec | None, reply: Error, *, rejected: bool) -> None:
    """For ERRORSTATS and COMMANDSTATS."""
    code = reply.partition(b" ")[0][:32].decode("latin-1")
    if len(state.stats.errors) < 128 or code in state.stats.errors:
        state.stats.errors[code] += 1
    if spec is not None:
        usage = state.stats.usage.setdefault(spec.name, Usage())
        if rejected:
            usage.rejected += 1
        else:
            usage.failed += 1
