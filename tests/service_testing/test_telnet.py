"""The telnet service as real clients see it, and beside real daemons."""

import asyncio
import re
import shutil
import socket
import sys
import time
from pathlib import Path

import msgspec
import pytest

from decnet.events import EventType
from decnet.services.accounts import Credential
from decnet.services.telnet.protocol import Option
from tests.debian import unpacked
from tests.service_testing.conftest import Running, Serve, run
from tests.service_testing.ssh_client import ssh as by_ssh
from tests.service_testing.telnet_client import Client, daemon

USERS = {"users": (Credential("root", "toor"), Credential("deploy", "s3cret"))}
ALL = (Option.TTYPE, Option.TSPEED, Option.XDISPLOC, Option.NEW_ENVIRON, Option.NAWS, Option.LFLOW)
TERMINAL = ((Option.TTYPE, Option.NAWS), (Option.ECHO, Option.SGA))
"""What the simplest real clients agree to."""
LEAKS = re.compile(rb"decnet|decky|honeypot|decoy|python|asyncio|cowrie|telnetlib|Traceback", re.IGNORECASE)


async def entered(running: Running, user: str = "root", password: str = "toor") -> Client:
    """A client at the first prompt of a shell."""
    client = await Client.to(running.port, *TERMINAL)
    await client.until(b"login: ")
    client.type(user.encode() + b"\r\0")
    await client.until(b"Password: ")
    client.type(password.encode() + b"\r\0")
    return client


async def left(client: Client) -> bytes:
    client.type(b"exit\r\0")
    shown = await client.rest()
    client.writer.close()
    return shown


async def test_a_user_logs_in_and_is_greeted_as_by_debians_login(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    client = await entered(running)
    shown = (await client.until(b"# ")).decode()
    assert re.match(r"\r\nLinux web01 6\.1\.\S+ #1 SMP .* x86_64\r\n\r\nThe programs included", shown)
    assert re.search(
        r"\r\nLast login: \w{3} \w{3} [ \d]\d [\d:]{8} UTC 20\d\d from [\d.]+ on pts/0\r\n", shown
    )
    client.type(b"echo $((40+2)) $TERM; who\r\0")
    shown = (await client.until(b"web01:~# ")).decode()
    assert "42 xterm\r\n" in shown
    assert re.search(r"root +pts/0 .*\(127\.0\.0\.1\)", shown)
    assert (await left(client)).endswith(b"logout\r\n")
    attempt = await running.event(EventType.AUTH)
    assert attempt.data == {
        "principal": "root",
        "secret": "toor",
        "secret_kind": "plaintext",
        "method": "login",
        "outcome": "accepted",
    }
    command = await running.event(EventType.COMMAND)
    assert command.data == {"command": "echo $((40+2)) $TERM; who", "user": "root"}


async def test_a_wrong_password_is_refused_with_the_delay_of_pam_and_five_are_too_many(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    client = await Client.to(running.port, *TERMINAL)
    await client.until(b"web01 login: ")
    for attempt in range(5):
        client.type(b"root\r\n")
        await client.until(b"Password: ")
        start = time.monotonic()
        client.type(b"guess%d\r\n" % attempt)
        shown = await client.until(b"web01 login: " if attempt < 4 else b"(5)\r\n")
        assert shown.startswith(b"\r\n\r\nLogin incorrect\r\n")
        assert 1.4 < time.monotonic() - start < 6
    assert await client.rest() == b""
    assert shown == b"\r\n\r\nLogin incorrect\r\nMaximum number of tries exceeded (5)\r\n"
    client.writer.close()
    told = [event.data["secret"] for event in running.events if event.type == EventType.AUTH]
    assert told == [f"guess{number}" for number in range(5)]
    assert not [event for event in running.events if event.data.get("outcome") == "accepted"]


async def test_a_password_is_not_echoed_and_a_name_is_edited_as_the_kernel_does(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    client = await Client.to(running.port, *TERMINAL)
    await client.until(b"login: ")
    client.type(b"rooX\x7ft\r\0")
    assert await client.until(b"Password: ") == b"rooX\b \bt\r\nPassword: "
    client.type(b"tooX\x7fr\r\0")
    assert (await client.until(b"# ")).startswith(b"\r\nLinux")
    await left(client)


@pytest.mark.parametrize(
    ("distro", "persona", "heard"),
    [
        (
            "debian",
            {},
            (
                "WILL AUTHENTICATION,WILL ENCRYPT,DO TTYPE,DO TSPEED,DO XDISPLOC,DO NEW_ENVIRON,DO OLD_ENVIRON,"
                "SB TTYPE 01,WILL SGA,DO ECHO,DO LINEMODE,DO NAWS,WILL STATUS,DO LFLOW,WILL ECHO,DO TM,DO BINARY,"
                r"'\r\nLinux 6.1.0-28-amd64 (web01.example.com) (pts/0)\r\n\r\nweb01 login: '"
            ),
        ),
        (
            "ubuntu22",
            {},
            (
                "DO TTYPE,DO TSPEED,DO XDISPLOC,DO NEW_ENVIRON,SB TTYPE 01,WILL SGA,DO ECHO,DO NAWS,WILL STATUS,"
                r"DO LFLOW,WILL ECHO,'Ubuntu 22.04.5 LTS\r\nweb01 login: '"
            ),
        ),
        (
            "rocky9",
            {},
            (
                "DO TTYPE,DO TSPEED,DO XDISPLOC,DO NEW_ENVIRON,SB TTYPE 01,WILL SGA,DO ECHO,DO NAWS,WILL STATUS,"
                r"DO LFLOW,WILL ECHO,'\r\nKernel 5.14.0-503.38.1.el9_5.x86_64 on an x86_64\r\nweb01 login: '"
            ),
        ),
        ("alpine", {}, r"DO ECHO,DO NAWS,WILL ECHO,WILL SGA,'\r\r\nweb01 login: '"),
        (
            "debian",
            {"device": "busybox", "issue": "Camera %h"},
            r"DO ECHO,DO NAWS,WILL ECHO,WILL SGA,'\r\r\nCamera web01\r\n\rweb01 login: '",
        ),
    ],
)
async def test_each_distros_daemon_opens_in_its_own_way(
    serve: Serve, distro: str, persona: dict[str, str], heard: str
) -> None:
    running = await serve("telnet", USERS | persona, distro=distro)
    client = await Client.to(running.port, *TERMINAL)
    await client.until(b"login: ")
    client.writer.close()
    assert ",".join(client.heard) == heard


REAL = {
    "inetutils": ("inetutils-telnetd", ("usr/sbin/telnetd",), {"distro": "debian"}),
    "busybox": ("busybox-static", ("bin/busybox", "telnetd", "-i"), {"distro": "alpine"}),
}
ISSUE = Path("/etc/issue.net")
CLIENTS = {
    "nothing": ((), ()),
    "basic": TERMINAL,
    "echoes itself": ((*TERMINAL[0], Option.ECHO), TERMINAL[1]),
    "tells all": (ALL, (Option.ECHO, Option.SGA, Option.STATUS)),
    "edits lines": ((*ALL, Option.LINEMODE), (Option.ECHO, Option.SGA)),
    "binary": ((*TERMINAL[0], Option.BINARY), (*TERMINAL[1], Option.BINARY)),
}


@pytest.mark.parametrize("types", [(b"xterm",), (b"foo", b"bar", b"bar")], ids=["known", "unknown"])
@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("name", REAL)
async def test_the_same_is_heard_as_from_the_real_daemon(
    serve: Serve, name: str, kind: str, types: tuple[bytes, ...]
) -> None:
    package, (program, *options), host = REAL[name]
    command = (str(unpacked(package) / program), *options)

    async def heard(port: int) -> tuple[list[str], bytes]:
        client = await Client.to(port, *CLIENTS[kind], types)
        text = await client.until(b"login: ")
        await client.settle(0.3)
        client.writer.close()
        text = re.sub(rb"Linux \S+ \(\S+\) \(pts/\d+\)", b"KERNEL", text)
        requests = [one for one in client.heard if not one.startswith("'")]
        return requests, re.sub(rb"[\w.-]+ login: ", b"HOST login: ", text)

    async with daemon(*command) as port:
        expected = await heard(port)
    issue = ISSUE.read_text("utf-8") if name == "busybox" else ""  # noqa: ASYNC240 (two lines)
    running = await serve("telnet", USERS | {"issue": issue.rstrip("\n")}, **host)
    assert await heard(running.port) == expected


SEGMENTS = slice(152, 156)
"""``tcpi_data_segs_in`` of linux/tcp.h."""


async def test_the_first_questions_come_in_one_segment_as_from_the_real_daemon(serve: Serve) -> None:
    package, (program, *options), host = REAL["inetutils"]

    async def segments(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.read(1)
        await asyncio.sleep(0.3)
        told = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        writer.close()
        return int.from_bytes(told[SEGMENTS], sys.byteorder)

    async with daemon(str(unpacked(package) / program), *options) as port:
        assert await segments(port) == 1
    running = await serve("telnet", USERS, **host)
    assert await segments(running.port) == 1


async def test_a_client_that_says_nothing_hears_no_more_than_the_first_questions(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"\r\n\r\nroot\r\n")
    await asyncio.sleep(0.5)
    assert await reader.read(999) == b"\xff\xfb%\xff\xfb&\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'\xff\xfd$"
    writer.close()


async def test_what_a_client_tells_of_itself_is_a_fingerprint(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    client = await Client.to(running.port, ALL, (Option.ECHO, Option.SGA), (b"XTERM-256COLOR",))
    await client.until(b"login: ")
    client.writer.close()
    told = (await running.event(EventType.FINGERPRINT)).data
    assert told["terminal"] == "xterm-256color"
    assert (told["columns"], told["rows"]) == (100, 30)
    assert (told["speed"], told["display"], told["environment"]) == ("38400,38400", "h:0", {"USER": "bob"})
    assert told["telnet_options"].startswith("DONT AUTHENTICATION,DONT ENCRYPT,WILL TTYPE,WILL TSPEED")


TYPED = b"root\n", b"toor\n", b"echo $((40+2))\n", b"exit\n"


async def conversed(*command: str, lines: tuple[bytes, ...] = TYPED, pause: float = 0.5) -> bytes:
    """What a real client shows when these lines are typed one after the other."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"TERM": "xterm", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )
    assert process.stdin
    assert process.stdout
    for line in lines:
        await asyncio.sleep(pause)
        process.stdin.write(line)
        await process.stdin.drain()
    await asyncio.sleep(pause)
    process.stdin.close()
    shown = await asyncio.wait_for(process.stdout.read(), 10)
    await process.wait()
    return shown


@pytest.mark.parametrize("distro", ["debian", "rocky9", "alpine"])
@pytest.mark.parametrize("client", ["telnet", "busybox", "curl"])
async def test_real_clients_log_in_and_run_a_command(serve: Serve, client: str, distro: str) -> None:
    if not shutil.which(client):
        pytest.skip(f"needs {client}")
    running = await serve("telnet", USERS, distro=distro)
    where = ("127.0.0.1", str(running.port))
    command = {
        "telnet": ("telnet", *where),
        "busybox": ("busybox", "telnet", *where),
        "curl": ("curl", "-sN", f"telnet://127.0.0.1:{running.port}"),
    }[client]
    shown = await conversed(*command)
    assert b"login: " in shown
    assert re.search(rb"[\r\n]42\r\n", shown)
    if (
        client != "curl"
    ):  # it answers the daemon when it has something to send: its lines come before the prompts
        assert b"toor" not in shown
    assert (await running.event(EventType.AUTH)).data["outcome"] == "accepted"


async def test_ssh_and_telnet_of_one_decoy_have_the_same_accounts_and_lead_into_one_machine(
    serve: Serve,
) -> None:
    ssh, telnet = await serve("ssh"), await serve("telnet")
    assert users(ssh) == users(telnet)
    ssh = await serve("ssh", USERS, beside=("telnet",))
    telnet = await serve("telnet", USERS, beside=("ssh",))
    client = await entered(telnet)
    await client.until(b"# ")
    client.type(b"echo mine > /root/note\r\0")
    await client.until(b"# ")
    ran = await by_ssh(ssh, "root", "toor", "cat /root/note; who; nproc; cat /etc/shadow | md5sum")
    client.type(b"nproc; cat /etc/shadow | md5sum\r\0")
    shown = await client.until(b"# ")
    assert ran.stdout.startswith(b"mine\nroot     pts/0 ")
    assert b"".join(line + b"\r\n" for line in ran.stdout.splitlines()[-2:]) in shown
    await left(client)


def users(running: Running) -> object:
    return msgspec.json.decode(running.bundle.persona)["users"]


async def test_the_interrupt_of_telnet_stops_a_command(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    client = await entered(running)
    await client.until(b"# ")
    client.type(b"sleep 60\r\0")
    await client.until(b"sleep 60\r\n")
    await asyncio.sleep(0.2)
    client.type(b"\xff\xf4")
    assert b"^C" in await client.until(b"# ")
    client.type(b"\xff\xf6")
    await client.until(b"[Yes]")
    await left(client)


@pytest.mark.parametrize("ending", [b"\r\0", b"\r\n", b"\n", b"\r"])
async def test_every_way_to_end_a_line_is_one_return_key(serve: Serve, ending: bytes) -> None:
    running = await serve("telnet", USERS)
    client = await entered(running)
    await client.until(b"# ")
    client.type(b"echo a" + ending + b"echo b" + ending)
    await client.until(b"b\r\n")
    await client.settle(0.2)
    await left(client)
    told = [event.data["command"] for event in running.events if event.type == EventType.COMMAND]
    assert told == ["echo a", "echo b", "exit"]


async def test_a_window_that_changes_is_seen_by_the_shell(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    client = await entered(running)
    await client.until(b"# ")
    client.type(b"stty size\r\0")
    assert b"30 100\r\n" in await client.until(b"# ")
    client.type(b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0stty size\r\0")
    assert b"24 80\r\n" in await client.until(b"# ")
    await left(client)


async def test_an_account_that_begins_with_a_dash_is_only_a_name(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    client = await Client.to(running.port, ALL, (Option.ECHO, Option.SGA))
    await client.until(b"login: ")
    client.type(b"-froot\r\0")
    await client.until(b"Password: ")
    client.writer.close()


async def test_no_name_of_what_it_is_made_of_is_ever_said(serve: Serve) -> None:
    for persona in ({}, {"device": "busybox"}, {"device": "cisco"}, {"device": "printer"}):
        running = await serve("telnet", persona)
        client = await Client.to(running.port, *TERMINAL)
        client.type(b"\xff\xfa\x18\x00\xff\xf0\xff\xfe\xffhelp\r\n?\r\nmenu\r\n\x03\x04\xff\xff")
        await client.settle(0.5)
        client.writer.close()
        assert not LEAKS.search("".join(client.heard).encode())


async def test_a_reader_that_never_reads_holds_no_memory(serve: Serve) -> None:
    running = await serve("telnet", {"device": "cisco"} | USERS)
    sock = socket.create_connection(("127.0.0.1", running.port))
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(1.5):
            while True:
                await loop.sock_sendall(sock, b"\xff\xfb\x2a\xff\xfc\x2a" * 4000)
    except TimeoutError:
        pass
    other = await Client.to(running.port, *TERMINAL)
    await other.until(b"Username: ")
    other.writer.close()
    sock.close()


async def test_curl_without_input_sees_the_login(serve: Serve) -> None:
    running = await serve("telnet", USERS)
    ran = await run("curl", "-s", "-m", "1", f"telnet://127.0.0.1:{running.port}")
    assert b"login: " in ran.stdout
