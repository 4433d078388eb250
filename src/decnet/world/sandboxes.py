"""The sandboxes of a network's custom services (`decnet.sandbox`): found by their control sockets, started, ended."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

import decnet
from decnet.control import PACKET_LIMIT
from decnet.errors import WorldError
from decnet.sandbox.protocol import INTERVAL_SECONDS, Request, Setting, State
from decnet.services.limits import Bounds
from decnet.spec import program
from decnet.spec.program import Program
from decnet.spec.resources import Custom
from decnet.world import bounds, names, namespaces, sockets, spawn, sysctls

PROGRAM = (sys.executable, "-P", "-m", "decnet.sandbox")
_PREFIX, _SOCKET, _LOG = "sandbox-", ".sock", ".log"
_ANSWER_SECONDS, _KILL_SECONDS = 5.0, 10.0
_SETTLE_SECONDS = 0.6
"""A command that cannot do its work mostly ends within this."""
_OWN_BYTES = 16 << 20
"""What the first process of a sandbox takes itself."""
_FIRST_FREE_PORT = "net.ipv4.ip_unprivileged_port_start"
_PRIVILEGED = 1024


class Seen(NamedTuple):
    """A sandbox that answers: what it says, and its first process."""

    state: State
    pid: int


class Sandboxes:
    """Those of one network. Threads may share it, each for services of its own."""

    def __init__(self, network: str, run_dir: Path) -> None:
        self._network = network
        self._run_dir = run_dir

    def serve(self, custom: Custom, content: bytes | None) -> None:
        """Have a custom service run in its decoy's network, afresh if it is of something else. Raises `WorldError`."""
        if content is None:
            raise WorldError(f"{custom.id}: cannot be made without what it runs")
        seen = self._look(custom.decoy, custom.name)
        if seen is None or not self._fits(seen, custom):
            self._end(custom.decoy, custom.name)
            self._start(custom, program.decode(content))
        self._see_it_live(custom)

    def stop(self, custom: Custom) -> None:
        """Take a custom service away."""
        self._end(custom.decoy, custom.name)

    def drop(self, decoy: str) -> None:
        """Take all of a decoy away."""
        for owner, service in found(self._run_dir):
            if owner == decoy:
                self._end(owner, service)

    def quit_all(self) -> None:
        """Take all away."""
        for decoy, service in found(self._run_dir):
            self._end(decoy, service)

    def serving(self) -> Iterator[State]:
        """Custom services that run, in the namespace that their decoy has now."""
        with contextlib.suppress(PermissionError):  # then the other services are unseen too, which is told
            for decoy, service in found(self._run_dir):
                seen = self._look(decoy, service)
                if seen and seen.state.runs and namespaces.is_of(self._network, decoy, seen.pid):
                    yield seen.state

    def _fits(self, seen: Seen, custom: Custom) -> bool:
        state = seen.state
        same = (state.bundle, tuple(sorted(state.ports))) == (custom.bundle, tuple(sorted(custom.ports)))
        return same and state.healthy and namespaces.is_of(self._network, custom.decoy, seen.pid)

    def _look(self, decoy: str, service: str) -> Seen | None:
        """What a sandbox says; None when it is not there, or does not answer."""
        connection = spawn.connected(self._run_dir, socket_name(decoy, service), _ANSWER_SECONDS)
        if connection is None:
            return None
        with connection:
            try:
                connection.send(msgspec.json.encode(Request("state")))
                answer = connection.recv(PACKET_LIMIT)
                return Seen(msgspec.json.decode(answer, type=State), spawn.peer(connection))
            except (OSError, msgspec.DecodeError):
                return None

    def _start(self, custom: Custom, made_of: Program) -> None:
        uid = names.uid(self._network, custom.decoy, custom.name)
        asked = Bounds(memory=made_of.memory + _OWN_BYTES, pids=made_of.pids + 1)  # one is the sandbox's own
        setting = Setting(
            custom.decoy,
            custom.name,
            custom.bundle,
            custom.ports,
            made_of.hostname,
            uid,
            made_of.command,
            made_of.env,
            made_of.volumes,
            made_of.health,
            _limits(asked),
            _own_places(),
            INTERVAL_SECONDS,
        )
        spawn.prepare_folder(self._run_dir)
        with contextlib.ExitStack() as stack:
            namespace = stack.enter_context(namespaces.opened(self._network, custom.decoy))
            namespaces.inside(namespace, lambda: _open_ports(custom.ports))
            name = f"{custom.decoy}.{custom.name}"
            groups = bounds.prepared(self._network, name, asked)
            self._spawn(stack, setting, namespace, [stack.enter_context(_appended(one)) for one in groups])

    def _spawn(
        self, stack: contextlib.ExitStack, setting: Setting, namespace: int, groups: list[int]
    ) -> None:
        control = spawn.bound(stack, self._run_dir, socket_name(setting.decoy, setting.service))
        log = spawn.open_log(stack, self._log(setting.decoy, setting.service))
        memory = stack.enter_context(sockets.in_memory(msgspec.json.encode(setting)))
        ready, told = os.pipe2(os.O_CLOEXEC)
        stack.callback(os.close, ready)
        options = {"setting-fd": memory, "control-fd": control, "ready-fd": told, "namespace-fd": namespace}
        words = [f"--{option}={value}" for option, value in options.items()]
        words += [f"--group-fd={group}" for group in groups]
        try:
            child = spawn.Detached(
                [*PROGRAM, *words, f"--service={self._network}:{setting.decoy}.{setting.service}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(memory, control, told, namespace, *groups),
                cwd="/",
                env=spawn.ENVIRONMENT,
                start_new_session=True,
            )
        finally:
            os.close(told)
        is_ready = spawn.is_ready(ready)
        child.wait()  # what goes on is a child of it
        if not is_ready:
            self._give_up(setting, log)

    def _give_up(self, setting: Setting, log: int) -> None:
        words = os.pread(log, 4096, max(0, os.fstat(log).st_size - 4096)).decode(errors="replace").strip()
        self._end(setting.decoy, setting.service)
        last = words.splitlines()[-1] if words else "it said nothing"
        raise WorldError(f"custom/{setting.decoy}/{setting.service}: cannot be shut in: {last}")

    def _end(self, decoy: str, service: str) -> None:
        """Kill the first process of its namespace, and with it the kernel kills all others; remove what belongs to it."""
        connection = spawn.connected(self._run_dir, socket_name(decoy, service), _ANSWER_SECONDS)
        if connection is not None:
            with connection:
                handle = spawn.Handle(connection, names.uid(self._network, decoy, service))
            handle.kill(signal.SIGKILL)
            gone = handle.wait(_KILL_SECONDS)
            handle.close()
            if not gone:
                raise WorldError(f"custom/{decoy}/{service}: its processes do not end")
        bounds.release(self._network, f"{decoy}.{service}")
        self._log(decoy, service).unlink(missing_ok=True)
        (self._run_dir / socket_name(decoy, service)).unlink(missing_ok=True)

    def _see_it_live(self, custom: Custom) -> None:
        """Raises `WorldError` when it ends at once: who applied it wants to know why."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        first = self._look(custom.decoy, custom.name)
        while True:
            seen = self._look(custom.decoy, custom.name)
            if seen is None or first is None:
                raise WorldError(f"{custom.id}: its sandbox ended at once", hint="is there memory for it?")
            if not seen.state.runs or seen.state.starts > first.state.starts:
                _ended(custom, seen.state)
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)

    def _log(self, decoy: str, service: str) -> Path:
        return self._run_dir / f"{_PREFIX}{decoy}.{service}{_LOG}"


def socket_name(decoy: str, service: str) -> str:
    """Name of a sandbox's control socket in the run folder."""
    return f"{_PREFIX}{decoy}.{service}{_SOCKET}"


def found(run_dir: Path) -> list[tuple[str, str]]:
    """Decoy and service of all that have a control socket, alive or not. Raises `PermissionError`."""
    try:
        entries = [entry.name for entry in run_dir.iterdir()]
    except FileNotFoundError:
        return []
    middles = [
        one[len(_PREFIX) : -len(_SOCKET)]
        for one in entries
        if one.startswith(_PREFIX) and one.endswith(_SOCKET)
    ]
    return sorted((decoy, service) for decoy, _, service in (one.rpartition(".") for one in middles) if decoy)


def follow(run_dir: Path, decoy: str, service: str, stream: str, since: str) -> int | None:
    """A connection that gives what a program prints, as a descriptor to hand on; None without such a sandbox.

    Raises `OSError`.
    """
    connection = spawn.connected(run_dir, socket_name(decoy, service), _ANSWER_SECONDS)
    if connection is None:
        return None
    with connection:
        connection.send(msgspec.json.encode(Request("follow", stream, since)))
        return connection.detach()


def _own_places() -> tuple[str, ...]:
    """Where decnet itself is, if that is somewhere that programs are shown."""
    package = Path(decnet.__file__).resolve().parent
    places = [package, *package.parent.glob("decnet-*.dist-info"), Path(sys.prefix) / "bin" / "decnet"]
    return tuple(str(one) for one in places if one.is_relative_to("/usr"))


def _open_ports(ports: tuple[tuple[int, str], ...]) -> None:
    """Low ports are for everybody in this thread's namespace, from the lowest of these on."""
    lowest = min((number for number, _ in ports), default=_PRIVILEGED)
    if lowest < int(sysctls.read(_FIRST_FREE_PORT) or _PRIVILEGED):
        sysctls.write(_FIRST_FREE_PORT, str(lowest))


def _limits(asked: Bounds) -> tuple[tuple[int, int], ...]:
    """Resource limits of every process in it. Where a cgroup bounds memory, programs may map more than they use."""
    grouped = "memory" in bounds.hierarchies(Path("/proc/self/mountinfo").read_text())
    found = tuple(one for one in bounds.limits(asked) if not (grouped and one[0] == resource.RLIMIT_DATA))
    return (*found, (resource.RLIMIT_NPROC, asked.pids))


@contextlib.contextmanager
def _appended(group: Path) -> Iterator[int]:
    fd = os.open(group, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _ended(custom: Custom, state: State) -> None:
    words = "".join(c if c.isprintable() else "?" for c in state.words) or "nothing"
    raise WorldError(
        f"{custom.id}: it ends again and again (exit code {state.code}); it said last: {words}",
        hint="it sees programs of this host and its volumes, and can write to /tmp and /run only",
    )
