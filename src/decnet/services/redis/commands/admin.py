"""The server itself: PING, AUTH, HELLO, INFO, SAVE, SHUTDOWN, MODULE, DEBUG, MONITOR."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from decnet.events import EventType
from decnet.services.redis import techniques
from decnet.services.redis.call import NOT_INTEGER, SYNTAX, Call, option
from decnet.services.redis.commands.acl import digest
from decnet.services.redis.info import report
from decnet.services.redis.reply import NO_REPLY, OK, Refused, Status, Verbatim
from decnet.services.redis.request import integer
from decnet.services.redis.table import command, wrong_arity

AUTH_UNASKED = (
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)
AUTH_FAILED = "WRONGPASS invalid username-password pair or user is disabled."
LOCKED_DOWN = (
    'ERR {} command not allowed. If the {} option is set to "local", you can run it from a local connection, '
    "otherwise you need to set this option in the configuration file, and then restart the server."
)


@command("ping")
def ping(call: Call) -> Any:
    if len(call.args) > 2:
        raise wrong_arity("ping")
    if call.client.subscriptions and not call.client.out.resp3:
        return [b"pong", call.args[1] if len(call.args) == 2 else b""]
    return call.args[1] if len(call.args) == 2 else Status(b"PONG")


@command("echo")
def echo(call: Call) -> Any:
    return call.args[1]


@command("time")
def time_(call: Call) -> Any:  # noqa: ARG001
    now = time.time_ns()
    return [b"%d" % (now // 10**9), b"%d" % (now // 1000 % 10**6)]


@command("select")
def select(call: Call) -> Any:
    number = integer(call.args[1])
    if number is None:
        raise Refused(NOT_INTEGER)
    if not 0 <= number < len(call.state.dataset.databases):
        raise Refused("ERR DB index is out of range")
    call.client.db = number
    return OK


@command("quit")
def quit_(call: Call) -> Any:
    call.client.closing = True
    return OK


@command("auth")
def auth(call: Call) -> Any:
    args = call.args
    if len(args) > 3:
        raise Refused(SYNTAX)
    if len(args) == 2 and not call.state.config["requirepass"]:
        _tell(call, b"default", args[1], accepted=False)
        raise Refused(AUTH_UNASKED)
    authenticate(call, b"default" if len(args) == 2 else args[1], args[-1])
    return OK


def authenticate(call: Call, user: bytes, secret: bytes) -> None:
    """Let the client in, and tell of the attempt. Raises `Refused`."""
    wanted = call.state.config["requirepass"]
    known = call.state.users.get(user)
    if known is None:
        accepted = user == b"default" and (not wanted or hmac.compare_digest(wanted, secret))
    else:
        accepted = known.on and (known.nopass or digest(secret) in known.passwords)
    _tell(call, user, secret, accepted=accepted)
    if not accepted:
        raise Refused(AUTH_FAILED)
    call.client.trusted = call.client.parser.trusted = True
    call.client.user = user


def _tell(call: Call, user: bytes, secret: bytes, *, accepted: bool) -> None:
    call.client.session.emit(
        EventType.AUTH,
        principal=user,
        secret=secret,
        secret_kind="plaintext",  # noqa: S106
        outcome="success" if accepted else "failure",
    )


@command("hello")
def hello(call: Call) -> Any:
    args, client = call.args, call.client
    protocol = 3 if client.out.resp3 else 2
    credentials, name = None, None
    if len(args) > 1:
        asked = integer(args[1])
        if asked is None:
            raise Refused("ERR Protocol version is not an integer or out of range")
        if asked not in {2, 3}:
            raise Refused("NOPROTO unsupported protocol version")
        protocol = asked
    at = 2
    while at < len(args):
        word = option(args[at])
        if word == "AUTH" and at + 2 < len(args):
            credentials = (args[at + 1], args[at + 2])
            at += 3
        elif word == "SETNAME" and at + 1 < len(args):
            name = args[at + 1]
            check_name(name, "ERR Client names cannot contain spaces, newlines or special characters.")
            at += 2
        else:
            raise Refused(b"ERR Syntax error in HELLO option '%b'" % args[at][:128])
    if credentials:
        authenticate(call, *credentials)
    if not client.trusted:
        raise Refused(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> "
            "option can be used to authenticate the client and select the RESP protocol version at the same time"
        )
    if name is not None:
        client.name = name
    client.out.resp3 = protocol == 3
    return {
        b"server": b"redis",
        b"version": ".".join(map(str, call.state.version)),
        b"proto": protocol,
        b"id": client.id,
        b"mode": b"standalone",
        b"role": b"master" if call.state.master is None else b"replica",
        b"modules": [],
    }


def check_name(name: bytes, problem: str) -> None:
    """Names of clients are printable and without blanks. Raises `Refused`."""
    if any(not 33 <= byte <= 126 for byte in name):
        raise Refused(problem)


@command("reset")
def reset(call: Call) -> Any:
    client, state = call.client, call.state
    state.unwatch(client)
    state.forget_subscriptions(client)
    client.queue, client.queued, client.spoiled = None, 0, False
    client.monitoring, client.no_evict, client.muted = False, False, ""
    client.db, client.name, client.user = 0, b"", b"default"
    client.out.resp3 = False
    client.trusted = client.parser.trusted = not state.config["requirepass"]
    return Status(b"RESET")


@command("info")
def info(call: Call) -> Any:
    return Verbatim(report(call.state, call.args[1:]))


@command("lastsave")
def lastsave(call: Call) -> Any:
    return int(call.state.saved)


@command("save")
def save(call: Call) -> Any:
    _saved(call)
    return OK


@command("bgsave")
def bgsave(call: Call) -> Any:
    if len(call.args) > 1 and (len(call.args) > 2 or option(call.args[1]) != "SCHEDULE"):
        raise Refused(SYNTAX)
    _saved(call)
    return Status(b"Background saving started")


@command("bgrewriteaof")
def bgrewriteaof(call: Call) -> Any:  # noqa: ARG001
    return Status(b"Background append only file rewriting started")


def _saved(call: Call) -> None:
    """Nothing is written. Where the file would be another program's, its content is told as an upload."""
    state = call.state
    state.saved, state.dataset.dirty = time.time(), 0
    state.saves += 1
    path = state.config["dir"].rstrip(b"/") + b"/" + state.config["dbfilename"]
    if path == state.rendered_path:
        return
    strings = [value for value in call.db.values.values() if isinstance(value, bytes)]
    marked = [(label, value) for value in strings if (label := techniques.content([value]))]
    label, payload = marked[-1] if marked else ("", max(strings, key=len, default=b""))
    call.client.session.emit(
        EventType.UPLOAD,
        path=path,
        sha256=hashlib.sha256(payload).hexdigest(),
        size=len(payload),
        content=payload,
        technique=techniques.place(path) or label or "file-write",
    )


@command("shutdown")
def shutdown(call: Call) -> Any:
    if {option(arg) for arg in call.args[1:]} - {"NOSAVE", "SAVE", "NOW", "FORCE", "ABORT"}:
        raise Refused(SYNTAX)
    if "ABORT" in {option(arg) for arg in call.args[1:]}:
        raise Refused("ERR No shutdown in progress.")
    call.client.closing = True
    return NO_REPLY


@command("module|list")
def module_list(call: Call) -> Any:  # noqa: ARG001
    return []


@command("module|load", "module|loadex")
def module_load(call: Call) -> Any:
    if call.state.config["enable-module-command"] != b"yes":
        raise Refused(LOCKED_DOWN.format("MODULE", "enable-module-command"))
    raise Refused("ERR Error loading the extension. Please check the server logs.")


@command("module|unload")
def module_unload(call: Call) -> Any:
    if call.state.config["enable-module-command"] != b"yes":
        raise Refused(LOCKED_DOWN.format("MODULE", "enable-module-command"))
    raise Refused("ERR Error unloading module: no such module with that name")


@command("debug")
def debug(call: Call) -> Any:  # noqa: ARG001
    raise Refused(LOCKED_DOWN.format("DEBUG", "enable-debug-command"))


@command("monitor")
def monitor(call: Call) -> Any:
    call.client.monitoring = True
    call.state.monitors[call.client] = None
    return OK


@command("lolwut")
def lolwut(call: Call) -> Any:
    return Verbatim(b"Redis ver. %b\n" % ".".join(map(str, call.state.version)).encode())
