"""CONFIG."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import Call
from decnet.services.redis.reply import OK
from decnet.services.redis.state import Stats
from decnet.services.redis.table import command, wrong_arity


@command("config|get")
def config_get(call: Call) -> Any:
    return call.state.config.get(call.args[2:])


@command("config|set")
def config_set(call: Call) -> Any:
    words = call.args[2:]
    if len(words) % 2:
        raise wrong_arity("config|set")
    call.state.config.set(list(zip(words[::2], words[1::2], strict=True)))
    return OK


@command("config|rewrite")
def config_rewrite(call: Call) -> Any:  # noqa: ARG001
    return OK


@command("config|resetstat")
def config_resetstat(call: Call) -> Any:
    call.state.stats = Stats()
    return OK
