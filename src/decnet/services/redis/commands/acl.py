"""Users: ACL SETUSER and what asks for them. Rules are kept and shown; every user who is let in may do everything."""

from __future__ import annotations

import hashlib
from typing import Any

from decnet.services.redis.call import Call
from decnet.services.redis.pattern import glob
from decnet.services.redis.reply import OK, Members, Refused
from decnet.services.redis.state import User
from decnet.services.redis.table import command, table

USERS_LIMIT = 64
RULES_LIMIT = 64
"""Passwords, patterns and command rules of one user."""


def digest(secret: bytes) -> bytes:
    """A password as ACL keeps it."""
    return hashlib.sha256(secret).hexdigest().encode()


def all_users(call: Call) -> dict[bytes, User]:
    """Every user by name, with ``default`` as CONFIG's requirepass makes it."""
    secret = call.state.config["requirepass"]
    default = User(
        on=True,
        nopass=not secret,
        passwords=[digest(secret)] if secret else [],
        keys=[b"~*"],
        channels=[b"&*"],
        commands=[b"+@all"],
    )
    found = {b"default": default, **call.state.users}
    return dict(sorted(found.items()))


def line(name: bytes, user: User) -> bytes:
    """A user as ACL LIST shows it."""
    parts = [b"user", name, b"on" if user.on else b"off"]
    parts += [b"nopass"] if user.nopass else [b"#" + secret for secret in user.passwords]
    parts += user.keys
    parts += user.channels if user.channels == [b"&*"] else [b"resetchannels", *user.channels]
    return b" ".join([*parts, *user.commands])


@command("acl|list")
def acl_list(call: Call) -> Any:
    return [line(name, user) for name, user in all_users(call).items()]


@command("acl|users")
def users(call: Call) -> Any:
    return list(all_users(call))


@command("acl|whoami")
def whoami(call: Call) -> Any:
    return call.client.user


@command("acl|getuser")
def getuser(call: Call) -> Any:
    user = all_users(call).get(call.args[2])
    if user is None:
        return None
    return {
        b"flags": Members([b"on" if user.on else b"off"] + [b"nopass"] * user.nopass),
        b"passwords": list(user.passwords),
        b"commands": b" ".join(user.commands),
        b"keys": b" ".join(user.keys),
        b"channels": b" ".join(user.channels),
        b"selectors": [],
    }


@command("acl|setuser")
def setuser(call: Call) -> Any:
    state, name = call.state, call.args[2]
    if len(state.users) >= USERS_LIMIT and name not in state.users:
        raise Refused("OOM command not allowed when used memory > 'maxmemory'.")
    user = all_users(call).get(name, User())
    changed = User(user.on, user.nopass, [*user.passwords], [*user.keys], [*user.channels], [*user.commands])
    for rule in call.args[3:]:
        problem = _apply(call, changed, rule[:1024])
        if problem:
            raise Refused(b"ERR Error in ACL SETUSER modifier '%b': %b" % (rule[:128], problem.encode()))
    if name == b"default":
        return OK  # what the file says of it stands: a visitor cannot lock others out
    state.users[name] = changed
    return OK


def _apply(call: Call, user: User, rule: bytes) -> str:  # noqa: C901, PLR0912 (one branch a rule)
    """Change a user by one rule; what is wrong with it, or an empty text."""
    word, mark, rest = rule.lower(), rule[:1], rule[1:]
    many = len(user.passwords) + len(user.keys) + len(user.channels) + len(user.commands)
    if word in {b"on", b"off"}:
        user.on = word == b"on"
    elif word in {b"nopass", b"resetpass"}:
        user.nopass, user.passwords = word == b"nopass", []
    elif word in {b"allkeys", b"resetkeys"}:
        user.keys = [b"~*"] if word == b"allkeys" else []
    elif word in {b"allchannels", b"resetchannels"}:
        user.channels = [b"&*"] if word == b"allchannels" else []
    elif word in {b"allcommands", b"+@all"}:
        user.commands = [b"+@all"]
    elif word in {b"nocommands", b"-@all"}:
        user.commands = [b"-@all"]
    elif word == b"reset":
        user.on, user.nopass, user.passwords, user.keys, user.channels = False, False, [], [], []
        user.commands = [b"-@all"]
    elif many >= RULES_LIMIT:
        return "Syntax error"
    elif mark in b">#" and mark:
        if mark == b"#" and (len(rest) != 64 or rest.strip(b"0123456789abcdef")):
            return "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
        secret = digest(rest) if mark == b">" else rest
        user.nopass, user.passwords = False, [*dict.fromkeys([*user.passwords, secret])]
    elif mark in b"<!" and mark:
        secret = digest(rest) if mark == b"<" else rest
        if secret not in user.passwords:
            return "The password you are trying to remove from the user does not exist"
        user.passwords.remove(secret)
    elif mark in b"~&%" and mark:
        patterns = user.channels if mark == b"&" else user.keys
        if rule not in patterns:
            patterns.append(rule)
    elif mark in b"+-" and mark:
        if not _known(call, rest.lower().decode("latin-1")):
            return "Unknown command or category name in ACL"
        user.commands = [old for old in user.commands if old[1:] != rest.lower()] + [mark + rest.lower()]
    else:
        return "Syntax error"
    return ""


def _known(call: Call, name: str) -> bool:
    commands = table(call.state.version)
    if name.startswith("@"):
        return any(name in spec.categories for spec in commands.values())
    return name.partition("|")[0] in commands


@command("acl|deluser")
def deluser(call: Call) -> Any:
    names = call.args[2:]
    if b"default" in names:
        raise Refused("ERR The 'default' user cannot be removed")
    return sum(call.state.users.pop(name, None) is not None for name in names)


@command("acl|dryrun")
def dryrun(call: Call) -> Any:
    user = all_users(call).get(call.args[2])
    if user is None:
        raise Refused(b"ERR User '%b' not found" % call.args[2][:128])
    spec = table(call.state.version).get(call.args[3].lower().decode("latin-1"))
    if spec is None:
        raise Refused(b"ERR Command '%b' not found" % call.args[3][:128])
    if not user.allows(spec.name.encode(), [name.encode() for name in spec.categories]):
        told = f"This user has no permissions to run the '{spec.name}' command"
        return told.encode()
    keys = spec.keys(call.args[3:])
    matches = [glob(pattern[1:]).fullmatch for pattern in user.keys if pattern[:1] == b"~"]
    if not all(any(match(key) for match in matches) for key in keys):
        return b"This user has no permissions to access the '%b' key" % keys[0][:128]
    return OK
