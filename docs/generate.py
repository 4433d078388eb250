# ruff: noqa: INP001 (a script beside the pages that it writes)
"""Write docs/reference/ from the code: commands, keys, services, profiles, events. ``--check`` writes nothing.

Everything here is a function of the installed package, and the performance story of the CSVs in the repository, so that
two runs give the same bytes.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import click
import story

from decnet.catalog import Catalog
from decnet.catalog import keys as profile_keys
from decnet.catalog.personality import SECTIONS
from decnet.cli.app import COMMANDS, app
from decnet.events import Event, EventType
from decnet.ini.schema import KeyDoc, describe
from decnet.services import Service
from decnet.services.registry import services
from decnet.spec.describe import SectionDoc, sections
from decnet.spec.keys import ServiceKeys

DOCS = Path(__file__).parent
_NOTE = "<!-- Written by docs/generate.py: change the code, then run `make docs`. -->"

EXIT_CODES = {
    0: "done; for `plan --detailed-exitcode` also: nothing to change",
    1: "it could not be done: no privilege, a held lock, an unusable state, a refusal of the kernel",
    2: "the file or the command line is wrong; for `plan --detailed-exitcode`: there are changes",
    3: "`apply` or `destroy` did a part of it; the recap says what is missing",
    4: "`status`: something is down or drifted",
    130: "interrupted",
}
EVENT_FIELDS = {
    "id": "UUIDv7 (RFC 9562): sorts by time",
    "ts": "when, UTC, ISO 8601 with microseconds",
    "type": "what happened, see below",
    "network": "name of the network",
    "decoy": "name of the decoy, as in the file",
    "service": "name of the service",
    "session": "UUIDv7 of the connection: the same in all of its events",
    "src_ip": "address of the visitor",
    "src_port": "port of the visitor",
    "dst_ip": "address of the decoy",
    "dst_port": "port of the decoy",
    "proto": "transport",
    "data": "what belongs to this type of event, see below",
    "v": "version of this schema",
}
EVENT_TYPES = {
    EventType.OPEN: ("a connection was accepted", ""),
    EventType.CLOSE: (
        "a connection ended",
        "`reason` (`closed`, `stopped`, `limit`, `error`, `peer: …` …), `duration` in s, `received` and `sent` in bytes",
    ),
    EventType.AUTH: (
        "somebody tried to log in, or gave a password away",
        "`principal`, `secret`, `secret_kind`, `outcome`, and where there is one `method`, `via`, `path`",
    ),
    EventType.COMMAND: (
        "a command was run",
        "`command`; ssh: `user`, of high interaction `via` (`exec`, `tty`); redis: `db`",
    ),
    EventType.REQUEST: (
        "something was asked for",
        "http: `method`, `path`, `host`, `user_agent`, `headers`, `status`, `body` …; ssh: `operation` and its own",
    ),
    EventType.DOWNLOAD: ("a file left the decoy", "`path` and what is known of its content"),
    EventType.UPLOAD: (
        "a file was brought",
        "`path`, `sha256`, `size`, and what was kept of its content: `artifact` is a file below the folder of the events",
    ),
    EventType.FINGERPRINT: ("what a client's software gives away", "ssh: `client_banner`, `hassh`, …"),
    EventType.SCAN: ("a scan was recognised", "written by no service yet"),
    EventType.LOG: (
        "a custom service printed a line",
        "`text`, or what the line has: the keys of a JSON object, the parameters of a syslog message; `cut`: a part of it",
    ),
    EventType.ERROR: (
        "a server stumbled over what it was sent; only this connection ends",
        "`error`, `text`, `where`; `dropped`: how many events a full disk cost, when there is room again",
    ),
    EventType.STATE: (
        "the supervisor put something right, or could not; a decoy goes without what the machine cannot do",
        "`state` (`repaired`, `reset`, `drift`, `degraded`), `cause`, `heard`, and where there is one `resource` (of no decoy), `error`, `hint`",
    ),
    EventType.APPLY: (
        "`apply` or `destroy` changed the network",
        "`outcome`, `command`, `user`, `uid`, `sudo_user`, `login`, `pid`, `host`, `file`, `env`, `limit`, `decoys`, "
        "`others`, `unnamed`, `errors`, `resumed`, `serial`, `add`, `change`, `replace`, `rename`, `remove`, `repair`, "
        "`done`, `failed`, `skipped`, `duration`: see [Who changed what](../events.md#who-changed-what)",
    ),
}


def pages() -> dict[str, str]:
    """Every page by its path below docs/."""
    made: Mapping[str, Callable[[], Iterable[str]]] = {
        "reference/cli.md": _cli,
        "reference/ini.md": _ini,
        "reference/services.md": _services,
        "reference/archetypes.md": _archetypes,
        "reference/distros.md": _distros,
        "reference/os.md": _oses,
        "reference/vendors.md": _vendors,
        "reference/events.md": _events,
        "performance-story.md": story.page,
    }
    return {name: "\n".join([_NOTE, *lines()]).rstrip() + "\n" for name, lines in made.items()}


def _cli() -> Iterable[str]:
    yield "# Commands"
    yield "\nFor every command: `decnet COMMAND --help`. Words for people go to stderr and terminals, results to stdout."
    yield "\n| exit code | meaning |\n|---|---|"
    yield from (f"| {code} | {_cell(meaning)} |" for code, meaning in EXIT_CODES.items())
    context = app.make_context("decnet", [], resilient_parsing=True)
    for name, summary in COMMANDS.items():
        command = app.get_command(context, name)
        if command is None:
            raise LookupError(name)
        own = command.make_context(name, [], parent=context, resilient_parsing=True)
        yield f"\n## {name}\n\n{summary}"
        yield f"\n```text\n{' '.join(['decnet', name, *command.collect_usage_pieces(own)])}\n```"
        yield f"\n{(command.help or '').strip()}"
        yield "\n| option | meaning |\n|---|---|"
        for parameter in command.get_params(own):
            record = parameter.get_help_record(own)
            if record and record[1]:
                yield _row(f"`{record[0]}`", record[1].replace("  [", " [") + _variable(parameter))
        if command.epilog:
            yield f"\n```sh\n{_examples(command.epilog)}\n```"
        if isinstance(command, click.Group):
            yield from _subcommands(name, command, own)


def _examples(epilog: str) -> str:
    """One, or several below a heading that click is told not to fill (\\b)."""
    if not epilog.startswith("\b"):
        return epilog.removeprefix("Example: ")
    return inspect.cleandoc("\n".join(epilog.strip().splitlines()[2:]))


def _subcommands(name: str, group: click.Group, context: click.Context) -> Iterable[str]:
    for word, command in group.commands.items():
        own = command.make_context(word, [], parent=context, resilient_parsing=True)
        if isinstance(command, click.Group):
            yield from _subcommands(f"{name} {word}", command, own)
            continue
        yield f"\n### {name} {word}"
        yield f"\n```text\n{' '.join(['decnet', name, word, *command.collect_usage_pieces(own)])}\n```"
        yield f"\n{(command.help or '').strip()}"
        yield "\n| option | meaning |\n|---|---|"
        for parameter in command.get_params(own):
            record = parameter.get_help_record(own)
            if record and record[1]:
                yield _row(f"`{record[0]}`", record[1].replace("  [", " [") + _variable(parameter))
        if (command.epilog or "").startswith("\b"):
            yield f"\n```sh\n{_examples(command.epilog or '')}\n```"


def _variable(parameter: click.Parameter) -> str:
    return f" Else from `{parameter.envvar}`." if parameter.envvar else ""


def _ini() -> Iterable[str]:
    yield "# Keys of the INI file"
    yield "\nThe language itself is described in [ini.md](../ini.md). `decnet schema --json` has all this for programs."
    yield "Keys that are checked and have no effect yet are told by `decnet validate` as a warning `no-effect`."
    for section in _own_sections():
        yield f"\n## `[{section.name}]`\n\n{_sentence(section.help)}"
        yield from _key_table(section.keys)
    yield "\n## Profiles in the file"
    yield "\nThe keys are those of profile files, see [custom-profiles.md](../custom-profiles.md)."
    for name, keys in (
        ("archetype-NAME", profile_keys.ArchetypeKeys),
        ("distro-NAME", profile_keys.DistroKeys),
        ("os-NAME", profile_keys.OsKeys),
    ):
        yield f"\n### `[{name}]`"
        yield from _key_table(describe(keys))


def _own_sections() -> Iterable[SectionDoc]:
    foreign = {f"NAME.{name}" for name in services().keys() - _known_services().keys()}
    return (section for section in sections() if section.name not in foreign)


def _services() -> Iterable[str]:
    yield "# Services"
    yield "\nWhat each can do: [services.md](../services.md). A persona is written as `[DECOY.SERVICE]`."
    yield "\n| service | ports | what it is |\n|---|---|---|"
    for name, kind in _known_services().items():
        ports = ", ".join(f"{port.number}/{port.proto}{' (TLS)' if port.tls else ''}" for port in kind.ports)
        yield f"| [{name}](#{name}) | {ports} | {_cell(kind.summary)} |"
    for name, kind in _known_services().items():
        yield f"\n## {name}\n\n{_sentence(kind.summary)}"
        yield from _key_table((*describe(kind.persona), *describe(ServiceKeys)))


def _archetypes() -> Iterable[str]:
    known = _catalog().archetypes
    yield "# Archetypes"
    yield "\nA preset of services, operating system, distros, vendor and host names: `archetype = NAME`, or as a parent,"
    yield "`[web-01 : NAME]`. Services that this version does not have are left out."
    yield "\n| name | what it is | services | os | distros | vendors |\n|---|---|---|---|---|---|"
    for name in sorted(known):
        one = known[name]
        yield _row(
            f"`{name}`", one.title, _list(one.services), one.os, _list(one.distros), _list(one.vendors)
        )
    yield "\n## Keys of an archetype's profile"
    yield from _key_table(describe(profile_keys.ArchetypeKeys))


def _distros() -> Iterable[str]:
    known = _catalog().distros
    yield "# Distros"
    yield "\nWhat a Linux decoy claims to be: `distro = NAME`. Its versions go into banners, its kernel into `uname`."
    yield "\n| name | title | family | kernel | released |\n|---|---|---|---|---|"
    for name in sorted(known):
        one = known[name]
        yield _row(f"`{name}`", one.title, one.family, f"`{one.kernel}`", one.released)
    packages = sorted(
        {package for one in known.values() for package in one.versions}
        & {"apache", "nginx", "openssh", "redis"}
    )
    yield "\n## Versions of what the services claim to be"
    yield f"\n| name | {' | '.join(packages)} |\n|---|{'---|' * len(packages)}"
    for name in sorted(known):
        yield _row(f"`{name}`", *(known[name].versions.get(package, "") for package in packages))
    yield "\n## Keys of a distro's profile"
    yield from _key_table(describe(profile_keys.DistroKeys))


def _oses() -> Iterable[str]:
    known = _catalog().oses
    yield "# Operating systems"
    yield "\nA TCP/IP personality: `os = NAME`. What it does is in [os-fingerprints.md](../os-fingerprints.md)."
    for name in sorted(known):
        one = known[name]
        yield f"\n## {name}\n\n{one.title}; family {one.family}; vendors {_list(one.vendors)}."
        yield f"Also: {_list(one.aliases)}." if one.aliases else ""
        yield f"nmap 7.93 says: {one.nmap_label}." if one.nmap_label else ""
        yield "\n| sysctl | value |\n|---|---|"
        yield from (_row(f"`{key}`", f"`{value}`") for key, value in one.sysctls.items())
    yield "\n## Keys of an os profile"
    yield from _key_table(describe(profile_keys.OsKeys))
    for section, keys in SECTIONS.items():
        yield f"\n### [{section}]\n"
        yield from _key_table(describe(keys))


def _vendors() -> Iterable[str]:
    known = _catalog().vendors
    yield "# Vendors"
    yield "\nWhose network card a decoy has: `mac = NAME` draws an address with one of the vendor's prefixes."
    yield "\n| name | title | prefixes |\n|---|---|---|"
    yield from (_row(f"`{name}`", known[name].title, _list(known[name].prefixes)) for name in sorted(known))


def _events() -> Iterable[str]:
    yield "# Events"
    yield "\nHow to read them: [events.md](../events.md). One JSON object a line, with every field in every line."
    yield "\n| field | meaning |\n|---|---|"
    yield from (_row(f"`{field}`", EVENT_FIELDS[field]) for field in inspect.signature(Event).parameters)
    yield "\n## Types"
    yield "\n| type | meaning | data |\n|---|---|---|"
    yield from (_row(f"`{kind}`", *EVENT_TYPES[kind]) for kind in EventType)


def _catalog() -> Catalog:
    """The installed profiles: those of this machine's /etc/decnet are not for the book."""
    module = importlib.import_module("decnet.catalog.load")
    module.SYSTEM = module.INSTALLED  # type: ignore[attr-defined]
    loaded = module.load()
    assert isinstance(loaded, Catalog)  # noqa: S101 (for the type checker)
    return loaded


def _known_services() -> Mapping[str, Service]:
    """The services of this package, without what others add by entry point."""
    return {name: kind for name, kind in services().items() if kind.server.startswith("decnet.")}


def _key_table(keys: Sequence[KeyDoc]) -> Iterable[str]:
    yield "\n| key | type | default | meaning |\n|---|---|---|---|"
    for one in keys:
        yield _row(f"`{one.name}`", one.type, f"`{one.default}`" if one.default else "", _meaning(one))


def _meaning(one: KeyDoc) -> str:
    parts = [_sentence(one.help)]
    if one.choices:
        parts.append(f"One of {', '.join(f'`{choice}`' for choice in one.choices)}.")
    if one.minimum is not None or one.maximum is not None:
        low, high = (f"{bound:g}" if bound is not None else "" for bound in (one.minimum, one.maximum))
        parts.append(
            f"From {low} to {high}." if low and high else f"At least {low}." if low else f"At most {high}."
        )
    if one.example:
        parts.append(f"Example: `{one.example}`.")
    if one.aliases:
        parts.append(f"Also: {', '.join(f'`{alias}`' for alias in one.aliases)}.")
    return " ".join(parts)


def _sentence(text: str) -> str:
    """A help text as a sentence: services write theirs in lower case."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the pages, or with ``--check`` name those that differ and exit 1."""
    stale = [name for name, text in pages().items() if not _is_written(DOCS / name, text)]
    if "--check" in sys.argv[1:]:
        for name in stale:
            click.echo(f"docs/{name} is out of date: run make docs", err=True)
        raise SystemExit(bool(stale))
    (DOCS / "reference").mkdir(exist_ok=True)
    for name in stale:
        (DOCS / name).write_text(pages()[name], encoding="utf-8")
        click.echo(f"wrote docs/{name}")


def _is_written(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
