"""Profile folders → Catalog: names come from the files' names, each file is read when somebody asks for it."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import decnet
from decnet.catalog.model import Archetype, Catalog, Distro, Os, Vendor

T = TypeVar("T")
SYSTEM = Path("/etc/decnet/profiles")


class Profiles(Mapping[str, T], Generic[T]):
    """Profiles of one kind by slug."""

    __slots__ = ("_build", "_paths", "_read")

    def __init__(self, folders: Sequence[Path], build: Callable[[str, Mapping[str, str]], T]) -> None:
        self._paths = {path.stem: path for folder in folders for path in sorted(folder.glob("*.ini"))}
        self._build = build
        self._read: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._read:
            self._read[name] = self._build(name, _flat(self._paths[name]))
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, name: object) -> bool:
        return name in self._paths


class Aliases(Mapping[str, str]):
    """Further names of operating systems → slugs."""

    def __init__(self, oses: Mapping[str, Os]) -> None:
        self._oses = oses
        self._names: dict[str, str] | None = None

    def _table(self) -> dict[str, str]:
        if self._names is None:
            self._names = {alias: os.name for os in self._oses.values() for alias in os.aliases}
        return self._names

    def __getitem__(self, name: str) -> str:
        return self._table()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())


def load(overlays: Sequence[Path] = ()) -> Catalog:
    """The catalogue of the installed profiles, /etc/decnet/profiles and then each overlay; the same name wins."""
    roots = (Path(decnet.__file__).parent / "profiles", SYSTEM, *overlays)
    oses = Profiles([root / "os" for root in roots], _os)
    return Catalog(
        distros=Profiles([root / "distros" for root in roots], _distro),
        oses=oses,
        vendors=Profiles([root / "vendors" for root in roots], _vendor),
        archetypes=Profiles([root / "archetypes" for root in roots], _archetype),
        os_aliases=Aliases(oses),
    )


def _flat(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text(encoding="utf-8"), str(path))
    first, *rest = parser.sections()
    flat = dict(parser[first])
    for section in rest:
        flat |= {f"{section}.{key}": value for key, value in parser[section].items()}
    return flat


def _list(given: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,;\n]", given.get(key, "")) if part.strip())


def _below(given: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}


def _distro(name: str, given: Mapping[str, str]) -> Distro:
    return Distro(
        name=name,
        title=given["title"],
        family=given["family"],
        os=given.get("os", "linux"),
        kernel=given["kernel"],
        kernel_build=given["kernel_build"],
        machine=given.get("machine", "x86_64"),
        shell=given.get("shell", "/bin/bash"),
        package_manager=given["package_manager"],
        released=given["released"],
        hostname=given.get("hostname", "srv{{ n2 }}"),
        image=given["image"],
        os_release={key: value.strip('"') for key, value in _below(given, "os-release.").items()},
        versions=_below(given, "versions."),
    )


def _os(name: str, given: Mapping[str, str]) -> Os:
    return Os(
        name,
        given["title"],
        given["family"],
        {key: value for key, value in given.items() if key.startswith("net.")} | _below(given, "sysctls."),
        _list(given, "vendors"),
        _list(given, "aliases"),
    )


def _vendor(name: str, given: Mapping[str, str]) -> Vendor:
    return Vendor(name, given["title"], _list(given, "prefixes"))


def _archetype(name: str, given: Mapping[str, str]) -> Archetype:
    personas: dict[str, dict[str, str]] = {}
    for key, value in given.items():
        service, dot, option = key.partition(".")
        if dot:
            personas.setdefault(service, {})[option] = value
    return Archetype(
        name,
        given["title"],
        _list(given, "services"),
        given["os"],
        _list(given, "distros"),
        _list(given, "vendors"),
        _list(given, "hostnames"),
        personas,
    )
