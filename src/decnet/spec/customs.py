"""``[custom-NAME]`` to custom services: what is said in it, and in ``[decoy.NAME]``, checked."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from decnet.errors import Span
from decnet.ini import Document, Found, Section, gather, items
from decnet.ini.names import quote
from decnet.services import Port
from decnet.spec.keys import CustomKeys
from decnet.spec.model import Custom
from decnet.spec.outline import Outline
from decnet.spec.program import Program
from decnet.spec.reading import Findings, Read, check_chain, typed

PREFIX = "custom-"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_IMAGE = re.compile(
    r"(?:[a-z0-9.-]+(?::[0-9]{1,5})?/)?"  # the registry
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""A reference as the engine reads it (github.com/distribution/reference)."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_ENGINE = Path("/var/run/docker.sock")
_DOORS = {_ENGINE, Path("/run/docker.sock"), *_ENGINE.parents}
"""Whoever has one of these has the engine, and with it the host."""
_KERNELS = (Path("/proc"), Path("/sys"), Path("/dev"))


def canonical(name: str, sections: Outline) -> str:
    """The custom service that a word in ``services`` names: NAME or custom-NAME; empty when it names none."""
    known = sections.kinds["custom"]
    word = name.lower()
    return next((one for one in (word, word.removeprefix(PREFIX)) if one in known), "")


def check(document: Document, sections: Outline, services: Iterable[str], findings: Findings) -> None:
    """Check every ``[custom-NAME]`` by itself, used or not."""
    taken = set(services)
    for name, section in sections.kinds["custom"].items():
        if not _NAME.fullmatch(name):
            message = f"{quote(name)} cannot name a custom service"
            findings.error(
                "bad-name",
                message,
                section.span,
                "small letters, digits, '_', '-', at most 63: [custom-honey]",
            )
        if name in taken:
            message = f"{name} is a service that decnet has itself"
            findings.error(
                "name-taken", message, section.span, f"give yours another name: [custom-my-{name}]"
            )
        custom(name, (section,), document, section, findings)


def custom(
    name: str, sections: tuple[Section, ...], document: Document, section: Section, findings: Findings
) -> Custom:
    """A custom service by the keys of a chain of sections, the first that says one; ``section`` is its own."""
    check_chain(sections, findings)
    given, problems = gather(document, sections, sections)
    findings.add(*problems)
    read = typed(CustomKeys, given, sections[0].span, findings)
    keys = read.keys
    if not keys.ports and not {"port", "ports"} & given.keys():
        message = f"[{section.name}] does not say where it listens"
        findings.error("missing-key", message, section.span, "write ports = 8080")
    if not any(given[key].text.raw for key in ("binary", "exec") if key in given):
        message = f"[{section.name}] says neither an image nor a command"
        findings.error(
            "missing-key", message, section.span, "write binary = IMAGE, or exec = COMMAND, or both"
        )
    _check_image(read, findings)
    program = Program(
        keys.binary,
        _words("exec", keys.exec, read, findings),
        _environment(read, findings),
        _volumes(read, findings),
        _words("healthcheck", keys.healthcheck, read, findings),
        int(keys.memory),
        keys.pids,
    )
    ports = tuple(Port(number, keys.protocol) for number in keys.ports)
    return Custom(name, program, ports, sections[0].span, read.spans)


def _check_image(read: Read[CustomKeys], findings: Findings) -> None:
    image = read.keys.binary
    if image and not _IMAGE.fullmatch(image):
        message = f"{quote(image)} is no name of an image"
        hint = "write NAME, NAME:TAG or REGISTRY/NAME:TAG, in small letters; a command belongs in exec"
        findings.error("bad-image", message, read.at("binary"), hint)


def _words(key: str, line: str, read: Read[CustomKeys], findings: Findings) -> tuple[str, ...]:
    """A command line as a shell splits it, which does nothing else to it."""
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        reason = "a quote is not closed" if "quotation" in str(error) else str(error).lower()
        findings.error(
            "bad-command", f"{key} is no command line: {reason}", read.at(key), "quote it as for a shell"
        )
        return ()


def _environment(read: Read[CustomKeys], findings: Findings) -> tuple[str, ...]:
    for text, span in _items(read, "env"):
        if not _VARIABLE.fullmatch(text):
            findings.error("bad-env", "this is no NAME=value", span, "write env = LEVEL=info, PORT=8080")
    return tuple(sorted(read.keys.env))


def _volumes(read: Read[CustomKeys], findings: Findings) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for text, span in _items(read, "volumes"):
        host, _, rest = text.partition(":")
        inside, _, mode = rest.partition(":")
        reason = _refusal(host, inside, mode)
        if reason:
            hint = "write volumes = /srv/honey/conf:/etc/honey; it is always mounted to be read only"
            findings.error("bad-volume", f"{quote(text)}: {reason}", span, hint)
        elif inside in found:
            findings.error("bad-volume", f"{quote(text)}: there is something at {inside} already", span)
        else:
            found[inside] = os.path.normpath(host)
    return tuple(sorted((host, inside) for inside, host in found.items()))


def _refusal(host: str, inside: str, mode: str) -> str:
    """Why this cannot be mounted; empty when it can."""
    reasons = (
        (not _is_plain(host), "the host's side is no absolute path"),
        (not _is_plain(inside), "the container's side is no absolute path"),
        (mode not in ("", "ro"), f"{quote(mode)} is not possible"),
        (Path(os.path.normpath(host)) in _DOORS, "this would give the engine away, and with it the host"),
        (_is_below(host, _KERNELS), "this belongs to the kernel"),
        (os.path.normpath(inside) == "/" or _is_below(inside, _KERNELS), "nothing can be put there"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _is_plain(path: str) -> bool:
    return path.startswith("/") and ".." not in path.split("/")


def _is_below(path: str, folders: Iterable[Path]) -> bool:
    return any(Path(os.path.normpath(path)).is_relative_to(folder) for folder in folders)


def _items(read: Read[CustomKeys], key: str) -> Iterable[tuple[str, Span]]:
    found: Found | None = read.given.get(key)
    return [(text.raw, text.span) for text in items(found.text)] if found else []
