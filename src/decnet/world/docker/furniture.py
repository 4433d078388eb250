"""What makes a container one decoy and no other: accounts, keys, ids, and dates that fit them. Pure.

The image has its distro's own files; what is written here is them with the decoy's people and keys. Nothing is drawn
that is not the decoy's already: its medium `ssh` has the same accounts and the same host keys.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from decnet.decoy.protocol import ServiceBundle
from decnet.draw import Draw
from decnet.services import Facts, personas
from decnet.services.accounts import Credential
from decnet.services.neighbours import settle
from decnet.services.ssh import AuthMethod, Persona
from decnet.world.docker.crypt import hashed

Found = Mapping[str, bytes]
"""Files of an image by path."""
_RSA_BITS = 3072
_MAGIC, _LINE = b"openssh-key-v1\0", 70
_FIRST_UID = 1000
_ADMINS = ("sudo", "wheel")
_PURPOSE = "ssh host"
"""As `decnet.services.ssh.hostkeys` has it: the same keys."""
_OURS = re.compile(
    r"/etc/(passwd|shadow|group|machine-id|issue\.net|ssh/(sshd_config|ssh_host_\w+_key(\.pub)?))"
    r"|/home/[^/]+/\.(bashrc|profile|bash_logout)|/root/\.bash_history|/opt/backup\.sh"
)
_METHODS = {
    AuthMethod.PUBLICKEY: "PubkeyAuthentication",
    AuthMethod.PASSWORD: "PasswordAuthentication",
    AuthMethod.KEYBOARD: "KbdInteractiveAuthentication",
}


class Entry(NamedTuple):
    """A file, or a folder (``content`` is None), with who has it and when it was last changed (Unix seconds)."""

    path: str
    mode: int
    uid: int
    gid: int
    mtime: float
    content: bytes | None = None


class _Person(NamedTuple):
    name: str
    uid: int
    home: str
    digest: str
    fresh: bool
    """Whether the image does not know it."""


def furniture(bundle: ServiceBundle, found: Found) -> Iterator[Entry]:
    """All that is written into a container of this decoy. Raises `ValueError` when the image lacks what it takes."""
    persona: Persona = personas.decode(Persona, settle(bundle.persona, bundle.neighbours))
    if "/etc/passwd" not in found or "/etc/shadow" not in found:
        raise ValueError("it has no /etc/passwd and /etc/shadow")
    if "/etc/ssh/sshd_config" not in found:
        raise ValueError("it has no sshd: /etc/ssh/sshd_config is missing")
    draw = Draw(bundle.seed, "furniture")
    people = tuple(_people(persona.users, found, draw))
    when = _When(bundle.facts, draw)
    yield from _accounts(people, found, when)
    yield from _homes(people, found, when)
    yield from _keys(bundle, when)
    yield Entry(
        "/etc/machine-id", 0o444, 0, 0, when.installed, draw.child("machine").hex(32).encode() + b"\n"
    )
    config = _configured(found["/etc/ssh/sshd_config"].decode(errors="replace"), persona)
    yield Entry("/etc/ssh/sshd_config", 0o644, 0, 0, when.changed("sshd_config"), config.encode())
    if persona.banner:
        yield Entry("/etc/issue.net", 0o644, 0, 0, when.changed("issue.net"), persona.banner.encode() + b"\n")
    yield from _traces(bundle, when)
    yield Entry("/etc/ssh", 0o755, 0, 0, when.changed("sshd_config"))
    yield Entry("/run/sshd", 0o755, 0, 0, when.booted)
    yield Entry("/home", 0o755, 0, 0, when.installed)
    yield Entry("/etc", 0o755, 0, 0, when.changed("etc"))


def is_ours(path: str) -> bool:
    """Whether a path is one that `furniture` writes to."""
    return bool(_OURS.fullmatch(path))


def hosts(bundle: ServiceBundle) -> str:
    """``/etc/hosts``, as the decoy's other services show it."""
    path = next((name for name in bundle.files if name.endswith("etc/hosts")), "")
    return settle(bundle.files[path], bundle.neighbours).decode() if path else "127.0.0.1\tlocalhost\n"


class _When:
    """Dates of this machine, each a function of its own."""

    def __init__(self, facts: Facts, draw: Draw) -> None:
        self.installed, self.booted = float(int(facts.installed)), float(int(facts.booted))
        self._draw = draw

    def changed(self, what: str) -> float:
        """Some time between the day it was installed and the day it was started."""
        span = max(60, int(self.booted - self.installed))
        return self.installed + self._draw.child("date", what).integer(1, span)

    @property
    def day(self) -> int:
        return int(self.installed) // 86_400


def _people(users: tuple[Credential, ...], found: Found, draw: Draw) -> Iterator[_Person]:
    known = {line.split(":")[0]: line.split(":") for line in _lines(found, "/etc/passwd")}
    taken = {int(fields[2]) for fields in known.values()}
    uid = _FIRST_UID
    scheme = "$y$j9T$" if any("$y$" in line or "yescrypt" in line for line in _pam(found)) else ""
    for user in users:
        digest = hashed(user.password, draw.child("shadow", user.name), scheme)
        if user.name in known:
            fields = known[user.name]
            yield _Person(user.name, int(fields[2]), fields[5], digest, fresh=False)
            continue
        while uid in taken:
            uid += 1
        taken.add(uid)
        yield _Person(user.name, uid, f"/home/{user.name}", digest, fresh=True)


def _pam(found: Found) -> list[str]:
    return _lines(found, "/etc/pam.d/common-password")


def _accounts(people: tuple[_Person, ...], found: Found, when: _When) -> Iterator[Entry]:
    passwd, shadow = _lines(found, "/etc/passwd"), _lines(found, "/etc/shadow")
    group, admins = _lines(found, "/etc/group"), next((one for one in people if one.fresh), None)
    digests = {one.name: one.digest for one in people}
    shell = "/bin/bash" if any(line.endswith(":/bin/bash") for line in passwd) else "/bin/sh"
    passwd = [_let_in(line, shell) if line.split(":")[0] in digests else line for line in passwd]
    shadow = [_with_digest(line, digests, when.day) for line in shadow]
    for one in (one for one in people if one.fresh):
        passwd.append(f"{one.name}:x:{one.uid}:{one.uid}:,,,:{one.home}:{shell}")
        shadow.append(f"{one.name}:{one.digest}:{when.day + 1}:0:99999:7:::")
        group.append(f"{one.name}:x:{one.uid}:")
    if admins:
        group = [line + admins.name if line.split(":")[0] in _ADMINS else line for line in group]
    at = when.changed("accounts")
    yield Entry("/etc/passwd", 0o644, 0, 0, at, _text(passwd))
    yield Entry("/etc/group", 0o644, 0, 0, at, _text(group))
    owner = next((int(line.split(":")[2]) for line in group if line.startswith("shadow:")), 0)
    yield Entry("/etc/shadow", 0o640 if owner else 0o600, 0, owner, at, _text(shadow))


def _let_in(line: str, shell: str) -> str:
    head, _, last = line.rpartition(":")
    return f"{head}:{shell}" if last.endswith(("nologin", "false")) else line


def _with_digest(line: str, digests: Mapping[str, str], day: int) -> str:
    fields = line.split(":")
    if fields[0] in digests:
        fields[1] = digests[fields[0]]
    fields[2] = str(day)
    return ":".join(fields)


def _homes(people: tuple[_Person, ...], found: Found, when: _When) -> Iterator[Entry]:
    skeleton = {
        path.removeprefix("/etc/skel/"): content
        for path, content in found.items()
        if path.startswith("/etc/skel/")
    }
    for one in (one for one in people if one.fresh):
        at = when.changed(one.home)
        for name, content in sorted(skeleton.items()):
            yield Entry(f"{one.home}/{name}", 0o644, one.uid, one.uid, at, content)
        yield Entry(one.home, 0o750, one.uid, one.uid, at)


def _keys(bundle: ServiceBundle, when: _When) -> Iterator[Entry]:
    from decnet.services.keys import (  # noqa: PLC0415 (0.1 s, for high interaction alone)
        ecdsa_key,
        ed25519_key,
        rsa_key,
    )

    made: tuple[tuple[str, Any], ...] = (
        ("rsa", rsa_key(bundle.seed, _PURPOSE, _RSA_BITS)),
        ("ecdsa", ecdsa_key(bundle.seed, _PURPOSE, ec.SECP256R1())),
        ("ed25519", ed25519_key(bundle.seed, _PURPOSE)),
    )
    for name, key in made:
        path = f"/etc/ssh/ssh_host_{name}_key"
        private = _fixed(
            key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
            Draw(bundle.seed, "check", name).bytes(4),
        )
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        yield Entry(path, 0o600, 0, 0, when.installed, private)
        comment = f" root@{bundle.facts.hostname}\n".encode()
        yield Entry(f"{path}.pub", 0o644, 0, 0, when.installed, public + comment)


def _fixed(key: bytes, check: bytes) -> bytes:
    """A private key's file with this number where a library draws one: after a reset it is the file that it was.

    The number stands twice at the beginning of the private part (PROTOCOL.key of OpenSSH, section 3).
    """
    head, *lines, tail = key.decode().splitlines()
    raw = bytearray(base64.b64decode("".join(lines)))
    at = len(_MAGIC)
    for _ in range(3):  # cipher, derivation, its options
        at += 4 + int.from_bytes(raw[at : at + 4], "big")
    at += 4  # one key
    at += 4 + int.from_bytes(raw[at : at + 4], "big") + 4
    raw[at : at + 8] = check * 2
    text = base64.b64encode(raw).decode()
    body = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return ("\n".join((head, *body, tail)) + "\n").encode()


def _configured(text: str, persona: Persona) -> str:
    """The distro's own sshd_config with what this machine's administrator has changed in it."""
    if any(user.name == "root" for user in persona.users):
        text = option(text, "PermitRootLogin", "yes")
    if persona.banner:
        text = option(text, "Banner", "/etc/issue.net")
    for method, name in _METHODS.items():
        if persona.auth and method not in persona.auth:
            text = option(text, name, "no")
        elif method in persona.auth and re.search(rf"(?m)^{name}\s+no", text):
            text = option(text, name, "yes")
    return text


def option(text: str, name: str, value: str) -> str:
    """A sshd_config with one option set: where it stands, or stands as a comment, else at its top (the first counts)."""
    line = f"{name} {value}"
    for pattern in (rf"(?m)^{name}[ \t].*$", rf"(?m)^#{name}[ \t].*$"):
        if re.search(pattern, text):
            return re.sub(pattern, line, text, count=1)
    return f"{line}\n{text}"


def _traces(bundle: ServiceBundle, when: _When) -> Iterator[Entry]:
    """What somebody has left behind who works here."""
    for path, content in sorted(bundle.files.items()):
        settled = settle(content, bundle.neighbours)
        if path == "history":
            yield Entry("/root/.bash_history", 0o600, 0, 0, when.changed("history"), settled)
            yield Entry("/root", 0o700, 0, 0, when.changed("history"))
        elif "rootfs/opt/" in path:
            inside = path[path.index("/opt/") :]
            yield Entry(inside, 0o700, 0, 0, when.changed(inside), settled)
            yield Entry("/opt", 0o755, 0, 0, when.changed(inside))


def _lines(found: Found, path: str) -> list[str]:
    return [line for line in found.get(path, b"").decode(errors="replace").splitlines() if line.strip()]


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
