# ruff: noqa: PLR0911 (a grammar has as many branches as rules)
"""Walks the syntax tree: pipelines, control flow, subshells, expansion. Runs nothing but our own commands."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING

from decnet.services.shell import patterns, syntax
from decnet.services.shell.conditions import ConditionFault, evaluate_words
from decnet.services.shell.environment import Environment, Variable
from decnet.services.shell.expand import Expander, ExpansionFault, decode
from decnet.services.shell.launch import Launcher, Leave
from decnet.services.shell.limits import MAX_CALLS, MAX_TASKS, MAX_TEXT, Exhausted
from decnet.services.shell.parser import Parser
from decnet.services.shell.redirect import Fds
from decnet.services.shell.run import Run
from decnet.services.shell.scanner import Incomplete, SyntaxFault, text_bytes
from decnet.services.shell.streams import BytesInput, BytesOutput, Pipe, Reader

if TYPE_CHECKING:
    from decnet.services.shell.session import Shell

_NEWLINE = "newline"
SPECIAL_BUILTINS = frozenset(
    (".", ":", "break", "continue", "eval", "exec", "exit", "export", "return", "set", "shift")
)

__all__ = ["Fds", "Interpreter", "Leave"]


class Interpreter(Launcher):
    """One shell process. ``fds`` are its descriptors; `script` runs text in it."""

    def __init__(self, session: Shell, env: Environment, fds: Fds) -> None:
        super().__init__(session, env, fds)
        self.expander = Expander(self)
        self._quiet = 0

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
            shown = fault.token if fault.token == _NEWLINE else f'"{fault.token}"'
            await self.error(f"syntax error: unexpected {shown}")
        else:
            await self.error(f"syntax error near unexpected token `{fault.token}'", syntax=True)
            if not self.session.interactive or self.script_name:
                lines = text.split("\n")
                line = lines[min(fault.line, len(lines)) - 1]
                await self.error(f"`{line}'", syntax=True)
        self.env.status = 2

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
        await self.session.budget.spend(5 * len(commands))
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

    async def detached(self, item: syntax.AndOr) -> int:
        """A background job."""
        return await self.guarded(self.and_or(item))

    def process(self, words: list[str], *, builtin: bool = False) -> Run:
        """What a command is given."""
        return Run(self, words, builtin=builtin)

    async def guarded(self, work: Awaitable[int]) -> int:
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
        await self.session.budget.spend(25)
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
        task = self.session.start(child.detached(replace(item, background=False)))
        number = self.session.add_job(process.pid, item.source, task)
        self.env.background = process.pid
        self.env.status = 0
        if self.session.interactive and not self.script_name and not self.env.subshell and not self.ash:
            await self.write_error(f"[{number}] {process.pid}\n")

    async def command(self, command: syntax.Command) -> int:
        """Run one command of any kind; its status."""
        await self.session.budget.spend()
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

    async def simple(self, command: syntax.Simple) -> int:
        """Expand and run a simple command."""
        self.env.line = command.line
        substituted = self.session.substitutions
        words = await self.expander.words(command.words)
        while self.complaints:
            await self.error(self.complaints.pop(0))
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

    async def _redirected(self, command: syntax.Redirected) -> int:
        async with self.redirected(command.redirects) as failed:
            return 1 if failed else await self.command(command.command)

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
            made += [
                join + name
                for name in names
                if (name[0] != "." or part[0] == ".") and patterns.matches(part, name)
            ]
        return made
