"""The bytes of a personality: what the C header and Python say is the same."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import decnet.stack
from decnet.catalog import load
from decnet.stack import Personality, begun, class_id, key, layout, program, shipped, value

BPF = Path(decnet.stack.__file__).parent / "bpf"


def test_the_map_takes_values_of_the_size_that_is_packed():
    assert shipped().maps["personalities"].value_size == layout.SIZE == len(value(Personality()))
    assert (
        shipped().maps["personalities"].key_size == len(key(1, "198.51.100.7")) == len(key(1, "2001:db8::7"))
    )


def test_profiles_that_differ_have_class_ids_that_differ():
    values = {value(one.personality) for one in load().oses.values()}
    assert len({class_id(packed) & 0xFFFF for packed in values}) == len(values) >= 12


def test_the_ip_ids_of_two_hosts_begin_at_different_numbers_and_nothing_else_does():
    packed = value(Personality())
    one, other = (begun(packed, f"02:00:00:00:00:0{number} 198.51.100.7/24") for number in (1, 2))
    assert begun(packed, "02:00:00:00:00:01 198.51.100.7/24") == one != other
    counters = struct.calcsize("2I")
    assert one[:-counters] == other[:-counters] == packed[:-counters]
    assert len({*struct.unpack("2I", one[-counters:]), *struct.unpack("2I", other[-counters:]), 0}) == 5


def test_a_key_is_half_a_class_id_and_an_address():
    assert key(0x12345678, "198.51.100.7").hex() == "78560000" + "c6336407" + "00" * 12


def test_maps_are_linked_where_the_programs_name_them():
    inbound = shipped().programs["inbound"]
    code = program.linked(inbound, {"personalities": 5, "rooms": 6, "courses": 7})
    assert len(code) == len(inbound.instructions)
    assert {int.from_bytes(code[at + 4 : at + 8], "little") for at, _ in inbound.maps} == {5, 6, 7}
    assert all(code[at + 1] >> 4 == 1 for at, _ in inbound.maps)


def test_what_is_no_object_is_refused():
    with pytest.raises(ValueError, match="not a little-endian ELF file"):
        program.read(b"#!/bin/sh\n" * 40)


@pytest.mark.skipif(not shutil.which("clang"), reason="needs clang, which only who changes the programs has")
def test_the_shipped_object_is_what_the_source_compiles_to(tmp_path):
    made = tmp_path / "personality.o"
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    if "Debian clang version 14." not in version:
        pytest.skip(f"the object is Debian's clang 14's: this is {version.splitlines()[0]}")
    headers = next(Path("/usr/include").glob("*-linux-gnu"))
    subprocess.run(
        [
            "clang", "-O2", "-g0", "-Wall", "-Werror", "-target", "bpf", "-mcpu=v3", "-idirafter", headers,
            "-c", "personality.c", "-o", made,
        ],
        check=True, cwd=BPF,
    )  # fmt: skip
    assert program.read(made.read_bytes()) == shipped()
