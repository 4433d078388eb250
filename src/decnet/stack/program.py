"""The compiled programs: what is in bpf/personality.o, an ELF file as clang writes it (elf(5), <linux/bpf.h>).

Read with `struct`: two sections of instructions, the maps they name, and where they name them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

_HEADER = struct.Struct("<16s2HI3QI6H")
_SECTION = struct.Struct("<2I4Q2I2Q")
_SYMBOL = struct.Struct("<I2BH2Q")
_RELOCATION = struct.Struct("<QII")
_MAP = struct.Struct("<5I")
_INSTRUCTION = 8
_SYMTAB, _REL = 2, 9
_PREFIX = "tc/"


class MapShape(NamedTuple):
    """What BPF_MAP_CREATE is told."""

    type: int
    key_size: int
    value_size: int
    entries: int
    flags: int


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions, and the map that is meant at each of these offsets."""

    name: str
    instructions: bytes
    maps: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Object:
    """Everything that is loaded together. ``version`` changes with any byte of it: eight hex digits."""

    version: str
    terms: bytes
    programs: Mapping[str, Program]
    maps: Mapping[str, MapShape]


class _Section(NamedTuple):
    name: str
    kind: int
    info: int
    data: bytes


@cache
def shipped() -> Object:
    """The object that comes with the package."""
    return read(resources.files(__package__).joinpath("bpf/personality.o").read_bytes())


def read(image: bytes) -> Object:
    """An object file's programs and maps. Raises `ValueError` for what is no object for this machine's BPF."""
    if image[:6] != b"\x7fELF\2\1":
        raise ValueError("not a little-endian ELF file of 64 bits")
    sections = list(_sections(image))
    by_name = {section.name: section for section in sections}
    symbols = list(_symbols(sections))
    place = next(at for at, section in enumerate(sections) if section.name == "maps")
    offsets = {name: offset for name, owner, offset in symbols if owner == place and name}
    maps = {name: MapShape(*_MAP.unpack_from(sections[place].data, at)) for name, at in offsets.items()}
    programs = {}
    for at, section in enumerate(sections):
        if section.name.startswith(_PREFIX):
            name = section.name.removeprefix(_PREFIX)
            named = (one for one in sections if one.kind == _REL and one.info == at)
            used = tuple(
                (offset, symbols[number][0]) for one in named for offset, number in _relocations(one.data)
            )
            programs[name] = Program(name, section.data, used)
    digest = hashlib.blake2b(digest_size=4)
    for part in (*(one.instructions for one in programs.values()), by_name["maps"].data):
        digest.update(part)
    return Object(digest.hexdigest(), by_name["license"].data, programs, maps)


def linked(program: Program, maps: Mapping[str, int]) -> bytes:
    """The instructions with descriptors of maps in them."""
    code = bytearray(program.instructions)
    for offset, name in program.maps:
        code[offset + 1] = code[offset + 1] & 0x0F | 0x10  # source register: BPF_PSEUDO_MAP_FD
        struct.pack_into("<i", code, offset + 4, maps[name])
    return bytes(code)


def _sections(image: bytes) -> Iterator[_Section]:
    header = _HEADER.unpack_from(image)
    start, size, count, names_at = header[6], header[11], header[12], header[13]
    heads = [_SECTION.unpack_from(image, start + size * at) for at in range(count)]
    names = heads[names_at]
    for name, kind, _, _, offset, length, _, info, _, _ in heads:
        yield _Section(_word(image, names[4] + name), kind, info, image[offset : offset + length])


def _symbols(sections: list[_Section]) -> Iterator[tuple[str, int, int]]:
    """Name, section and value of each. clang puts all names into one table, .strtab."""
    table = next(section for section in sections if section.kind == _SYMTAB)
    names = next(section for section in sections if section.name == ".strtab")
    for name, _, _, owner, at, _ in _SYMBOL.iter_unpack(table.data):
        yield _word(names.data, name), owner, at


def _relocations(data: bytes) -> Iterator[tuple[int, int]]:
    for offset, _, number in _RELOCATION.iter_unpack(data):
        yield offset, number


def _word(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
