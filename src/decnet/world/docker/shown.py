"""Files that an engine shows in every container of one network: who is who, and whom to ask for names."""

from __future__ import annotations

import contextlib
import os

from docker.models.containers import Container as Handle


def put_hosts(carrier: Handle, text: str) -> None:
    """Have ``/etc/hosts`` say this in a container and in all that have its network."""
    _put(carrier, "HostsPath", text)


def put_resolver(carrier: Handle, domain: str, ip: str) -> None:
    """Have ``/etc/resolv.conf`` name the router of this address's network: nothing of the engine's, nor of the host's."""
    search = f"search {domain}\n" if domain else ""
    server = f"nameserver {ip.rpartition('.')[0]}.1\n" if ip else ""
    _put(carrier, "ResolvConfPath", search + server)


def _put(carrier: Handle, key: str, text: str) -> None:
    path = carrier.attrs.get(key)
    if path:
        with contextlib.suppress(OSError):
            _write_over(path, text.encode())


def _write_over(path: str, content: bytes) -> None:
    """Into the very file, which containers have mounted, and whose content may be a visitor's by now."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if os.pread(fd, len(content) + 1, 0) != content:
            os.pwrite(fd, content, 0)
            os.ftruncate(fd, len(content))
    finally:
        os.close(fd)
