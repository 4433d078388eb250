"""Walks the syntax tree: pipelines, redirections, control flow, functions, subshells. Runs nothing but our own commands."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from decnet.services.shell import patterns, syntax
from decnet.services.shell.conditions import ConditionFault, evaluate_words
from decnet.services.shell.environment import Environment, Variable
from decnet.services.shell.expand import Expander, ExpansionFault, decode
from decnet.services.shell.filesystem import OpenFile
from decnet.services.shell.limits import MAX_CALLS, MAX_TASKS, MAX_TEXT, Exhausted
from decnet.services.shell.parser import Parser
from decnet.services.shell.run import BUILTINS, PROGRAMS, Run
from decnet.services.shell.scanner import Incomplete, SyntaxFault, text_bytes
from decnet.services.shell.streams import BytesInput, BytesOutput, NullOutput, Output, Pipe, Reader

if TYPE_CHECKING:
    from decnet.services.shell.machine import Machine
    from decnet.services.shell.session import Shell

SPECIAL_BUILTINS = frozenset(
    (".", ":", "break", "continue", "eval", "exec", "exit", "export", "return", "set", "shift")
)
MAX_ARGUMENTS = 2 << 20
"""Bytes of a program's arguments (execve(2), E2BIG)."""


class Leave(Exception):  # noqa: N818 (control flow)
    """``break``, ``continue``, ``return``, ``exit``."""

    def __init__(self, kind: str, value: int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.value = value


@dataclass(frozen=True, slots=True)
class Fds:
    """Open file descriptors of a process: readers and outputs by number."""

    table: dict[int, Reader | Output]

    def reader(self, fd: int) -> Reader:
        """A descriptor to read from; one that is closed or for writing is at its end."""
        end = self.table.get(fd)
        return end if isinstance(end, Reader) else Reader(BytesInput())

    def output(self, fd: int) -> Output:
        """A descriptor to write to; one that is closed swallows."""
        end = self.table.get(fd)
        return end if end is not None and not isinstance(end, Reader) else NullOutput()


class FileOutput:
    """A file open for writing."""

    __slots__ = ("_file",)

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    async def write(self, data: bytes) -> None:
        """Write all of it."""
        self._file.write(data)


class FileInput:
    """A file open for reading."""

    __slots__ = ("_file",)

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    async def read(self, limit: int) -> bytes:
        """The next bytes."""
        return self._file.read(limit)


class Interpreter:
    """One shell process. ``fds`` are its descriptors; `script` runs text in it."""

    def __init__(self, session: Shell, env: Environment, fds: Fds) -> None:
        self.session = session
        self.machine: Machine = session.machine
        self.env = env
        self.fds = fds
        self.ash = self.machine.family.ash
        self.expander = Expander(self)
        self._complaints: list[str] = []
        self._quiet = 0
        self.script_name = ""
        self.command_string = not session.interactive

    # Running text

    async def script(self, text: str) -> int:
        """Run a script line by line; gives its status. `Leave` is for the caller."""
        parser = Parser(text, ash=self.ash)
        parser.aliases = self.env.aliases if self.session.interactive else {}
        while True:
            await self.session.budget.spend()
            try:
                sequence = parser.next()
            except Incomplete as fault:
                await self._unfinished(fault, text.count("\n") + 2)
                return self.env.status
            except SyntaxFault as fault:
                await self._malformed(fault, text)
                return self.env.status
            if sequence is None:
                return self.env.status
            try:
                await self.sequence(sequence)
            except ExpansionFault as fault:
                await self.error(str(fault))
                self.env.status = fault.status
                if not self.session.interactive:
                    raise Leave("exit", fault.status) from None
                return fault.status

    async def _unfinished(self, fault: Incomplete, last_line: int) -> None:
        self.env.line = fault.line
        here = fault.wanted.startswith("here-document")
        if self.ash:
            await self.error(
                "syntax error: unterminated quoted string"
                if fault.wanted in "'\"`"
                else "syntax error: unexpected end of file"
            )
        elif fault.wanted in ("'", '"', "`", ")", "]", "}"):
            await self.error(f"unexpected EOF while looking for matching `{fault.wanted}'", syntax=True)
        elif not here:
            self.env.line = last_line
            await self.error("syntax error: unexpected end of file", syntax=True)
        self.env.status = 2

    async def _malformed(self, fault: SyntaxFault, text: str) -> None:
        self.env.line = fault.line
        if self.ash:
            shown = fault.token if fault.token == "newline" else f'"{fault.token}"'
            await self.error(f"syntax error: unexpected {shown}")
        else:
            await self.error(f"syntax error near unexpected token `{fault.token}'", syntax=True)
            if not self.session.interactive or self.script_name:
                lines = text.split("\n")
                line = lines[min(fault.line, len(lines)) - 1]
                await self.error(f"`{line}'", syntax=True)
        self.env.status = 2

    async def error(self, message: str, *, syntax: bool = False) -> None:
        """A complaint of the shell itself on its standard error."""
        voice = self.voice()
        if syntax and self.command_string and not self.ash:
            voice = voice.replace(": line", ": -c: line", 1)
        await self.write_error(f"{voice}{message}\n")

    async def write_error(self, text: str) -> None:
        """Bytes on standard error, whoever reads them."""
        try:
            await self.fds.output(2).write(text_bytes(text))
        except BrokenPipeError:
            return

    def complain(self, message: str) -> None:
        """A complaint from where nothing can be awaited: shown before the next command."""
        self._complaints.append(message)

    def voice(self) -> str:
        """How messages begin: ``-bash: ``, ``bash: line 3: ``, ``./x.sh: line 7: ``, ``-sh: ``."""
        name = self.script_name or self.env.name
        if self.session.interactive and not self.script_name:
            return f"{name}: "
        if self.ash and not self.script_name:
            return f"{name}: "
        return f"{name}: line {self.env.line}: "

    # Sequences and pipelines

    async def sequence(self, sequence: syntax.Sequence) -> int:
        """Run commands one after another."""
        for item in sequence.items:
            if item.background:
                await self._background(item)
            else:
                await self.and_or(item)
        return self.env.status

    async def and_or(self, item: syntax.AndOr) -> int:
        """Run pipelines joined by ``&&`` and ``||``; ``set -e`` minds the last one only."""
        status, minded = 0, False
        pipelines = (("", item.first), *item.rest)
        for position, (operator, pipeline) in enumerate(pipelines):
            if operator and (status == 0) != (operator == "&&"):
                minded = False
                continue
            last = position == len(pipelines) - 1
            self._quiet += not last
            try:
                status = await self.pipeline(pipeline)
            finally:
                self._quiet -= not last
            minded = last and not pipeline.negated
        if status and minded and "e" in self.env.options and not self._quiet:
            raise Leave("exit", status)
        return status

    async def pipeline(self, pipeline: syntax.Pipeline) -> int:
        """Run one pipeline; its status is the last command's (or the last failure's with pipefail)."""
        started = self.machine.clock()
        self._quiet += pipeline.negated
        try:
            if len(pipeline.commands) == 1:
                status = await self.command(pipeline.commands[0])
            else:
                status = await self._piped(pipeline.commands)
        finally:
            self._quiet -= pipeline.negated
        if pipeline.negated:
            status = int(not status)
        self.env.status = status
        if pipeline.timed:
            await self._times(self.machine.clock() - started)
        return status

    async def _times(self, real: float) -> None:
        shown = [f"{int(t // 60)}m{t % 60:.3f}s" for t in (real, real / 4, real / 9)]
        await self.write_error("\nreal\t{}\nuser\t{}\nsys\t{}\n".format(*shown))

    async def _piped(self, commands: tuple[syntax.Command, ...]) -> int:
        stages: list[asyncio.Task[int]] = []
        source: Reader = self.fds.reader(0)
        previous: Pipe | None = None
        try:
            for position, command in enumerate(commands):
                pipe = Pipe() if position < len(commands) - 1 else None
                table = dict(self.fds.table)
                table[0] = source
                if pipe is not None:
                    table[1] = pipe
                child = self.child(Fds(table))
                stages.append(self.session.start(child.stage(command, previous, pipe)))
                if pipe is not None:
                    source, previous = Reader(pipe), pipe
            statuses = list(await asyncio.gather(*stages))
        except BlockingIOError:
            await self.error("fork: retry: Resource temporarily unavailable")
            return 254
        finally:
            for task in stages:
                task.cancel()
        self.env.variables["PIPESTATUS"] = Variable(items={str(n): str(s) for n, s in enumerate(statuses)})
        if "pipefail" in self.env.options:
            return next((status for status in reversed(statuses) if status), 0)
        return statuses[-1]

    async def stage(self, command: syntax.Command, source: Pipe | None, sink: Pipe | None) -> int:
        """One command of a pipeline, as a process of its own."""
        try:
            return await self.guarded(self.command(command))
        finally:
            if source is not None:
                source.tear()
            if sink is not None:
                sink.close()

    async def guarded(self, work: Any) -> int:
        """The status of a subshell's work: what leaves it ends it."""
        try:
            return int(await work)
        except Leave as leave:
            return leave.value & 255 if leave.kind in ("exit", "return") else 0
        except ExpansionFault as fault:
            await self.error(str(fault))
            return fault.status
        except BrokenPipeError:
            return 141
        except RecursionError:
            return 139

    def child(self, fds: Fds | None = None) -> Interpreter:
        """A subshell."""
        made = Interpreter(self.session, self.env.copy(), fds or self.fds)
        made._quiet = self._quiet
        made.script_name = self.script_name
        made.command_string = self.command_string
        made.env.calls += 1
        if made.env.calls > MAX_CALLS:
            raise Exhausted("Segmentation fault", 139)
        return made

    async def _background(self, item: syntax.AndOr) -> None:
        table = dict(self.fds.table)
        table[0] = Reader(BytesInput())
        child = self.child(Fds(table))
        try:
            process = self.machine.processes.spawn(
                self.env.who.name, self.session.tty_name or "?", item.source, parent=self.env.pid
            )
        except BlockingIOError:
            process = None
        if process is None or self.session.budget.tasks >= MAX_TASKS:
            if process is not None:
                self.machine.processes.end(process.pid)
            await self.error("fork: retry: Resource temporarily unavailable")
            self.env.status = 254
            return
        task = self.session.start(child.guarded(child.and_or(replace(item, background=False))))
        number = self.session.add_job(process.pid, item.source, task)
        self.env.background = process.pid
        self.env.status = 0
        if self.session.interactive and not self.script_name and not self.env.subshell and not self.ash:
            await self.write_error(f"[{number}] {process.pid}\n")

    # Commands

    async def command(self, command: syntax.Command) -> int:
        """Run one command of any kind; its status."""
        await self.session.budget.spend()
        while self._complaints:
            await self.error(self._complaints.pop(0))
        match command:
            case syntax.Simple():
                status = await self.simple(command)
            case syntax.Group(subshell=False):
                status = await self.sequence(command.body)
            case syntax.Group():
                child = self.child()
                status = await child.guarded(child.sequence(command.body))
            case syntax.Redirected():
                status = await self._redirected(command)
            case syntax.Function():
                self.env.functions[command.name] = command.body
                status = 0
            case _:
                status = await self._compound(command)
        self.env.status = status
        return status

    async def _compound(self, command: syntax.Command) -> int:
        match command:
            case syntax.If():
                return await self._if(command)
            case syntax.While():
                return await self._while(command)
            case syntax.For():
                return await self._for(command)
            case syntax.ForArith():
                return await self._for_arith(command)
            case syntax.Case():
                return await self._case(command)
            case syntax.Test():
                return await self._test(command)
            case syntax.ArithCommand():
                try:
                    return int(not await self.expander.arithmetic(command.expression))
                except ExpansionFault as fault:
                    await self.error(f"((: {fault}")
                    return 1
        return 0

    async def condition(self, sequence: syntax.Sequence) -> bool:
        """Whether the commands succeed, with ``set -e`` at rest."""
        self._quiet += 1
        try:
            return await self.sequence(sequence) == 0
        finally:
            self._quiet -= 1

    async def _if(self, command: syntax.If) -> int:
        for condition, body in command.branches:
            if await self.condition(condition):
                return await self.sequence(body)
        if command.otherwise is not None:
            return await self.sequence(command.otherwise)
        return 0

    async def _body(self, body: syntax.Sequence) -> bool:
        """One turn of a loop; false when the loop is to end."""
        await self.session.budget.spend(2)
        try:
            await self.sequence(body)
        except Leave as leave:
            if leave.kind not in ("break", "continue"):
                raise
            if leave.value > 1:
                raise Leave(leave.kind, leave.value - 1) from None
            self.env.status = 0
            return leave.kind == "continue"
        return True

    async def _while(self, command: syntax.While) -> int:
        status = 0
        while await self.condition(command.condition) != command.until:
            if not await self._body(command.body):
                return 0
            status = self.env.status
        return status

    async def _for(self, command: syntax.For) -> int:
        words = (
            list(self.env.positional) if command.words is None else await self.expander.words(command.words)
        )
        status = 0
        for word in words:
            self.expander.assign(command.name, word)
            if not await self._body(command.body):
                return 0
            status = self.env.status
        return status

    async def _for_arith(self, command: syntax.ForArith) -> int:
        await self.expander.arithmetic(command.first)
        status = 0
        while not command.condition.source.strip() or await self.expander.arithmetic(command.condition):
            if not await self._body(command.body):
                return 0
            status = self.env.status
            await self.expander.arithmetic(command.step)
        return status

    async def _case(self, command: syntax.Case) -> int:
        subject = await self.expander.single(command.subject)
        fall = False
        status = 0
        for words, body, end in command.items:
            if not fall:
                for word in words:
                    if patterns.matches(await self.expander.pattern(word), subject):
                        break
                else:
                    continue
            status = await self.sequence(body) if body.items else 0
            if end == ";;" or not end:
                return status
            fall = end == ";&"
        return status

    async def _test(self, command: syntax.Test) -> int:
        try:
            return int(not await evaluate_words(self, command.words))
        except ConditionFault as fault:
            await self.error(str(fault))
            return 2

    # Simple commands

    async def simple(self, command: syntax.Simple) -> int:
        """Expand and run a simple command."""
        self.env.line = command.line
        substituted = self.session.substitutions
        words = await self.expander.words(command.words)
        if not words:
            for assignment in command.assignments:
                await self.assign(assignment)
                if "x" in self.env.options:
                    shown = self.env.get(assignment.name) or ""
                    await self.write_error(f"{self.env.get('PS4') or '+ '}{assignment.name}={shown}\n")
            if command.redirects:
                async with self.redirected(command.redirects) as failed:
                    if failed:
                        return 1
            return self.session.last_substitution if self.session.substitutions != substituted else 0
        await self._trace(words)
        async with self.redirected(command.redirects) as failed:
            if failed:
                return 1
            for _, array in command.arrays:
                self.session.pending_arrays.append((array, await self._values(array)))
            if not command.assignments:
                return await self.invoke(words)
            return await self._with_assignments(command, words)

    async def _trace(self, words: list[str]) -> None:
        if "x" in self.env.options:
            shown = " ".join(
                word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\\''") + "'"
                for word in words
            )
            await self.write_error(f"{self.env.get('PS4') or '+ '}{shown}\n")

    async def _with_assignments(self, command: syntax.Simple, words: list[str]) -> int:
        saved = {a.name: self.env.variables.get(a.name) for a in command.assignments}
        for assignment in command.assignments:
            await self.assign(assignment)
            self.env.variables[assignment.name] = replace(self.env.variables[assignment.name], exported=True)
        try:
            return await self.invoke(words)
        finally:
            if words[0] not in SPECIAL_BUILTINS:
                for name, old in saved.items():
                    if old is None:
                        self.env.unset(name)
                    else:
                        self.env.variables[name] = old

    async def assign(self, assignment: syntax.Assignment) -> None:
        """Carry out one assignment."""
        if isinstance(assignment.value, tuple):
            self.store_array(assignment, await self._values(assignment))
            return
        value = await self.expander.single(assignment.value, assignment=True)
        index = await self.expander.single(assignment.index) if assignment.index else None
        self.expander.assign(assignment.name, value, index=index, append=assignment.append)

    async def _values(self, assignment: syntax.Assignment) -> list[tuple[str | None, str]]:
        """An array's values, each with its index where one is given."""
        assert isinstance(assignment.value, tuple)  # noqa: S101 (arrays only)
        found: list[tuple[str | None, str]] = []
        for word in assignment.value:
            match = re.match(r"\[([^\]]*)\]=", word.source)
            if match:
                text = await self.expander.single(word)
                key, _, value = text[1:].partition("]=")
                found.append((key, value))
            else:
                found += [(None, value) for value in await self.expander.words((word,))]
        return found

    def store_array(self, assignment: syntax.Assignment, values: list[tuple[str | None, str]]) -> None:
        """``name=(…)`` with its values expanded."""
        old = self.env.variables.get(assignment.name, Variable())
        if old.readonly:
            raise ExpansionFault(f"{assignment.name}: readonly variable")
        items: dict[str, str] = {}
        if assignment.append:
            items = dict(old.items if old.items is not None else {"0": old.value} if old.value else {})
        place = max((int(key) for key in items if key.isdigit()), default=-1) + 1
        for key, value in values:
            if key is not None and not old.associative:
                place = self.expander.evaluate(key)
            items[key if key is not None and old.associative else str(place)] = value
            place += 1
        self.env.set_items(assignment.name, items)

    async def invoke(self, words: list[str]) -> int:
        """Run a command by its words: function, builtin, program."""
        name = words[0]
        function = self.env.functions.get(name)
        if function is not None:
            return await self.call(function, words)
        builtin = BUILTINS.get(name)
        if builtin is not None and not (
            self.ash and name in ("declare", "shopt", "typeset", "pushd", "popd", "dirs")
        ):
            return await self._guard(Run(self, words, builtin=True), builtin)
        return await self.program(words)

    async def call(self, body: syntax.Command, words: list[str]) -> int:
        """Run a function."""
        env = self.env
        env.calls += 1
        if env.calls > MAX_CALLS:
            env.calls = 0
            raise Exhausted("Segmentation fault", 139)
        saved = env.positional
        env.positional = words[1:]
        env.scopes.append({})
        try:
            return await self.command(body)
        except Leave as leave:
            if leave.kind != "return":
                raise
            return leave.value
        finally:
            env.calls = max(0, env.calls - 1)
            env.positional = saved
            env.leave()

    async def program(self, words: list[str], *, path: str = "") -> int:
        """Run a program found in PATH or at a path."""
        name = words[0]
        if sum(len(word) for word in words) > MAX_ARGUMENTS:
            await self.error(f"{path or name}: Argument list too long")
            return 126
        found = path or self.find(name)
        if not found:
            return await self._missing(name)
        return await self.execute(found, words)

    async def _missing(self, name: str) -> int:
        if "/" in name:
            await self.error(f"{name}: No such file or directory" if not self.ash else f"{name}: not found")
        else:
            shown = (
                name
                if self.ash or name.isprintable()
                else "$'" + name.encode("unicode_escape").decode().replace("\\udc", "\\x") + "'"
            )
            await self.error(f"{shown}: not found" if self.ash else f"{shown}: command not found")
        return 127

    def find(self, name: str) -> str:
        """Where a program is: the path itself, or the first hit in PATH; empty when there is none."""
        fs, who = self.machine.fs, self.env.who
        if "/" in name:
            path = self.path(name)
            return path if fs.exists(who, path) else ""
        if not name:
            return ""
        for folder in (self.env.get("PATH") or "").split(":")[:64]:
            path = self.path(f"{folder or '.'}/{name}")
            if fs.access(who, path, 1) and not fs.lookup(who, path).is_dir:
                return path
        return ""

    async def execute(self, path: str, words: list[str]) -> int:
        """Run the file at a path as the kernel would."""
        fs, who = self.machine.fs, self.env.who
        shown = words[0] if "/" in words[0] else path
        node = fs.lookup(who, path)
        if node.is_dir:
            await self.error(f"{shown}: Is a directory" if not self.ash else f"{shown}: Permission denied")
            return 126
        if not fs.access(who, path, 1):
            await self.error(f"{shown}: Permission denied")
            return 126
        name = path.rpartition("/")[2]
        if node.data is None and node.is_file:
            real = fs.real(who, path).rpartition("/")[2]
            program = PROGRAMS.get(name) or PROGRAMS.get(real)
            if program is not None:
                return await self._guard(Run(self, [name, *words[1:]]), program)
            return 0
        return await self._foreign(path, shown, words)

    async def _foreign(self, path: str, shown: str, words: list[str]) -> int:
        """A file that was brought here: a script is interpreted by us, anything else starts and goes away."""
        content = (
            self.machine.fs.read(self.machine_root, path) if self.env.who.uid == 0 else self._readable(path)
        )
        self.session.note_execution(path)
        if content.startswith(b"\x7fELF"):
            await asyncio.sleep(0.05)
            return 0
        if b"\0" in content[:128]:
            await self.error(f"{shown}: cannot execute binary file: Exec format error")
            return 126
        text = decode(content)
        match = re.match(r"#!\s*(\S+)(?:\s+(\S+))?", text)
        if match:
            interpreter = match[1].rpartition("/")[2]
            if interpreter == "env" and match[2]:
                interpreter = match[2]
            if not self.find(match[1]):
                await self.error(
                    f"{shown}: {match[1]}: bad interpreter: No such file or directory"
                    if not self.ash
                    else f"{shown}: not found"
                )
                return 126 if not self.ash else 127
            if interpreter not in ("sh", "bash", "dash", "ash"):
                return await self.invoke([interpreter, path, *words[1:]])
        return await self.run_file(text, shown, words[1:])

    @property
    def machine_root(self) -> Any:
        """Root's credentials."""
        return self.machine.credentials("root")

    def _readable(self, path: str) -> bytes:
        try:
            return self.machine.fs.read(self.env.who, path)
        except OSError:
            return b""

    async def run_file(self, text: str, name: str, arguments: list[str]) -> int:
        """Run a script as a shell process of its own."""
        child = self.child()
        child.env.name = name
        child.script_name = name
        child.command_string = False
        child.env.positional = arguments
        child.env.functions = {}
        child.env.options = set()
        child.env.variables = {k: v for k, v in child.env.variables.items() if v.exported}
        status = await child.guarded(child.script(text))
        return await child.trapped(status)

    async def trapped(self, status: int) -> int:
        """The EXIT trap, if there is one."""
        action = self.env.traps.pop("EXIT", "")
        if action:
            self.env.status = status
            await self.guarded(self.script(action))
        return status

    async def _guard(self, run: Run, command: Any) -> int:
        """Run one of our commands: what the real one would die of becomes its status."""
        try:
            return int(await command(run)) & 255
        except BrokenPipeError:
            if run.builtin:
                raise
            return 141
        except OSError as problem:
            reason = os.strerror(problem.errno) if problem.errno else "Input/output error"
            where = f"{problem.filename}: " if problem.filename else ""
            await run.complain(f"{where}{reason}")
            return 1

    # Redirections

    @asynccontextmanager
    async def redirected(self, redirects: tuple[syntax.Redirect, ...]) -> AsyncIterator[bool]:
        """Descriptors changed for the time of a command; gives whether that failed (and was said)."""
        if not redirects:
            yield False
            return
        saved = self.fds
        table = dict(saved.table)
        failed = False
        for redirect in redirects:
            try:
                await self._redirect(redirect, table)
            except OSError as problem:
                name = problem.filename or redirect.target.source
                reason = os.strerror(problem.errno) if problem.errno else str(problem)
                if self.ash:
                    create = "create" if ">" in redirect.op else "open"
                    reason = {
                        "No such file or directory": "nonexistent directory"
                        if create == "create"
                        else "no such file"
                    }.get(reason, reason)
                    await self.error(f"can't {create} {name}: {reason}")
                else:
                    await self.error(f"{name}: {reason}")
                failed = True
                break
        if not failed:
            self.fds = Fds(table)
        self.session.kept = None
        try:
            yield failed
        finally:
            self.fds = self.session.kept or saved
            self.session.kept = None

    async def _redirected(self, command: syntax.Redirected) -> int:
        async with self.redirected(command.redirects) as failed:
            return 1 if failed else await self.command(command.command)

    async def _redirect(self, redirect: syntax.Redirect, table: dict[int, Reader | Output]) -> None:
        op = redirect.op
        if op == "<<":
            text = await self.expander.single(redirect.target)
            table[redirect.fd] = Reader(BytesInput(text_bytes(text)))
            return
        if op == "<<<":
            text = await self.expander.single(redirect.target)
            table[redirect.fd] = Reader(BytesInput(text_bytes(text + "\n")))
            return
        target = await self._target(redirect.target)
        if op in (">&", "<&"):
            if target == "-":
                table.pop(redirect.fd, None)
                return
            if not target.isdigit() or int(target) not in table:
                raise OSError(errno.EBADF, "", target)
            table[redirect.fd] = table[int(target)]
            return
        end = self.open(target, op, table)
        if redirect.fd == -1:
            table[1] = table[2] = end
        else:
            table[redirect.fd] = end

    async def _target(self, word: syntax.Word) -> str:
        fields = await self.expander.words((word,))
        if len(fields) != 1:
            raise ExpansionFault(f"{word.source}: ambiguous redirect", fatal=False)
        return fields[0]

    def open(self, name: str, op: str, table: dict[int, Reader | Output]) -> Reader | Output:
        """Open a redirection's file."""
        path = self.path(name)
        special = re.fullmatch(r"/dev/(?:fd/(\d+)|std(in|out|err))", path)
        if special:
            number = int(special[1]) if special[1] else ("in", "out", "err").index(special[2])
            if number in table:
                return table[number]
        if re.match(r"/dev/(tcp|udp)/", path):
            self.session.note_download("bash", path)
            raise OSError(errno.ETIMEDOUT, "", name)
        if op == "<":
            return self.source(path, name)
        flags = os.O_WRONLY | os.O_CREAT
        flags |= os.O_APPEND if op == ">>" else 0 if op == "<>" else os.O_TRUNC
        if (
            "C" in self.env.options
            and op == ">"
            and self.machine.fs.exists(self.env.who, path)
            and path != "/dev/null"
        ):
            raise OSError(errno.EEXIST, "", name)
        try:
            file = self.machine.fs.open(self.env.who, path, flags, 0o666 & ~self.env.umask)
        except OSError as problem:
            raise OSError(problem.errno, "", name) from None
        if file.node.is_file:
            return FileOutput(file)
        if path == "/dev/tty" and self.session.tty:
            return self.fds.output(1)
        return FullOutput(name) if path == "/dev/full" else NullOutput()

    def source(self, path: str, name: str) -> Reader:
        """Open a file or device to read. Raises `OSError` about ``name``."""
        from decnet.services.shell.devices import device_input  # noqa: PLC0415 (it is seldom needed)

        opened = self.session.substituted.get(path)
        if opened is not None:
            return opened
        try:
            file = self.machine.fs.open(self.env.who, path, os.O_RDONLY)
        except OSError as problem:
            raise OSError(problem.errno, "", name) from None
        if file.node.is_dir or file.node.is_file:
            if file.node.is_dir:
                raise OSError(errno.EISDIR, "", name)
            if callable(file.node.data):
                return Reader(BytesInput(file.node.data()))
            return Reader(FileInput(file))
        if path == "/dev/tty" and self.session.tty:
            return self.fds.reader(0)
        return Reader(device_input(file.node, self.machine.draw))

    # Services to the expander

    def path(self, name: str) -> str:
        """A name as an absolute path."""
        return name if name.startswith("/") else f"{self.env.cwd.rstrip('/')}/{name}"

    def flags(self) -> str:
        """``$-``."""
        letters = "".join(sorted(option for option in self.env.options if len(option) == 1))
        return letters + ("himBHs" if self.session.interactive else "hBc")

    def dynamic(self, name: str) -> str | None:
        """Variables that change by themselves."""
        clock = self.machine.clock
        match name:
            case "RANDOM" if not self.ash:
                return str(self.machine.draw.integer(0, 32767))
            case "SECONDS" if not self.ash:
                return str(int(clock() - self.session.started))
            case "LINENO":
                return str(self.env.line)
            case "EPOCHSECONDS" if not self.ash:
                return str(int(clock()))
            case "BASHPID" if not self.ash:
                return str(self.env.pid)
            case "FUNCNAME" if not self.ash and self.env.scopes:
                return "main"
        return None

    async def capture(self, body: syntax.Sequence) -> str:
        """The output of ``$(…)``."""
        output = BytesOutput(MAX_TEXT)
        table = dict(self.fds.table)
        table[1] = output
        child = self.child(Fds(table))
        child._quiet = 0  # noqa: SLF001 (its own kind)
        status = await child.guarded(child.sequence(body))
        self.env.status = status
        self.session.substitutions += 1
        self.session.last_substitution = status
        return decode(bytes(output.data))

    async def process_substitution(self, part: syntax.ProcessSub) -> str:
        """``<(…)``: the output, kept under the name of a descriptor."""
        number = 63 - len(self.session.substituted) % 32
        name = f"/dev/fd/{number}"
        data = b""
        if part.direction == "<":
            data = text_bytes(await self.capture(part.body))
        self.session.substituted[name] = Reader(BytesInput(data))
        return name

    async def glob(self, pattern: str) -> list[str]:
        """Paths that match; in order."""
        parts = pattern.split("/")
        found: list[str] = ["/"] if pattern.startswith("/") else [""]
        for position, part in enumerate(parts):
            if not part:
                if position and position == len(parts) - 1:
                    found = [
                        path + "/"
                        for path in found
                        if self.machine.fs.exists(self.env.who, self.path(path + "/"))
                    ]
                continue
            found = await self._step(found, part)
            if not found:
                return []
        return sorted(found)

    async def _step(self, bases: list[str], part: str) -> list[str]:
        fs, who = self.machine.fs, self.env.who
        made: list[str] = []
        for base in bases:
            join = base if not base or base.endswith("/") else base + "/"
            await self.session.budget.spend()
            if not any(c in part for c in "*?["):
                plain = re.sub(r"\\(.)", r"\1", part)
                if fs.exists(who, self.path(join + plain), follow=False):
                    made.append(join + plain)
                continue
            try:
                names = fs.listdir(who, self.path(base or "."))
            except OSError:
                continue
            for name in names:
                if (name[0] != "." or part[0] == ".") and patterns.matches(part, name):
                    made.append(join + name)
        return made


class FullOutput:
    """/dev/full."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def write(self, data: bytes) -> None:
        """Never takes anything."""
        raise OSError(errno.ENOSPC, f"{len(data)} bytes", "")
