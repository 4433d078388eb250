"""Names for the attack sequences that redis servers see, by what one command holds."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    rb"package\.loadlib|io\.popen|os\.execute|luaopen_|loadstring|debug\.(?:getinfo|sethook)|string\.dump|getmetatable\s*\(\s*_G"
)
_CRON = re.compile(
    rb"(?:^|\n)\s*(?:[\d*/,-]+\s+){4}[\d*/,-]+\s|\*/\d+ \* \* \* \*|@(?:reboot|hourly|daily)\s"
)
_SSH_KEY = re.compile(rb"ssh-(?:rsa|ed25519|dss) AAAA|ecdsa-sha2-nistp\d+ AAAA")
_SCRIPT_PAGE = re.compile(rb"<\?(?:php|=)|<%@?\s*(?:page|eval|Page)|<jsp:", re.IGNORECASE)
_REMOTE = re.compile(rb"(?:curl|wget)[^\n]{1,200}\|\s*(?:ba)?sh|/dev/tcp/|bash -i", re.IGNORECASE)
_MASTER = frozenset({b"slaveof", b"replicaof"})
_PLACES = (
    (re.compile(rb"cron|/spool/", re.IGNORECASE), "cron-write"),
    (re.compile(rb"\.ssh|authorized_keys", re.IGNORECASE), "ssh-key-write"),
    (
        re.compile(rb"www|htdocs|webapps|inetpub|\.(?:php|jspx?|aspx?)$|/html", re.IGNORECASE),
        "web-shell-write",
    ),
    (re.compile(rb"\.so$|ld\.so|/etc|/root|/home|/tmp|/dev/shm", re.IGNORECASE), "file-write"),
)
_CONTENT = (
    (_SSH_KEY, "ssh-key-write"),
    (_CRON, "cron-write"),
    (_SCRIPT_PAGE, "web-shell-write"),
    (_REMOTE, "dropper"),
)


def technique(args: list[bytes]) -> str:  # noqa: PLR0911 (one return a technique)
    """The label of a command that belongs to a known sequence, or an empty text."""
    name = args[0].lower()
    if len(args) < 2:
        return ""
    if name in _MASTER:
        return "" if [arg.lower() for arg in args[1:3]] == [b"no", b"one"] else "rogue-replica"
    if name == b"module" and args[1].lower() in {b"load", b"loadex"}:
        return "module-load"
    if name in {b"eval", b"eval_ro", b"script", b"function", b"fcall"}:
        return "lua-escape" if any(_ESCAPES.search(arg) for arg in args[1:3]) else ""
    if name == b"config" and args[1].lower() == b"set":
        return _config(args[2:])
    if name in {
        b"set",
        b"setex",
        b"psetex",
        b"setnx",
        b"mset",
        b"append",
        b"getset",
        b"lpush",
        b"rpush",
        b"hset",
    }:
        return content(args[2:])
    return ""


def content(values: list[bytes]) -> str:
    """What a stored value is meant for, once a save writes it into another program's file."""
    for value in values:
        if len(value) > 16:
            for sign, label in _CONTENT:
                if sign.search(value, 0, 64 * 1024):
                    return label
    return ""


def place(path: bytes) -> str:
    """What a file that a save would write is meant for."""
    for sign, label in _PLACES:
        if sign.search(path[-4096:]):
            return label
    return ""


def _config(assignments: list[bytes]) -> str:
    for name, value in zip(assignments[::2], assignments[1::2], strict=False):
        if name.lower() in {b"dir", b"dbfilename"}:
            return place(value) or "file-write"
        if name.lower() == b"requirepass":
            return "lock-out"
    return ""
