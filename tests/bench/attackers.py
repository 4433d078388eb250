"""Those who knock: a neighbour's visitor who looks at his watch, and two kinds of flood. Plain programs.

attackers.py probe REDIS_PORT HTTP_PORT SECONDS        a line per request: kind, name, when sent, seconds it took
attackers.py connect PORT RATE SECONDS FIRST SOURCES   connections opened and left, from so many addresses
attackers.py send PORT KIND SECONDS BYTES              one connection after the other, each sends so many bytes
"""

import contextlib
import random
import socket
import subprocess
import sys
import tempfile
import time

ADDRESS = "127.0.1.1"
RATE = 50
"""Requests a second of each kind."""
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
                with socket.create_connection((ADDRESS, int(http)), source_address=("127.0.2.2", 0)) as get:
                    get.sendall(b"GET /%s HTTP/1.0\r\n\r\n" % name.encode())
                    while get.recv(65536):
                        pass
            print(kind, name, f"{stamp:.6f}", f"{time.perf_counter() - start:.6f}")
            time.sleep(chance.uniform(0.2, 0.8) / RATE)


def visiting(redis: str) -> socket.socket:
    asking = socket.create_connection((ADDRESS, int(redis)), source_address=("127.0.2.1", 0))
    asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return asking


def connect(port: str, rate: str, seconds: str, first: str, sources: str) -> None:
    """Each connection stays for half a second. Those that the other side does not take are not waited for."""
    start = time.monotonic()
    held: list[tuple[float, socket.socket]] = []
    opened = 0
    while (elapsed := time.monotonic() - start) < float(seconds):
        while opened < elapsed * float(rate):
            one = socket.socket()
            one.setblocking(False)
            one.bind((f"127.0.{first}.{1 + opened % int(sources)}", 0))
            with contextlib.suppress(BlockingIOError):
                one.connect((ADDRESS, int(port)))
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


def copy(port: str, seconds: str, most: str) -> None:
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
                "-P",
                port,
                file.name,
                f"root@{ADDRESS}:/tmp/x",
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(command, timeout=left, check=False, capture_output=True)
    print(copies)


if __name__ == "__main__":
    {"probe": probe, "connect": connect, "send": send, "copy": copy}[sys.argv[1]](*sys.argv[2:])
