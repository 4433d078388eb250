"""The ssh service as the real clients of OpenSSH see it."""

import asyncio
import hashlib
import re
import time
from pathlib import Path

import pytest

from decnet.decoy.fleet import handler
from decnet.events import EventType
from decnet.services.accounts import Credential
from tests.service_testing.conftest import Serve, rendered, run
from tests.service_testing.ssh_client import OPTIONS, QUIET, answer, kexinit, ssh, typed

USERS = {"users": (Credential("root", "toor"), Credential("deploy", "s3cret"))}
LEAKS = re.compile(
    rb"asyncssh|ron@|timeheart|python|asyncio|decnet|decky|honeypot|decoy|twisted|cowrie", re.IGNORECASE
)


async def test_a_user_logs_in_with_the_password_and_runs_a_command(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    ran = await ssh(running, "root", "toor", "echo $((40+2)); exit 3")
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, b"42\n", b"")
    attempt = await running.event(EventType.AUTH)
    assert attempt.data == {
        "principal": "root",
        "secret": "toor",
        "secret_kind": "plaintext",
        "method": "password",
        "outcome": "accepted",
    }
    command = await running.event(EventType.COMMAND)
    assert command.data["command"] == "echo $((40+2)); exit 3"


@pytest.mark.parametrize(("user", "password"), [("root", "s3cret"), ("nobody", "toor"), ("Root", "toor")])
async def test_any_other_password_is_refused_with_the_delay_of_pam(
    serve: Serve, user: str, password: str
) -> None:
    running = await serve("ssh", USERS)
    start = time.monotonic()
    ran = await ssh(running, user, password, "id")
    assert ran.returncode == 255
    assert b"Permission denied (publickey,password)." in ran.stderr
    assert time.monotonic() - start > 1.0
    attempt = await running.event(EventType.AUTH)
    assert (attempt.data["principal"], attempt.data["secret"]) == (user, password)
    assert attempt.data["outcome"] == "refused"


async def test_the_methods_on_offer_are_those_of_the_distro(serve: Serve) -> None:
    running = await serve("ssh", USERS | {"auth": ("publickey", "keyboard-interactive")})
    ran = await ssh(running, "root", "toor", "echo in")
    assert ran.stdout == b"in\n"
    assert (await running.event(EventType.AUTH)).data["method"] == "keyboard-interactive"
    ran = await run("ssh", *QUIET, "-o", "BatchMode=yes", "-p", str(running.port), "x@127.0.0.1")
    assert b"Permission denied (publickey,keyboard-interactive)." in ran.stderr


async def test_the_sixth_refused_key_ends_the_connection(serve: Serve, tmp_path: Path) -> None:
    running = await serve("ssh", USERS)
    identities: list[str] = []
    for number in range(7):
        await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / f"k{number}"))
        identities += ["-i", str(tmp_path / f"k{number}")]
    options = ("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", *identities)
    ran = await run("ssh", *OPTIONS, *options, "-p", str(running.port), "root@127.0.0.1")
    assert b":2: Too many authentication failures" in ran.stderr
    attempts = [event for event in running.events if event.type == EventType.AUTH]
    assert len(attempts) == 6
    public = (tmp_path / "k0.pub").read_bytes()
    shown = await run("ssh-keygen", "-l", "-f", str(tmp_path / "k0.pub"))
    assert public
    assert attempts[0].data["secret_kind"] == "publickey"
    assert attempts[0].data["secret"].encode() == shown.stdout.split()[1]


@pytest.mark.parametrize("method", ["host-bound", "unbound"])
async def test_a_key_that_an_attacker_puts_into_authorized_keys_lets_them_in(
    serve: Serve, tmp_path: Path, method: str
) -> None:
    running = await serve("ssh", USERS)
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key"))
    batch = f"-mkdir /root/.ssh\nput {tmp_path / 'key.pub'} /root/.ssh/authorized_keys\n".encode()
    where = ("-P", str(running.port), "root@127.0.0.1")
    await run("sshpass", "-p", "toor", "sftp", *QUIET, *where, input=batch)
    options = ("-i", str(tmp_path / "key"), "-o", f"PubkeyAuthentication={method}", "-o", "BatchMode=yes")
    ran = await run("ssh", *QUIET, *options, "-p", str(running.port), "root@127.0.0.1", "echo by key")
    assert ran.stdout == b"by key\n", ran.stderr


async def test_a_login_shell_greets_edits_completes_and_leaves(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    shown = await typed(
        running,
        "root",
        "toor",
        b"echo one\r",
        b"ech\ttwo\x7fX\r",
        b"\x1b[A\r",
        b"gone\x03",
        b"read x\r",
        b"word\r",
        b'echo <$x>\x17\x15echo "<$x>"\r',
        b"exit 4\r",
    )
    text = shown.decode()
    assert re.match(r"Linux web01 6\.1\.\S+ #1 SMP .* x86_64\r\n\r\nThe programs included", text)
    assert re.search(r"\r\nLast login: \w{3} \w{3} [ \d]\d [\d:]{8} 20\d\d from [\d.]+\r\n", text)
    assert "root@web01:~# echo one\r\n\x1b[?2004l\rone\r\n" in text
    assert "echo two\b\x1b[KX\r\n\x1b[?2004l\rtwX\r\n" in text
    assert text.count("\rtwX\r\n") == 2
    assert "gone^C\x1b[?2004l\r\r\n" in text
    assert "read x\r\n\x1b[?2004l\rword\r\n" in text
    assert "\x1b[?2004l\r<word>\r\n" in text
    assert text.endswith("logout\r\n")
    commands = [event.data["command"] for event in running.events if event.type == EventType.COMMAND]
    assert commands == ["echo one", "echo twX", "echo twX", "read x", 'echo "<$x>"', "exit 4"]


async def test_commands_may_come_from_a_pipe(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    ran = await ssh(running, "deploy", "s3cret", typed_in=b"x=5\nfor i in 1 2\ndo\necho $i$x\ndone\nexit 7\n")
    assert ran.stdout.endswith(b"15\n25\n")
    assert ran.returncode == 7


async def test_only_the_environment_that_sshd_accepts_reaches_the_shell(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    options = (*QUIET, "-o", "SetEnv=LC_TEST=yes OTHER=no")
    ran = await ssh(running, "root", "toor", 'echo "$LC_TEST,$OTHER,$SSH_CLIENT"', options=options)
    assert re.fullmatch(rb"yes,,127\.0\.0\.1 \d+ \d+\n", ran.stdout)


@pytest.mark.parametrize("protocol", [(), ("-O",)], ids=["over sftp", "old scp"])
async def test_scp_puts_and_gets_files_and_folders(
    serve: Serve, tmp_path: Path, protocol: tuple[str, ...]
) -> None:
    running = await serve("ssh", USERS)
    content = bytes(range(256)) * 400
    (tmp_path / "there" / "sub").mkdir(parents=True)
    (tmp_path / "there" / "sub" / "tool").write_bytes(content)
    scp = ("sshpass", "-p", "toor", "scp", *protocol, *QUIET, "-rp", "-P", str(running.port))
    put = await run(*scp, str(tmp_path / "there"), "root@127.0.0.1:/opt/new")
    assert (put.returncode, put.stderr) == (0, b"")
    upload = await running.event(EventType.UPLOAD)
    assert upload.data["path"] == "/opt/new/sub/tool"
    assert upload.data["size"] == len(content)
    assert upload.data["sha256"] == hashlib.sha256(content).hexdigest()
    got = await run(*scp, "root@127.0.0.1:/opt/new", str(tmp_path / "back"))
    assert (got.returncode, got.stderr) == (0, b"")
    assert (tmp_path / "back" / "sub" / "tool").read_bytes() == content
    assert (await running.event(EventType.DOWNLOAD)).data["path"] == "/opt/new/sub/tool"
    missing = await run(*scp, "root@127.0.0.1:/no/such", str(tmp_path))
    assert missing.returncode == 1
    assert b"No such file or directory" in missing.stderr


async def test_sftp_lists_moves_and_removes(serve: Serve, tmp_path: Path) -> None:
    running = await serve("ssh", USERS)
    (tmp_path / "a").write_bytes(b"bait\n")
    batch = f"""mkdir /opt/d
        put {tmp_path / "a"} /opt/d/x
        rename /opt/d/x /opt/d/y
        chmod 600 /opt/d/y
        ln -s y /opt/d/l
        ls -l /opt/d
        get /opt/d/y {tmp_path / "b"}
        rm /opt/d/y
        rm /opt/d/l
        rmdir /opt/d
        ls /opt/d
        df
        pwd
        """
    where = ("-P", str(running.port), "root@127.0.0.1")
    ran = await run("sshpass", "-p", "toor", "sftp", *QUIET, *where, input=batch.encode())
    shown = ran.stdout.decode()
    assert re.search(r"-rw------- +\? root +root +5 \w{3} [ \d]\d \d\d:\d\d /opt/d/y", shown)
    assert re.search(r"lrwxrwxrwx +\? root .* /opt/d/l", shown)
    assert 'Can\'t ls: "/opt/d" not found' in ran.stderr.decode()
    assert "Remote working directory: /root" in shown
    assert (tmp_path / "b").read_bytes() == b"bait\n"


async def test_an_unprivileged_user_has_the_rights_of_one(serve: Serve, tmp_path: Path) -> None:
    running = await serve("ssh", USERS)
    batch = f"get /etc/shadow {tmp_path / 'shadow'}\nmkdir /etc/x\n".encode()
    where = ("-P", str(running.port), "deploy@127.0.0.1")
    ran = await run("sshpass", "-p", "s3cret", "sftp", *QUIET, *where, input=batch)
    assert ran.stderr.count(b"ermission denied") == 2, ran.stderr
    assert not (tmp_path / "shadow").exists()


async def test_nothing_is_forwarded(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    tunnel = await ssh(running, "root", "toor", options=(*OPTIONS, "-W", "198.51.100.9:25"))
    assert b"open failed: connect failed: Connection refused" in tunnel.stderr
    noted = await running.event(EventType.REQUEST)
    assert (noted.data["operation"], noted.data["host"], noted.data["port"]) == (
        "direct-tcpip",
        "198.51.100.9",
        25,
    )
    other = await ssh(running, "root", "toor", "echo on", options=(*QUIET, "-A", "-R", "9999:localhost:80"))
    assert other.stdout == b"on\n"
    assert (await running.event(EventType.REQUEST)).data["operation"] == "tcpip-forward"


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
async def test_every_algorithm_on_offer_works(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    offered = await kexinit(running.port)
    choices = [("KexAlgorithms", name) for name in offered.kex.split(",") if "strict" not in name]
    choices += [("Ciphers", name) for name in offered.ciphers.split(",")]
    choices += [("MACs", name) for name in offered.macs.split(",")]
    choices += [("HostKeyAlgorithms", name) for name in offered.host_keys.split(",")]
    for option, name in choices:
        plain = ("-o", "Ciphers=aes128-ctr") if option == "MACs" else ()
        ran = await ssh(
            running, "root", "toor", "echo ok", options=(*QUIET, "-o", f"{option}={name}", *plain, "-C")
        )
        assert (ran.returncode, ran.stdout) == (0, b"ok\n"), (name, ran.stderr, running.events[-6:])


async def test_keys_change_in_the_middle_of_a_session(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; done"
    ran = await ssh(running, "root", "toor", script, options=(*QUIET, "-o", "RekeyLimit=1K"))
    assert ran.stdout == b"1\n2\n3\n4\n5\n6\n7\n8\n9\n"


async def test_the_client_learns_all_host_keys_and_believes_them(serve: Serve, tmp_path: Path) -> None:
    running = await serve("ssh", USERS)
    known = tmp_path / "known_hosts"
    options = ("-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={known}")
    kinds: list[str] = []
    for _ in range(8):  # the RSA key is made at the first visit; a busy machine takes its time
        ran = await ssh(running, "root", "toor", "echo", options=(*options, "-v", "-o", "UpdateHostKeys=yes"))
        assert b"disregarding" not in ran.stderr
        kinds = sorted(line.split()[1] for line in known.read_text().splitlines())
        if "ssh-rsa" in kinds:
            break
    assert kinds == ["ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"]


async def test_the_server_is_debians_by_its_hassh_and_its_client_is_known_by_its_own(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    offered = await kexinit(running.port)
    assert offered.ident == b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"
    assert offered.hassh_server == "425d29fe50d8e4f5e37efb6e24bcf660"
    await ssh(running, "root", "toor", "echo")
    seen = [event.data for event in running.events if event.type == EventType.FINGERPRINT]
    assert seen[0] == {"client_banner": "SSH-2.0-test"}
    assert seen[1]["client_banner"].startswith("SSH-2.0-OpenSSH_")
    assert hashlib.md5(seen[1]["hassh_algorithms"].encode()).hexdigest() == seen[1]["hassh"]


async def test_nmap_sees_the_personas_version(serve: Serve) -> None:
    running = await serve("ssh", {"ssh_version": "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10"})
    ran = await run("nmap", "-sV", "-Pn", "-p", str(running.port), "127.0.0.1", timeout=60)
    assert b"OpenSSH 8.9p1 Ubuntu 3ubuntu0.10 (Ubuntu Linux; protocol 2.0)" in ran.stdout


async def test_no_name_of_what_it_is_made_of_is_ever_said(serve: Serve) -> None:
    running = await serve("ssh", USERS | {"banner": "Authorised use only"})
    loud = (*OPTIONS, "-vvv")
    heard = (await ssh(running, "root", "toor", "nosuch; echo $((1/0))", options=loud)).stderr
    heard += (await ssh(running, "root", "wrong", "x", options=loud)).stderr
    heard += (await ssh(running, "root", "toor", options=(*loud, "-A", "-X", "-R", "1:b:1", "-s"))).stderr
    where = ("-P", str(running.port), "root@127.0.0.1")
    ran = await run(
        "sshpass", "-p", "toor", "sftp", *loud, *where, input=b"ls -l /etc\nversion\ndf\nget /nope\n"
    )
    heard += ran.stdout + ran.stderr + await typed(running, "root", "toor", b"help\r", b"\x04")
    for junk in (b"GET /\r\n", b"SSH-1.0-x\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 64):
        heard += await answer(running.port, junk)
    ours = [line for line in heard.splitlines() if b"Ignored env" not in line and b"ocal" not in line]
    assert b"Authorised use only" in heard
    assert not [line for line in ours if LEAKS.search(line)]


async def test_two_decoys_share_no_key_and_one_has_the_same_after_a_restart(serve: Serve) -> None:
    async def keys(name: str) -> list[bytes]:
        running = await serve("ssh", USERS, name=name)
        ran = await run("ssh-keyscan", "-p", str(running.port), "127.0.0.1")
        return sorted(line.split()[2] for line in ran.stdout.splitlines() if not line.startswith(b"#"))

    one, other, again = await keys("a"), await keys("b"), await keys("a")
    assert len(one) == 3
    assert one == again
    assert not set(one) & set(other)


async def test_what_an_attacker_leaves_survives_a_change_of_the_banner(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    await ssh(running, "root", "toor", "echo mine > /root/note")
    changed = rendered("ssh", USERS | {"banner": "Changed"})
    running.listener.handler = handler(changed, running.listener.handler)
    ran = await ssh(running, "root", "toor", "read x < /root/note; echo $x", options=(*OPTIONS, "-v"))
    assert ran.stdout == b"mine\n"
    assert b"Changed" in ran.stderr


async def test_an_open_session_goes_on_when_the_persona_changes(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    session = asyncio.create_task(
        typed(running, "root", "toor", b"x=kept\r", b"", b'echo "<$x>"\r', b"\x04", pause=0.4)
    )
    await running.event(EventType.AUTH)
    changed = rendered("ssh", {"users": (Credential("admin", "other"),)})
    running.listener.handler = handler(changed, running.listener.handler)
    assert (await ssh(running, "root", "toor", "echo")).returncode == 255
    assert b"<kept>\r\n" in await session


async def test_two_hundred_clients_are_all_served_and_slow_ones_delay_nobody(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", running.port) for _ in range(200)))
    lines = await asyncio.gather(*(reader.readline() for reader, _ in opened))
    assert lines == [b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"] * 200
    for _, writer in opened:
        writer.write(b"S")
    ran = await ssh(running, "root", "toor", "echo through")
    assert ran.stdout == b"through\n"
    for _, writer in opened:
        writer.close()


async def test_files_of_the_installation_are_older_than_the_last_boot_and_the_kernel_is_the_machine_s(
    serve: Serve,
) -> None:
    running = await serve("ssh", USERS, distro="ubuntu22")
    done = await ssh(
        running,
        "root",
        "toor",
        "ls -ld --time-style=long-iso /etc /etc/hostname /home/deploy /opt; ls /boot; readlink /vmlinuz",
    )
    listed = done.stdout.decode().splitlines()
    assert [line.split()[5] < "2026-02-25" for line in listed[:4]] == [True] * 4
    assert "vmlinuz-5.15.0-130-generic" in listed
    assert listed[-1] == "boot/vmlinuz-5.15.0-130-generic"
    assert not [line for line in listed if "6.1.0" in line]
