"""The programs that hear an sshd, as bytes; tests/docker/test_high.py has the kernel run them."""

import struct

import pytest

from decnet.world.calls import assembler, program
from decnet.world.calls.assembler import Ins, Label, Reg, assemble


def test_instructions_are_encoded_as_the_kernel_reads_them():
    code = assemble(
        [
            assembler.move(Reg.R6, Reg.R1),
            assembler.when_equal(Reg.R6, -1, "end"),
            assembler.constant(Reg.R1, 0xFFFF_FFFF_0000_0001),
            Label("end"),
            assembler.leave(),
        ]
    )
    assert len(code) == 5 * 8
    assert code[:8] == bytes((0xBF, 0x16, 0, 0, 0, 0, 0, 0))
    assert struct.unpack_from("<BBhi", code, 8) == (0x15, 0x06, 2, -1)
    assert struct.unpack_from("<BBhiBBhi", code, 16) == (0x18, 0x01, 0, 1, 0, 0, 0, -1)


@pytest.mark.parametrize("made", [program.at_exit, program.at_enter])
def test_a_program_is_of_one_namespace_and_ends(made):
    code = made(4, 4026531836, 30, 31)
    assert code != made(4, 4026531837, 30, 31)
    assert code[-8:] == bytes((0x95, 0, 0, 0, 0, 0, 0, 0))
    jumps = [
        at + 1 + struct.unpack_from("<h", code, at * 8 + 2)[0]
        for at in range(len(code) // 8)
        if code[at * 8] in (0x05, 0x15, 0x55, 0xC5, 0xB5)
    ]
    assert max(jumps) < len(code) // 8
    assert Ins(0x95) == assembler.leave()
