"""The supervisor's work: watch, keep, hear, and have repaired."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec

from decnet.errors import DecnetError
from decnet.supervisor import pulse, watch
from decnet.supervisor.broker import Broker
from decnet.supervisor.followers import Followers
from decnet.supervisor.kept import Keeper
from decnet.supervisor.repair import LOCKED, UNKNOWN, Repairs
from decnet.supervisor.sandboxes import Sandboxes
from decnet.world import cells, shipping, spawn, supervision
from decnet.world.monitor import Monitor
from decnet.world.processes import numbers
from decnet.world.supervision import Answer, Place, Question

_LOOK_SECONDS = 0.5
"""How often it looks for what makes no sound: a process that came, a name that went."""
_QUESTIONS = msgspec.json.Decoder(Question)
_PULSES = 4
"""How often within the time from one full look to the next each process is asked whether it still answers."""
_STEADY_SECONDS = 10.0
_LONGEST_PAUSE = 60.0


class Supervisor:
    """One network's. ``look`` are the seconds between two full looks, ``ready`` is a descriptor to write to when it listens, ``guard`` the process that restarts it, ``stdout`` what sinks of that type write to."""

    def __init__(
        self, place: Place, look: float, ready: int, cause: str, guard: int = 0, stdout: int = -1
    ) -> None:
        self._seconds = look
        self._place = place
        self._ready = ready
        self._cause = cause
        self._guard = guard
        self._stdout = stdout
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._keeper = Keeper(place.network)
        self._broker = Broker(place.network)
        self._followers = Followers(place.network, place.run_dir)
        self._spawner = spawn.Spawner(place.network, place.run_dir, place.events_dir, spawn.PROGRAM)
        self._watches: dict[int, watch.Watch] = {}
        self._starting: dict[int, asyncio.Task[str]] = {}
        self._started: dict[int, tuple[float, float]] = {}
        self._died_meanwhile: list[watch.Watch] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._shipper: watch.Presence | None = None
        self._docker: object = None
        self._barred = time.time()
        self._sandboxes = Sandboxes(place.run_dir, self._heard)
        self._alone = False

    async def run(self) -> bool:
        """Until told to quit. True when the guard has gone and this process is to begin anew."""
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._repairs = Repairs(self._place, self._seconds, self._repaired)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._done.set)
        with Monitor(self._place.network) as monitor, supervision.bind(self._place.run_dir) as control:
            self._monitor = monitor
            control.setblocking(False)
            self._loop.add_reader(control, self._accept, control)
            for one in monitor.sockets:
                self._loop.add_reader(one, self._hear)
            self._watch_guard()
            self._look()
            self._say_ready()
            if self._cause:
                self._repairs.trigger(self._cause)
            self._begin(self._repairs.run())
            self._begin(self._look_on())
            self._begin(self._feel_pulses())
            await self._done.wait()
            self._repairs.stop()
            for task in self._tasks:
                task.cancel()
            for watched in self._watches.values():
                watched.close()
            self._followers.close()
            self._sandboxes.close()
            if self._shipper:
                self._shipper.close()
            for one in (control, *monitor.sockets):
                self._loop.remove_reader(one)
        return self._alone

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _say_ready(self) -> None:
        if self._ready >= 0:
            os.write(self._ready, b"1")
            os.close(self._ready)

    def _watch_guard(self) -> None:
        if not self._guard:
            return
        try:
            fd = os.pidfd_open(self._guard)
        except ProcessLookupError:
            self._lose_guard()
            return
        self._loop.add_reader(fd, self._lose_guard)

    def _lose_guard(self) -> None:
        self._alone = True
        self._done.set()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._look()

    async def _feel_pulses(self) -> None:
        """A process that answers nobody serves nobody: it is killed, and then started again like any that died."""
        while True:
            await asyncio.sleep(self._seconds / _PULSES)
            for watched in list(self._watches.values()):
                answers = await pulse.beats(self._place.run_dir, watched.number, self._seconds / 2)
                if not answers and self._watches.get(watched.number) is watched and not self._repairs.barred:
                    _say(f"decoy process {watched.number} (pid {watched.pid}) does not answer and is killed")
                    pulse.kill(watched.pid, self._place.network)

    def _look(self) -> None:
        gone = self._monitor.follow()
        for decoy in gone:
            self._keeper.drop_decoy(decoy)
        if gone and not self._repairs.barred:
            for decoy in gone:
                self._repairs.trigger(f"{decoy}: its namespace has gone")
        self._look_at_the_clock()
        if self._orphans() and self._repairs.idle and not self._repairs.barred:
            self._repairs.trigger("services have lost their process")
        for number in numbers(self._place.run_dir):
            if number not in self._watches and number not in self._starting:
                self._watch(number)
        self._sandboxes.look()
        self._look_for_containers()
        if self._shipper is None:
            connection = watch.connected(self._place.run_dir, shipping.SOCKET)
            self._shipper = watch.Presence(connection, self._shipper_ended) if connection else None
            if self._shipper and self._stdout >= 0:
                self._begin(self._lend_stdout())

    async def _lend_stdout(self) -> None:
        """Sinks of type ``stdout`` write to ours: an operator, a journal or a container's log reads it."""
        shipper = shipping.Shipper(self._place.network, self._place.run_dir, self._place.events_dir)
        try:
            await asyncio.to_thread(shipper.lend, self._stdout)
        except (DecnetError, OSError) as error:
            _say(f"standard output could not be lent to the shipper: {error}")

    def _look_at_the_clock(self) -> None:
        """What is to be made anew from time to time (`reset`) is worn then, which a repair sees to."""
        for decoy in () if self._repairs.barred else self._followers.due():
            self._repairs.trigger(f"{decoy}: it is time for a reset")

    def _look_for_containers(self) -> None:
        """An engine tells of containers that nobody's process is in, and sooner of those where one was.

        While a command makes them nobody listens; what happens from when it was last seen at work is heard.
        """
        if self._repairs.barred:
            self._barred = time.time()
        elif self._docker is None and (cells.are_there(self._place.run_dir) or self._followers.logs):
            from decnet.world.docker.events import Listener  # noqa: PLC0415 (loads the SDK: most do without)

            self._docker = Listener(
                self._place.network,
                int(self._barred),
                lambda text: self._loop.call_soon_threadsafe(self._heard, text),
            )

    def _heard(self, text: str) -> None:
        if not self._repairs.barred:
            self._repairs.trigger(text)

    def _shipper_ended(self, shipper: watch.Presence) -> None:
        self._shipper = None
        if not self._repairs.barred and (self._place.run_dir / shipping.SOCKET).exists():
            self._repairs.trigger(f"shipper (pid {shipper.pid}) ended")

    def _orphans(self, *spared: watch.Watch) -> list[tuple[str, str]]:
        """Services whose process has died, but for those of the processes that are ``spared``."""
        return self._keeper.orphans({watched.pid for watched in (*self._watches.values(), *spared)})

    def _repaired(self, code: int) -> None:
        """What nobody took back in a repair that went well is not declared any more, unless it was lost too late for it."""
        late, self._died_meanwhile = self._died_meanwhile, []
        if code == 0:
            for name in self._orphans(*late):
                self._keeper.drop(*name)
        elif code not in (LOCKED, UNKNOWN):
            _say(f"a repair ended with {code}")
        for watched in late:
            self._lost(watched, bool(self._orphans()))

    def _watch(self, number: int) -> bool:
        connection = watch.begin(self._place.run_dir, number)
        if connection is None:
            return False
        self._watches[number] = watch.Watch(
            number, connection, self._keeper, self._broker, self._followers, self._ended
        )
        return True

    def _ended(self, watched: watch.Watch) -> None:
        """A decoy process hung up: it has died, unless it has nothing to serve or a command is at work on it."""
        self._watches.pop(watched.number, None)
        if self._watch(watched.number):  # it lives: it gave us up because we were slow
            return
        served = self._followers.end(watched.pid) or bool(self._orphans())
        if self._repairs.at_work:  # it may have looked before this
            self._died_meanwhile.append(watched)
        else:
            self._lost(watched, served)

    def _lost(self, watched: watch.Watch, served: bool) -> None:
        if not served or self._repairs.barred:
            return
        self._repairs.trigger(f"decoy process {watched.number} (pid {watched.pid}) ended")
        self._begin(self._restart(watched.number))

    async def _restart(self, number: int) -> None:
        """At once after a long life, ever later after short ones: whatever kills it may be an attacker's doing."""
        last, pause = self._started.get(number, (0.0, 0.0))
        steady = time.monotonic() - last > _STEADY_SECONDS + pause
        pause = 0.0 if steady else min(_LONGEST_PAUSE, max(1.0, pause * 2))
        await asyncio.sleep(pause)
        error = await self._start(number)
        self._started[number] = (time.monotonic(), pause)
        if error:
            _say(error)

    async def _start(self, number: int) -> str:
        """Start a decoy process; the error in words, or nothing. Asked twice at once, it is started once."""
        if number in self._watches:
            return ""
        if number not in self._starting:
            self._starting[number] = self._loop.create_task(asyncio.to_thread(self._spawn, number))
        try:
            return await asyncio.shield(self._starting[number])
        finally:
            self._starting.pop(number, None)
            if number not in self._watches:
                self._watch(number)

    def _spawn(self, number: int) -> str:
        try:
            self._spawner.spawn(number)
        except DecnetError as error:
            return str(error)
        return ""

    def _hear(self) -> None:
        if self._repairs.barred:
            self._monitor.skip()  # what a command does is its own to put right
            return
        heard = {f"{one.decoy}: {one.text}" if one.decoy else one.text for one in self._monitor.heard()}
        if heard and not self._repairs.barred:
            for text in heard:
                self._repairs.trigger(text)

    def _accept(self, control: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = control.accept()
            connection.setblocking(False)
            self._begin(self._converse(connection))

    async def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while message := await self._loop.sock_recv(connection, supervision.PACKET_LIMIT):
                answer, sockets = await self._answer(message)
                try:
                    socket.send_fds(
                        connection, [msgspec.json.encode(answer)], [one.fileno() for one in sockets]
                    )
                finally:
                    for one in sockets:
                        one.close()

    async def _answer(self, message: bytes) -> tuple[Answer, tuple[socket.socket, ...]]:
        try:
            question = _QUESTIONS.decode(message)
        except msgspec.DecodeError as error:
            return Answer(f"not understood: {error}"), ()
        match question.op:
            case "take":
                return Answer(), self._keeper.take(question.decoy, question.service, question.ports)
            case "start":
                return Answer(await self._start(question.number)), ()
            case "follow":
                self._look()
                self._monitor.skip()
            case "quit":
                self._done.set()
            case "status":
                pass
            case _:
                return Answer(f"unknown: {question.op}"), ()
        return Answer("", os.getpid(), self._since, tuple(sorted(self._watches))), ()


def _say(text: str) -> None:
    """To the log."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}\n")
    sys.stderr.flush()
