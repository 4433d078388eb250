"""Run inside a namespace: ``echo`` serves, ``try`` tells which connections can be opened from there.

    attempts.py echo GROUP                              until it is killed, says "ready" first
    attempts.py try '["tcp 198.51.100.66 53", …]'       prints those that were answered, as JSON

An attempt is ``tcp|udp ADDRESS PORT`` or ``ping ADDRESS``.
"""

import concurrent.futures
import json
import selectors
import socket
import subprocess
import sys

PORTS = (7, 53)
OTHER_PORT = 69
"""Asked here, the answer comes from another port, as of TFTP."""
SECONDS = 0.8


def echo(group: str) -> None:
    chosen = selectors.DefaultSelector()
    for port in (*PORTS, OTHER_PORT):
        tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        udp.bind(("::", port))
        if group:
            joined = socket.inet_aton(group) + bytes(4) + socket.if_nametoindex("eth0").to_bytes(4, "little")
            udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        chosen.register(tcp, selectors.EVENT_READ, "accept")
        chosen.register(udp, selectors.EVENT_READ, "datagram")
    print("ready", flush=True)
    while True:
        for key, _ in chosen.select():
            answer(chosen, key)


def answer(chosen: selectors.DefaultSelector, key: selectors.SelectorKey) -> None:
    one = key.fileobj
    if key.data == "accept":
        connection, _ = one.accept()
        chosen.register(connection, selectors.EVENT_READ, "stream")
    elif key.data == "datagram":
        data, peer = one.recvfrom(2048)
        if one.getsockname()[1] == OTHER_PORT:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
                other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                other.sendto(data, peer)
        else:
            one.sendto(data, peer)
    else:
        data = one.recv(2048)
        if data:
            one.sendall(data)
        else:
            chosen.unregister(one)
            one.close()


def answered(attempt: str) -> bool:
    kind, address, *port = attempt.split()
    if kind == "ping":
        return (
            subprocess.run(["ping", "-nqc1", "-W1", address], capture_output=True, check=False).returncode
            == 0
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        try:
            if kind == "tcp":
                client.connect((address, int(port[0])))
                client.sendall(b"hello")
            else:
                client.sendto(b"hello", (address, int(port[0])))
            return client.recv(2048) == b"hello"
        except (TimeoutError, PermissionError):
            return False


def main() -> None:
    command, argument = sys.argv[1:]
    if command == "echo":
        echo(argument)
    attempts = json.loads(argument)
    with concurrent.futures.ThreadPoolExecutor(len(attempts)) as pool:
        found = list(pool.map(answered, attempts))
    print(json.dumps([attempt for attempt, passed in zip(attempts, found, strict=True) if passed]))


if __name__ == "__main__":
    main()
