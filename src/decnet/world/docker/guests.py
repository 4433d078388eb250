"""Containers of high interaction: the distro's own sshd, as root of a file system of its own that visitors may change."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from docker.errors import NotFound
from docker.models.containers import Container as Handle
from docker.types import LogConfig, Ulimit

from decnet.decoy.protocol import ServiceBundle
from decnet.errors import WorldError
from decnet.spec.program import Program
from decnet.world.docker import labels, shown
from decnet.world.docker.engine import Engine
from decnet.world.docker.furniture import Entry, Found, furniture, hosts

CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
    "SYS_CHROOT",
)
"""What sshd and a login do not work without: docs/high-interaction.md says what each is for."""
_ASKED = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/ssh/sshd_config", "/etc/skel", "/etc/pam.d")
"""What of the image is added to."""
_LARGEST_FILE = 64 << 20
_OPEN_FILES = 1024
_PERIOD = 100_000
_LARGEST_ASKED = 1 << 20
_FRACTION = re.compile(r"\.\d+")


def command(ports: Collection[tuple[int, str]]) -> tuple[str, ...]:
    """As the distro starts it; ports that are not its own are said, as an administrator may."""
    named = [str(number) for number, _ in sorted(ports)]
    return ("/usr/sbin/sshd", "-D", *(word for port in named if named != ["22"] for word in ("-p", port)))


def host(program: Program) -> dict[str, Any]:
    """What holds of it on its host.

    ``no-new-privileges`` is not set: sudo and su are among the first things that a visitor tries. All that root has in
    there is in `CAPABILITIES`.
    """
    return {
        "restart_policy": {"Name": "unless-stopped"},
        "cap_drop": ["ALL"],
        "cap_add": list(CAPABILITIES),
        "cgroupns": "private",
        "ipc_mode": "private",
        "shm_size": 16 << 20,
        "pids_limit": program.pids or None,
        "mem_limit": program.memory or None,
        "memswap_limit": program.memory or None,
        "cpu_period": _PERIOD,
        "cpu_quota": program.cpu * _PERIOD // 100 or None,
        "ulimits": [
            Ulimit(name="fsize", soft=_LARGEST_FILE, hard=_LARGEST_FILE),
            Ulimit(name="nofile", soft=_OPEN_FILES, hard=_OPEN_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "log_config": LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"}),
    }


def marked(program: Program) -> dict[str, str]:
    """Labels that say until when it may go on."""
    told = {labels.RESET: program.reset, labels.DISK: program.disk}
    return {key: str(value) for key, value in told.items() if value}


def is_full(engine: Engine, attrs: dict[str, Any]) -> bool:
    """Whether visitors have written more into a container than they may. The engine counts: some milliseconds."""
    most = labels.of(attrs).get(labels.DISK, "")
    if not most.isdecimal() or not int(most):
        return False
    found = engine.client.api.containers(all=True, size=True, filters={"id": attrs["Id"]})
    return any(int(one.get("SizeRw") or 0) > int(most) for one in found)


def due(attrs: dict[str, Any]) -> datetime | None:
    """When a container is to be made anew, as its label says; None for never."""
    seconds = labels.of(attrs).get(labels.RESET, "")
    if not seconds.isdecimal() or not int(seconds):
        return None
    return moment(attrs["Created"]) + timedelta(seconds=int(seconds))


def is_worn(attrs: dict[str, Any]) -> bool:
    """Whether that time has come."""
    at = due(attrs)
    return at is not None and datetime.now(UTC) >= at


def moment(text: str) -> datetime:
    """A time as the engine writes it: its fraction has nine digits."""
    return datetime.fromisoformat(_FRACTION.sub("", text))


def furnish(there: Handle, program: Program) -> None:
    """Give a container that was never started the identity and the people of its decoy. Raises `WorldError`."""
    try:
        entries = furniture(bundle(program), _found(there))
    except (OSError, ValueError) as error:
        raise WorldError(
            f"{there.name}: its image cannot be furnished: {error}", hint="see: decnet image build --force"
        ) from error
    there.put_archive("/", _packed(entries))


def bundle(program: Program) -> ServiceBundle:
    """The service that a program runs the real server of. Raises `ValueError`."""
    return msgspec.json.decode(program.guest, type=ServiceBundle)


def address(carrier: Handle, program: Program) -> None:
    """Say who is who in the network: as the decoy's other services have it."""
    shown.put_hosts(carrier, hosts(bundle(program)))


def _found(there: Handle) -> Found:
    """The files of an image that are added to, by path."""
    found: dict[str, bytes] = {}
    for path in _ASKED:
        with contextlib.suppress(NotFound):
            stream, _ = there.get_archive(path)
            held = io.BytesIO(b"".join(stream)[:_LARGEST_ASKED])
            with tarfile.open(fileobj=held) as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is not None:
                        found[os.path.join(os.path.dirname(path), member.name)] = content.read()  # noqa: PTH118, PTH120
    return found


def _packed(entries: Iterable[Entry]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one in entries:
            item = tarfile.TarInfo(one.path.lstrip("/"))
            item.mode, item.uid, item.gid, item.mtime = one.mode, one.uid, one.gid, one.mtime
            if one.content is None:
                item.type = tarfile.DIRTYPE
                archive.addfile(item)
            else:
                item.size = len(one.content)
                archive.addfile(item, io.BytesIO(one.content))
    return made.getvalue()
