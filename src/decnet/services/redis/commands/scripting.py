"""EVAL: scripts are captured, not run. What the usual probes would say, they say."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from decnet.services.redis.call import Call, number, option
from decnet.services.redis.execute import carry_out, verify
from decnet.services.redis.reply import OK, Refused, Status
from decnet.services.redis.request import Request
from decnet.services.redis.state import SCRIPTS_LIMIT
from decnet.services.redis.table import command

GLOBALS = frozenset(
    [
        "redis",
        "KEYS",
        "ARGV",
        "server",
        "string",
        "table",
        "math",
        "bit",
        "cjson",
        "cmsgpack",
        "struct",
        "tonumber",
        "tostring",
        "type",
        "pairs",
        "ipairs",
        "next",
        "select",
        "unpack",
        "pcall",
        "xpcall",
        "error",
        "assert",
        "rawget",
        "rawset",
        "rawequal",
        "setmetatable",
        "getmetatable",
        "loadstring",
        "load",
        "coroutine",
        "collectgarbage",
        "gcinfo",
        "_VERSION",
        "_G",
        "local",
        "return",
    ]
)
_VALUE = r"(?P<{0}int>-?\d{{1,18}})|'(?P<{0}single>[^'\\\n]*)'|\"(?P<{0}double>[^\"\\\n]*)\"|(?P<{0}array>KEYS|ARGV)\[(?P<{0}index>\d+)\]"
_CONSTANT = re.compile(
    rf"\s*(?:return\s+(?:{_VALUE.format('')}|(?P<nil>nil)|(?P<true>true)|(?P<false>false))\s*;?)?\s*"
)
_CALL = re.compile(r"\s*(?P<return>return\s+)?redis\.p?call\s*\(\s*(?P<words>[^()]*?)\s*\)\s*;?\s*")
_WORD = re.compile(rf"\s*(?:{_VALUE.format('')})\s*(?:,|$)")
_GLOBAL = re.compile(r"(?<![\w.:\"'])(?P<name>[A-Za-z_]\w*)\s*(?=[.:\[(])")
_LOCAL = re.compile(r"\b(?:local|function|for)\s+(?:function\s+)?([\w\s,]+)")
_KEYWORD = frozenset(
    [
        "if",
        "then",
        "else",
        "elseif",
        "end",
        "for",
        "while",
        "do",
        "repeat",
        "until",
        "function",
        "in",
        "and",
        "or",
        "not",
        "nil",
        "true",
        "false",
    ]
)
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\[\[.*?\]\]", re.DOTALL)
LOOKED_AT = 4096
"""Characters of a script that are looked at."""


@command("eval", "eval_ro")
def eval_(call: Call) -> Any:
    keys = _keys(call)
    digest = _keep(call, call.args[1])
    return _run(call, call.args[1], digest, keys)


@command("evalsha", "evalsha_ro")
def evalsha(call: Call) -> Any:
    keys = _keys(call)
    digest = call.args[1].lower().decode("latin-1")
    script = call.state.scripts.get(digest)
    if script is None:
        raise Refused("NOSCRIPT No matching script. Please use EVAL.")
    return _run(call, script, digest, keys)


@command("script|load")
def script_load(call: Call) -> Any:
    return _keep(call, call.args[2]).encode()


@command("script|exists")
def script_exists(call: Call) -> Any:
    return [1 if sha.lower().decode("latin-1") in call.state.scripts else 0 for sha in call.args[2:]]


@command("script|flush")
def script_flush(call: Call) -> Any:
    if len(call.args) > 3 or (len(call.args) == 3 and option(call.args[2]) not in {"SYNC", "ASYNC"}):
        raise Refused("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    call.state.scripts.clear()
    return OK


@command("script|kill", "function|kill")
def script_kill(call: Call) -> Any:  # noqa: ARG001
    raise Refused("NOTBUSY No scripts in execution right now.")


@command("function|list")
def function_list(call: Call) -> Any:  # noqa: ARG001
    return []


@command("fcall", "fcall_ro")
def fcall(call: Call) -> Any:
    _keys(call)
    raise Refused("ERR Function not found")


def _keep(call: Call, script: bytes) -> str:
    digest = hashlib.sha1(script, usedforsecurity=False).hexdigest()
    scripts = call.state.scripts
    if len(scripts) >= SCRIPTS_LIMIT:
        scripts.pop(next(iter(scripts)))
    scripts[digest] = script[: 64 * 1024]
    return digest


def _keys(call: Call) -> int:
    count = number(call.args[2])
    if count > len(call.args) - 3:
        raise Refused("ERR Number of keys can't be greater than number of args")
    if count < 0:
        raise Refused("ERR Number of keys can't be negative")
    return count


def _run(call: Call, script: bytes, digest: str, keys: int) -> Any:
    """The reply to a script: exact for constants and single calls, the sandbox's refusal for what reaches out of it."""
    text = script[:LOOKED_AT].decode("latin-1")
    places = {"KEYS": call.args[3 : 3 + keys], "ARGV": call.args[3 + keys :]}
    constant = _CONSTANT.fullmatch(text)
    if constant is not None:
        return _constant(constant, places)
    single = _CALL.fullmatch(text)
    if single is not None:
        words = _words(single["words"], places)
        if words:
            return _call(call, words, digest, returned=bool(single["return"]))
    name = _foreign(text)
    if name is not None:
        at = 1 + text[: name.start()].count("\n")
        raise Refused(
            f"ERR user_script:{at}: Script attempted to access nonexistent global variable '{name['name']}' "
            f"script: {digest}, on @user_script:{at}."
        )
    return None


def _constant(match: re.Match[str], places: dict[str, list[bytes]]) -> Any:
    if match["int"]:
        return int(match["int"])
    if match["true"]:
        return 1
    return _value(match, places)


def _value(match: re.Match[str], places: dict[str, list[bytes]]) -> bytes | None:
    if match["int"]:
        return match["int"].encode()
    for name in ("single", "double"):
        if match[name] is not None:
            return match[name].encode("latin-1")
    if match["array"]:
        index = int(match["index"][:9]) - 1
        items = places[match["array"]]
        return items[index] if 0 <= index < len(items) else None
    return None


def _words(text: str, places: dict[str, list[bytes]]) -> list[bytes]:
    words, at = [], 0
    while at < len(text):
        match = _WORD.match(text, at)
        value = _value(match, places) if match else None
        if match is None or value is None:
            return []
        words.append(value)
        at = match.end()
    return words


def _call(call: Call, words: list[bytes], digest: str, *, returned: bool) -> Any:
    tail = f" script: {digest}, on @user_script:1."
    try:
        inner = verify(call.state, call.client, Request(words))
    except Refused as refusal:
        if refusal.reply.startswith(b"ERR unknown command"):
            raise Refused("ERR Unknown Redis command called from script" + tail) from None
        if refusal.reply.startswith(b"ERR wrong number"):
            raise Refused("ERR Wrong number of args calling Redis command from script" + tail) from None
        raise Refused(refusal.reply + tail.encode()) from None
    if "noscript" in inner.spec.flags or "blocking" in inner.spec.flags:
        raise Refused("ERR This Redis command is not allowed from script" + tail)
    try:
        reply = carry_out(inner)
    except Refused as refusal:
        raise Refused(refusal.reply + tail.encode()) from None
    if not returned:
        return None
    return Status(reply) if isinstance(reply, Status) else reply


def _foreign(text: str) -> re.Match[str] | None:
    bare = _TEXT.sub(lambda match: '"' + " " * (len(match[0]) - 2) + '"', text)
    known = GLOBALS | _KEYWORD
    for declared in _LOCAL.finditer(bare):
        known = known | set(re.findall(r"\w+", declared[1]))
    for match in _GLOBAL.finditer(bare):
        if match["name"] not in known:
            return match
    return None
