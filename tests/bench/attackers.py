"""Those who knock: a neighbour's visitor who looks at his watch, and three kinds of flood; and a sink. Plain programs.

attackers.py probe REDIS_PORT HTTP_PORT SECONDS        a line per request: kind, name, when sent, seconds it took
attackers.py connect PORT RATE SECONDS FIRST SOURCES WORDS   connections opened and left, from so many addresses
attackers.py send PORT KIND SECONDS BYTES              one connection after the other, each sends so many bytes
attackers.py copy PORT SECONDS BYTES KEY TARGET        scp of a file of so many bytes, again and again
attackers.py sink                                      takes whatever comes on the port that it prints, until killed
"""

import contextlib
import random
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

ADDRESS = "127.0.1.1"
RATE = 100
"""Requests a second of each kind."""
REDIS_SOURCE = "127.0.2.1"
HTTP_SOURCES = ("127.0.2.2", "127.0.2.3", "127.0.2.4")
"""One alone could not come so often."""
HELPING = 16 * 1024
BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT of ip(7), which Python 3.11 does not name."""
OPTIONS = ("-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
CHUNKS = {
    "redis-bulk": (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870911\r\n", b"x" * 65536),
    "redis-inline": (b"", b"PING\r\n" * 10922),
    "http": (b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n", b"x" * 65536),
    "http-chunked": (
        b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1000\r\n" + b"x" * 4096 + b"\r\n",
    ),
    "http-requests": (b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2000),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", b"\0\0\x80\x00\x04" + b"x" * 32767),
}


def packet(payload: bytes) -> bytes:
    """RFC 4253 section 6, before there are keys."""
    padding = 4 + -(len(payload) + 9) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def hello() -> bytes:
    """The first half of a key exchange as OpenSSH's clients have it: cheap to send, dear to answer."""
    ciphers, macs = b"aes128-ctr", b"hmac-sha2-256"
    names = (
        b"sntrup761x25519-sha512@openssh.com",
        b"ssh-ed25519",
        ciphers,
        ciphers,
        macs,
        macs,
        b"none",
        b"none",
    )
    lists = b"".join(map(text, (*names, b"", b"")))
    key = random.Random(1).randbytes(1158 + 32)
    return (
        b"SSH-2.0-OpenSSH_9.2\r\n"
        + packet(b"\x14" + bytes(16) + lists + bytes(5))
        + packet(b"\x1e" + text(key))
    )


def client_hello() -> bytes:
    """The same for TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()


WORDS = {"none": b"", "ssh": hello(), "tls": client_hello()}


def probe(redis: str, http: str, seconds: str) -> None:
    asking = visiting(redis)
    chance = random.Random(1)
    run = f"{time.time_ns():x}"
    until = time.monotonic() + float(seconds)
    number = 0
    while time.monotonic() < until:
        number += 1
        if number % 500 == 0:  # a session of redis tells of its first 1,000 commands one by one
            asking.close()
            asking = visiting(redis)
        for kind in ("redis", "http"):
            name = f"probe-{run}-{number}"
            stamp, start = time.time(), time.perf_counter()
            if kind == "redis":
                asking.sendall(b"PING %s\r\n" % name.encode())
                asking.recv(256)
            else:
                source = HTTP_SOURCES[number % len(HTTP_SOURCES)]
                with socket.create_connection((ADDRESS, int(http)), source_address=(source, 0)) as get:
                    get.sendall(b"GET /%s HTTP/1.0\r\n\r\n" % name.encode())
                    while get.recv(65536):
                        pass
            print(kind, name, f"{stamp:.6f}", f"{time.perf_counter() - start:.6f}")
            time.sleep(chance.uniform(0.2, 0.8) / RATE)


def visiting(redis: str) -> socket.socket:
    asking = socket.create_connection((ADDRESS, int(redis)), source_address=(REDIS_SOURCE, 0))
    asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return asking


def connect(port: str, rate: str, seconds: str, first: str, sources: str, words: str) -> None:
    """Each connection stays for half a second. Those that the other side does not take are not waited for."""
    start = time.monotonic()
    held: list[tuple[float, socket.socket]] = []
    opened = 0
    while (elapsed := time.monotonic() - start) < float(seconds):
        while opened < elapsed * float(rate):
            one = socket.socket()
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)  # the search of a free one takes long
            one.bind((f"127.0.{first}.{1 + opened % int(sources)}", 0))
            with contextlib.suppress(BlockingIOError):
                one.connect((ADDRESS, int(port)))
            with contextlib.suppress(OSError):
                one.send(WORDS[words])
            held.append((elapsed + 0.5, one))
            opened += 1
        while held and held[0][0] < elapsed:
            held.pop(0)[1].close()
        time.sleep(0.005)
    print(opened)


def send(port: str, kind: str, seconds: str, most: str) -> None:
    head, body = CHUNKS[kind]
    until = time.monotonic() + float(seconds)
    sent = connections = 0
    while time.monotonic() < until:
        connections += 1
        left = int(most)
        with contextlib.suppress(OSError), socket.create_connection((ADDRESS, int(port))) as one:
            one.settimeout(max(0.1, until - time.monotonic()))
            one.sendall(head)
            while left > 0 and time.monotonic() < until:
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if not one.recv(65536):
                        break
                one.settimeout(max(0.1, until - time.monotonic()))
                one.sendall(body)
                left -= len(body)
                sent += len(body)
    print(connections, sent)


def copy(port: str, seconds: str, most: str, key: str, target: str) -> None:
    """By the password of a decoy, or by a key."""
    until = time.monotonic() + float(seconds)
    copies = 0
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(int(most))
        while (left := until - time.monotonic()) > 0:
            copies += 1
            command = (
                "sshpass",
                "-p",
                "toor",
                "scp",
                "-O",
                *OPTIONS,
                "-i",
                key,
                "-P",
                port,
                file.name,
                f"root@{ADDRESS}:{target}",
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(command, timeout=left, check=False, capture_output=True)
    print(copies)


def sink() -> None:
    with (
        selectors.DefaultSelector() as selector,
        socket.create_server((ADDRESS, 0), backlog=512) as listening,
    ):
        listening.setblocking(False)
        selector.register(listening, selectors.EVENT_READ)
        print(listening.getsockname()[1], flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listening:
                    with contextlib.suppress(BlockingIOError):
                        selector.register(listening.accept()[0], selectors.EVENT_READ)
                elif not taken(key.fileobj):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


def taken(one: socket.socket) -> bytes:
    try:
        return one.recv(HELPING)
    except OSError:
        return b""


if __name__ == "__main__":
    acts = {"probe": probe, "connect": connect, "send": send, "copy": copy, "sink": sink}
    acts[sys.argv[1]](*sys.argv[2:])
