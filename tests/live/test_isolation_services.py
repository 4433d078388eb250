"""Every service of the catalogue, shut in as it is deployed, with real clients: nothing is imported or opened late."""

from __future__ import annotations

import smtplib
import socket
import ssl
from pathlib import Path

import pytest

from decnet.services.registry import services
from tests.live.command import Command
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

ADDRESS = "198.51.100.20"
SSH = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("isolation") / "network.ini"
    path.write_text(
        "[general]\nname = shut\nnet = 198.51.100.0/24\nseed = lab\ntimezone = Europe/Berlin\n"
        f"[all]\nip = {ADDRESS}\nservices = {', '.join(services())}\ndistro = debian\nisolation = decoy\n"
        "[all.ssh]\nusers = root:toor\n"
        "[near]\nip = 198.51.100.21\nservices = redis\n"
    )
    return path


@pytest.fixture(scope="module")
def decnet(lab: Lab, file: Path):
    command = Command(file.parent / "state")
    command("apply", file)
    yield command
    command("destroy", "--yes", "shut")


def ssh(*words: str, options: tuple[str, ...] = ()) -> str:
    return run("sshpass", "-p", "toor", "ssh", *SSH, *options, f"root@{ADDRESS}", *words)


@pytest.mark.parametrize(
    "options",
    [
        ("-oKexAlgorithms=diffie-hellman-group-exchange-sha256",),
        ("-oKexAlgorithms=diffie-hellman-group14-sha256", "-oCiphers=aes128-ctr", "-oMACs=hmac-sha2-256"),
        ("-oKexAlgorithms=sntrup761x25519-sha512@openssh.com", "-oCiphers=chacha20-poly1305@openssh.com"),
        ("-oKexAlgorithms=ecdh-sha2-nistp521", "-oCiphers=aes256-gcm@openssh.com"),
        ("-oHostKeyAlgorithms=rsa-sha2-512",),
        ("-oHostKeyAlgorithms=ecdsa-sha2-nistp256", "-oCompression=yes"),
    ],
    ids=" ".join,
)
def test_ssh_with_every_kind_of_key_exchange(decnet, options):
    assert ssh("echo", "$((6*7))", options=options) == "42\n"


def test_the_shell(decnet):
    told = ssh(
        "date; TZ=Asia/Tokyo date; cat /etc/passwd | sort | head -3; base64 /etc/hostname; ls -la /; "
        "wget --help; curl -V; host example.com; python3 -V; apt list; dpkg -l | tail -1; crontab -l; "
        "history; ps aux; df -h; uname -a; iconv -l; printf '%s\\n' \u00e9\u0153; crontab -l; w; echo end"
    )
    assert told.endswith("end\n")


def test_files_go_both_ways(decnet, tmp_path):
    (tmp_path / "up").write_bytes(b"x" * 100_000)
    run("sshpass", "-p", "toor", "scp", *SSH, str(tmp_path / "up"), f"root@{ADDRESS}:/tmp/up")
    run("sshpass", "-p", "toor", "scp", "-O", *SSH, f"root@{ADDRESS}:/etc/passwd", str(tmp_path / "down"))
    assert "root:x:0:0" in (tmp_path / "down").read_text()


def test_the_web_with_and_without_tls(decnet):
    for scheme, path in (("http", "/"), ("https", "/"), ("http", "/%c3%a9?q=%ff"), ("https", "/no/such")):
        assert run("curl", "-ksSi", f"{scheme}://{ADDRESS}{path}").startswith("HTTP/1.1")
    run("curl", "-ksS", "-u", "a:b", "-F", "file=@/etc/hostname", f"https://{ADDRESS}/upload")


def test_redis(decnet):
    assert "redis_version" in run("redis-cli", "-h", ADDRESS, "info")
    run("redis-cli", "-h", ADDRESS, "eval", "return 1", "0", check=False)
    assert run("redis-cli", "-h", ADDRESS, "--no-raw", "set", "k", "\u00e9").strip() == "OK"


def test_mail(decnet):
    if "smtp" not in services():
        pytest.skip("no smtp in the catalogue")
    with smtplib.SMTP(ADDRESS, 25, timeout=20) as client:
        code, _ = client.ehlo("xn--bcher-kva.example")
        assert code == 250
        if client.has_extn("starttls"):
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            client.starttls(context=trusting)
            client.ehlo()
        client.command_encoding = "latin-1"
        client.docmd("MAIL", "FROM:<b\u00fccher@example.com>")
        client.rset()
        client.docmd("MAIL", "FROM:<a@example.com>")
        client.docmd("RCPT", "TO:<root@example.com>")
        if client.docmd("DATA")[0] == 354:
            client.send(
                b"Subject: =?utf-8?b?w6k=?=\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n\xc1\r\n.\r\n"
            )
            client.getreply()


def test_telnet(decnet):
    if "telnet" not in services():
        pytest.skip("no telnet in the catalogue")
    with socket.create_connection((ADDRESS, 23), 20) as client:
        client.settimeout(20)
        assert client.recv(100)
        client.sendall(b"root\r\ntoor\r\nid\r\n\xff\xfd\x18")
        assert client.recv(100)


def test_bytes_of_no_protocol(decnet):
    for service in services().values():
        for port in service.ports:
            for junk in (
                b"\x16\x03\x01\x00\x05hello",
                b"\x00" * 300,
                b"GET / HTTP/9.9\r\n\r\n",
                "\u00e9\n".encode(),
            ):
                with socket.create_connection((ADDRESS, port.number), 10) as client:
                    client.sendall(junk)


def test_none_of_it_missed_anything(decnet):
    eventually(lambda: decnet.events("shut", "--type", "connection.close"))
    errors = [event["data"] for event in decnet.events("shut", "--type", "error")]
    assert errors == []
    assert run("redis-cli", "-h", "198.51.100.21", "ping").strip() == "PONG"
    assert not any(path.read_text() for path in Path("/run/decnet/shut").glob("process-*.log"))


def test_a_decoy_changes_its_process_and_no_other_notices(decnet, file):
    with socket.create_connection(("198.51.100.21", 6379), 10) as near:
        near.sendall(b"SET kept yes\r\n")
        assert near.recv(100) == b"+OK\r\n"
        file.write_text(file.read_text().replace("isolation = decoy", "isolation = shared"))
        plan = decnet("plan", file)
        assert "isolation decoy → shared" in plan
        assert "restart" in plan
        decnet("apply", file)
        near.sendall(b"GET kept\r\n")
        assert near.recv(100) == b"$3\r\nyes\r\n"
    assert run("redis-cli", "-h", ADDRESS, "ping").strip() == "PONG"
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []
