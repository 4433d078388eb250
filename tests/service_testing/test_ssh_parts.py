"""The parts of the ssh service that need no connection: line editor, sftp packets, key encapsulation, templates."""

import contextlib
import random
import re
import struct
import subprocess
import sys

import pytest

from decnet.decoy.fleet import setting
from decnet.services import personas
from decnet.services.accounts import Credential
from decnet.services.service import Facts
from decnet.services.shell.editor import Editor, Interrupted
from decnet.services.shell.machine import Machine
from decnet.services.shell.session import Shell
from decnet.services.shell.streams import BytesInput, BytesOutput
from decnet.services.ssh import Ident, Persona
from decnet.services.ssh.server import Server
from decnet.services.ssh.sftp import Sftp
from decnet.services.ssh.sntrup import HALF, P, Q, Sntrup761, decode, encode, multiply
from tests.service_testing.conftest import rendered


async def edited(keys: str, *, columns: int = 80, history: tuple[str, ...] = ()) -> tuple[str, str]:
    shown = bytearray()
    editor = Editor(BytesInput(keys.encode()), shown.extend, lambda: columns, paste=False)
    editor.history = list(history)
    offers = {"ec": ["echo "], "ls /e": ["/etc/"], "cd a": ["abc/", "abd/"], "cd ab": ["abc/", "abd/"]}
    line = await editor.read("$ ", lambda text: offers.get(text, []))
    return line, shown.decode()


KEYS = [
    ("abc\r", "abc", "$ abc\r\n"),
    ("abx\x7fc\r", "abc", "$ abx\b\x1b[Kc\r\n"),
    ("bc\x01a\r", "abc", "$ bc\b\babc\b\b\x1b[C\x1b[C\r\n"),
    ("abc def\x17x\r", "abc x", "$ abc def\b\b\b\x1b[Kx\r\n"),
    ("abc\x15x\r", "x", "$ abc\b\b\b\x1b[Kx\r\n"),
    ("ab\x02\x0b\x19\x19\r", "abb", None),
    ("ec\thi\r", "echo hi", "$ echo hi\r\n"),
    ("ls /e\t\r", "ls /etc/", "$ ls /etc/\r\n"),
    ("cd a\t\t\tc/\r", "cd abc/", "$ cd ab\x07\x07\r\nabc/  abd/\r\n$ cd abc/\r\n"),
    ("\x1b[A\r", "two", "$ two\r\n"),
    ("\x1b[A\x1b[A\x1b[A\x1b[B\r", "two", "$ two\b\b\bone\x07\b\b\btwo\r\n"),
    ("\x12on\r", "one", None),
    ("\x7f\r", "", "$ \x07\r\n"),
    ("\x1b[200~a\x1b[201~b\r", "ab", "$ ab\r\n"),
    ("été\x7f\r", "ét", "$ été\b\x1b[K\r\n"),
]


@pytest.mark.parametrize(("keys", "line", "shown"), KEYS, ids=[repr(keys) for keys, _, _ in KEYS])
async def test_a_line_is_edited_as_readline_does(keys: str, line: str, shown: str | None) -> None:
    got, seen = await edited(keys, history=("one", "two"))
    assert got == line
    assert shown is None or seen == shown


async def test_a_full_row_wraps() -> None:
    assert await edited("abcdefgh\r", columns=8) == ("abcdefgh", "$ abcdef \rgh\r\n")


async def test_control_c_and_control_d() -> None:
    with pytest.raises(Interrupted):
        await edited("abc\x03")
    with pytest.raises(EOFError):
        await edited("\x04")
    assert (await edited("abc\x01\x04\r"))[0] == "bc"


async def test_no_keys_break_the_editor() -> None:
    draw = random.Random(1)
    alphabet = [chr(n) for n in range(32)] + [
        "a",
        " ",
        "/",
        "é",
        "\x7f",
        "\x1b[A",
        "\x1b[D",
        "\x1bb",
        "\x1b[1;5C",
        "\x1b[",
    ]
    for _ in range(300):
        keys = "".join(draw.choices(alphabet, k=40))
        with contextlib.suppress(Interrupted, EOFError):
            await edited(keys, columns=draw.choice((1, 7, 80)), history=("one", "two"))


def test_numbers_are_encoded_as_the_reference_does() -> None:
    draw = random.Random(2)
    for modulus in (Q, (Q + 2) // 3, 3):
        values = [draw.randrange(modulus) for _ in range(P)]
        assert decode(encode(values, [modulus] * P), [modulus] * P) == values
    assert len(encode([0] * P, [Q] * P)) == 1158
    assert len(encode([0] * P, [(Q + 2) // 3] * P)) == 1007


def test_products_are_those_of_the_ring() -> None:
    draw = random.Random(3)
    dense = [draw.randint(-HALF, HALF) for _ in range(P)]
    small = [draw.choice((-1, 0, 0, 1)) for _ in range(P)]
    full = [0] * (2 * P - 1)
    for i, a in enumerate(dense):
        for j, b in enumerate(small):
            full[i + j] += a * b
    for k in range(2 * P - 2, P - 1, -1):
        full[k - P] += full[k]
        full[k - P + 1] += full[k]
    assert multiply(dense, small) == [(value + HALF) % Q - HALF for value in full[:P]]


async def test_a_prepared_encapsulation_is_the_one_that_is_given() -> None:
    public, rests = random.Random(1).randbytes(Sntrup761.pubkey_bytes), []

    async def rest() -> None:
        rests.append(1)

    kem = Sntrup761(b"sntrup761")
    await kem.prepare(public, rest)
    assert len(rests) == 4
    assert kem.encaps(public) == kem.encaps(public)
    assert [len(part) for part in kem.encaps(public)] == [Sntrup761.secret_bytes, Sntrup761.ciphertext_bytes]
    assert kem.encaps(public) != Sntrup761(b"sntrup761").encaps(public)
    with pytest.raises(ValueError, match="1158 bytes"):
        await kem.prepare(public[1:], rest)


@pytest.mark.parametrize(
    ("text", "parsed"), [("OpenSSH_9.2p1", "OpenSSH_9.2p1"), ("SSH-2.0-dropbear_2022.83", "dropbear_2022.83")]
)
def test_a_version_may_be_written_with_its_prefix(text: str, parsed: str) -> None:
    assert Ident.parse(text) == parsed


@pytest.mark.parametrize(
    ("text", "message"), [("a\nb", "printable ASCII"), ("é", "printable"), ("x" * 246, "at most 245")]
)
def test_a_version_that_cannot_stand_on_the_wire_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ident.parse(text)


def test_a_rendered_machine_agrees_with_itself() -> None:
    users = (Credential("root", "toor"), Credential("deploy", "x"), Credential("www-data", "y"))
    files = rendered("ssh", {"users": users}, hostname="db07", domain="corp.example").files
    text = {path: data.decode() for path, data in files.items()}
    assert text["rootfs/etc/hostname"] == "db07\n"
    assert "127.0.1.1\tdb07.corp.example\tdb07\n" in text["rootfs/etc/hosts"]
    names = [line.split(":")[0] for line in text["rootfs/etc/passwd"].splitlines()]
    assert len(names) == len(set(names))
    assert "deploy:x:1000:1000:,,,:/home/deploy:/bin/bash" in text["rootfs/etc/passwd"]
    hashes = re.findall(
        r"^(\w+):\$y\$j9T\$[./0-9A-Za-z]{22}\$[./0-9A-Za-z]{43}:", text["rootfs/etc/shadow"], re.MULTILINE
    )
    assert hashes == ["root", "deploy"]
    assert text["rootfs/run/motd.dynamic"].startswith("Linux db07 6.1.0-")
    assert sum(map(len, text.values())) < 16_000


def test_two_decoys_share_no_hash_and_the_same_one_is_rendered_alike() -> None:
    one, other = rendered("ssh", name="a"), rendered("ssh", name="b")
    assert one.files == rendered("ssh", name="a").files
    assert one.files["rootfs/etc/shadow"] != other.files["rootfs/etc/shadow"]
    assert one.persona != other.persona


def test_sftp_answers_any_packet() -> None:
    facts = Facts("web01", "example.com", "198.51.100.7", "linux", "debian", "UTC", 1.7e9, 1.75e9)
    machine = Machine.boot(facts, {}, {"deploy": "x"}, seed=b"s")

    class Connection:
        session = type("Session", (), {"emit": staticmethod(lambda *_a, **_k: None)})

    task = type("Task", (), {"connection": Connection})
    server = Sftp(task, machine, machine.credentials("deploy"))  # type: ignore[arg-type]
    draw = random.Random(5)
    for _ in range(3000):
        kind = draw.choice((*range(1, 21), 200, 255))
        fields = b"".join(
            draw.choice(
                (
                    struct.pack(">I", draw.choice((0, 1, 4, 2**31, 2**32 - 1))),
                    struct.pack(">Q", draw.choice((0, 1, 2**63, 2**64 - 1))),
                    struct.pack(">I", 5) + b"/etc/",
                    struct.pack(">I", 9) + b"/tmp/x\xff\0y",
                    struct.pack(">I", 4) + struct.pack(">I", draw.randint(0, 3)),
                )
            )
            for _ in range(draw.randint(0, 6))
        )
        answer = server.answer(bytes((kind,)) + b"\0\0\0\x07" + fields)
        assert answer[0] in (2, 101, 102, 103, 104, 105, 201)
        assert answer[0] == 2 or answer[1:5] in (b"\0\0\0\x07", b"\0\0\0\0")


@pytest.mark.parametrize(
    ("distro", "kernel", "release", "methods"),
    [
        ("debian", r"6\.1\.\S+-amd64 #1 SMP PREEMPT_DYNAMIC Debian", "bookworm", "publickey,password"),
        ("ubuntu22", r"5\.15\.\S+-generic #\d+-Ubuntu SMP", "Ubuntu 22.04", "publickey,password"),
        (
            "rocky9",
            r"5\.14\.\S+el9\S+ #1 SMP",
            "Rocky Linux",
            "publickey,gssapi-keyex,gssapi-with-mic,password",
        ),
        ("alpine", r"6\.\S+-lts #1-Alpine SMP", "Alpine Linux", "publickey,password,keyboard-interactive"),
        (None, r"6\.1\.\S+-amd64 #1 SMP", "Debian", "publickey,password"),
    ],
)
async def test_kernel_release_and_methods_are_those_of_one_distro(
    distro: str | None, kernel: str, release: str, methods: str
) -> None:
    bundle = rendered("ssh", {"users": (Credential("root", "toor"),)}, distro=distro)
    server = Server(setting(bundle))
    out = BytesOutput()
    await Shell(server.machine, "root").run("uname -a; cat /etc/os-release", BytesInput(), out, out)
    assert re.match(f"Linux web01 {kernel}", out.text())
    assert release in out.text()
    assert ",".join(personas.decode(Persona, bundle.persona).auth) == methods


def test_a_server_that_was_begun_nice_has_its_keys():
    """As by ``nice decnet apply``: no thread may ask for more of the processor than its process has."""
    program = (
        "import asyncio, os; from decnet.services.ssh.hostkeys import HostKeys; os.nice(10); os.setuid(65534);"
        "print(len(asyncio.run(HostKeys(bytes(32)).pairs(wait=60))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
