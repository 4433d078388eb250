"""A shell session: what a login, an exec request or a telnet line talks to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from decnet.services.shell import commands
from decnet.services.shell.capture import Capture, CaptureKind
from decnet.services.shell.completion import candidates
from decnet.services.shell.environment import Environment
from decnet.services.shell.history import load_history, recall
from decnet.services.shell.interpreter import Fds, Interpreter, Leave
from decnet.services.shell.limits import MAX_TASKS, Budget, Exhausted
from decnet.services.shell.machine import Machine
from decnet.services.shell.parser import Parser
from decnet.services.shell.scanner import Incomplete, SyntaxFault
from decnet.services.shell.streams import Input, Output, Reader
from decnet.services.shell.syntax import Assignment

MAX_LINE = 64 * 1024
"""Characters of one command line or script."""
PATHS = {
    "root": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "user": "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
}
commands.load()


@dataclass(slots=True)
class Job:
    """Something in the background."""

    number: int
    pid: int
    source: str
    task: asyncio.Task[int]


class Shell:
    """One session of one user on a machine; not to be used by two tasks at once.

    ``size`` (columns, rows) may be set when the terminal's changes. ``echo`` is called with False before a password is
    read and with True after. ``record`` hears of what is worth an event (see `Capture`). ``source`` and ``daemon`` are
    where the visitor came from and what let them in (see `Machine.login`).
    """

    def __init__(
        self,
        machine: Machine,
        user: str,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        interactive: bool = False,
        tty: bool = False,
        size: tuple[int, int] = (80, 24),
        record: Callable[[Capture], None] | None = None,
        echo: Callable[[bool], None] | None = None,
        source: str = "",
        daemon: str = "sshd",
    ) -> None:
        self.machine = machine
        self.interactive = interactive
        self.tty = tty
        self.size = size
        self.exited: int | None = None
        self.record = record
        self.echo = echo or (lambda _: None)
        self.budget = Budget()
        self.started = machine.clock()
        self.jobs: dict[int, Job] = {}
        self.substituted: dict[str, Reader] = {}
        self.substitutions = self.last_substitution = 0
        self.pending_arrays: list[tuple[Assignment, list[tuple[str | None, str]]]] = []
        self.kept: Fds | None = None
        self.terminal: Output | None = None
        self.keyboard: Reader | None = None
        self._tasks: set[asyncio.Task[int]] = set()
        self._input: Input | None = None
        given = dict(env or {})
        self.source = source or given.get("SSH_CLIENT", "").split(" ")[0]
        self.login = machine.login(user, self.source, tty=tty, daemon=daemon)
        self.tty_name = self.login.tty
        self.stack = [self.environment(user, given, login=interactive, cwd=cwd)]
        self.history = load_history(machine, self.stack[0]) if interactive else []

    def environment(
        self, user: str, given: Mapping[str, str], *, login: bool, cwd: str = "", pid: int = 0
    ) -> Environment:
        """A fresh shell process of a user, with the variables a login sets."""
        machine = self.machine
        account = machine.user(user)
        shell = (
            account.shell
            if account.shell.rpartition("/")[2] in ("bash", "sh", "ash", "dash")
            else machine.family.shell
        )
        name = shell.rpartition("/")[2] or "sh"
        if machine.family.ash:
            name = "sh"
        made = Environment(
            machine.credentials(user),
            cwd or account.home,
            f"-{name}" if login else name,
            pid or self.login.pid,
        )
        path = PATHS["root" if account.uid == 0 else "user"]
        if machine.family.name == "rhel" and account.uid:
            path = f"{account.home}/.local/bin:{account.home}/bin:/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin"
        made.adopt(
            {
                "HOME": account.home,
                "LOGNAME": user,
                "PATH": path,
                "SHELL": shell,
                "USER": user,
                "PWD": made.cwd,
                "SHLVL": "1" if login else "0",
                "LANG": "C.UTF-8" if machine.family.ash else "en_US.UTF-8",
                **({"MAIL": f"/var/mail/{user}"} if not machine.family.ash else {}),
                **given,
            }.items()
        )
        made.set("IFS", " \t\n")
        made.set("OPTIND", "1")
        made.set("PS2", "> ")
        made.set("PS1", self._ps1())
        if not machine.family.ash:
            made.set("BASH", shell)
            made.set("BASH_VERSION", "5.2.15(1)-release")
            made.set("HOSTNAME", machine.hostname)
            made.set("HOSTTYPE", "x86_64")
            made.set("OSTYPE", "linux-gnu")
            made.set("UID", str(account.uid))
            made.set("EUID", str(account.uid))
            made.set("PPID", str(made.pid - 1))
        if self.tty:
            made.set("COLUMNS", str(self.size[0]))
            made.set("LINES", str(self.size[1]))
        if not machine.fs.exists(made.who, made.cwd):
            made.cwd = "/"
        if login and not machine.family.ash:
            made.aliases.update(_aliases(machine.family.name, root=account.uid == 0))
        return made

    def _ps1(self) -> str:
        family = self.machine.family.name
        if family in ("rhel", "arch"):
            return r"[\u@\h \W]\$ "
        if family == "alpine":
            return r"\h:\w\$ "
        return r"\u@\h:\w\$ "

    # Running

    @property
    def env(self) -> Environment:
        """The state of the innermost shell (``su`` and ``bash`` put one on top)."""
        return self.stack[-1]

    async def run(self, text: str, stdin: Input, stdout: Output, stderr: Output) -> int:
        """Run a line or a script; gives its exit status. A cancellation stops it (Ctrl-C)."""
        if self._input is not stdin or self.keyboard is None:
            self.keyboard, self._input = Reader(stdin), stdin
        self.terminal = stdout
        self.budget.refresh()
        text = text[:MAX_LINE]
        if self.interactive:
            text = recall(text, self.history)
        shell = Interpreter(self, self.env, Fds({0: self.keyboard, 1: stdout, 2: stderr}))
        status = await self._run(shell, text)
        if self.interactive:
            await self._report_jobs(shell)
        else:
            status = await shell.trapped(status)
        return status

    async def _run(self, shell: Interpreter, text: str) -> int:
        try:
            return await shell.script(text)
        except Leave as leave:
            if leave.kind == "exit":
                return await self._exit(shell, leave.value)
            return shell.env.status
        except Exhausted as bound:
            shell.env.status = bound.status
            shell.env.calls = 0
            shell.env.memory = 0
            await shell.write_error(f"{bound.message}\n")
            return bound.status
        except BrokenPipeError:
            return 141
        except RecursionError:
            await shell.write_error("Segmentation fault\n")
            return 139

    async def _exit(self, shell: Interpreter, status: int) -> int:
        status &= 255
        if len(self.stack) > 1:
            self.machine.processes.end(self.stack.pop().pid)
            self.env.status = status
            return status
        if self.interactive:
            status = await shell.trapped(status)
        self.exited = status
        return status

    def push(self, environment: Environment) -> None:
        """Put another shell on top: it takes the lines until it exits."""
        if len(self.stack) > 20:
            raise Exhausted("Segmentation fault", 139)
        self.stack.append(environment)

    # Tasks and jobs

    def start(self, work: Coroutine[Any, Any, int]) -> asyncio.Task[int]:
        """Run work beside this. Raises `BlockingIOError` when there is too much of it."""
        if self.budget.tasks >= MAX_TASKS:
            work.close()
            raise BlockingIOError(11, "Resource temporarily unavailable")
        task = asyncio.get_running_loop().create_task(work)
        self.budget.tasks += 1
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[int]) -> None:
        self.budget.tasks -= 1
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    def add_job(self, pid: int, source: str, task: asyncio.Task[int]) -> int:
        """Note a background job; gives its number."""
        number = max(self.jobs, default=0) + 1
        self.jobs[number] = Job(number, pid, source, task)
        task.add_done_callback(lambda _: self.machine.processes.end(pid))
        if not self.interactive:
            for old in [n for n, job in self.jobs.items() if job.task.done()]:
                del self.jobs[old]
        return number

    async def _report_jobs(self, shell: Interpreter) -> None:
        last = max(self.jobs, default=0)
        for number, job in list(self.jobs.items()):
            if job.task.done():
                del self.jobs[number]
                mark = "+" if number == last else "-"
                status = 0 if job.task.cancelled() or job.task.exception() else job.task.result()
                state = "Done" if not status else f"Exit {status}"
                await shell.write_error(f"[{number}]{mark}  {state:<24}{job.source}\n")

    def interrupt(self) -> None:
        """After a cancelled `run`: the state of the shell is that after Ctrl-C."""
        self.env.status = 130
        self.env.calls = 0
        self.env.scopes.clear()

    async def close(self) -> None:
        """The connection is gone: background jobs end, the login is forgotten."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        for environment in self.stack[1:]:
            self.machine.processes.end(environment.pid)
        self.machine.logout(self.login)

    # Recording

    def note_download(self, command: str, url: str) -> None:
        """A command was told to fetch from or connect to somewhere."""
        self.note(CaptureKind.DOWNLOAD, command, url)

    def note_execution(self, path: str) -> None:
        """A file that was brought here was started."""
        self.note(CaptureKind.EXECUTE, path.rpartition("/")[2], path)

    def note(self, kind: CaptureKind, command: str, text: str) -> None:
        """Tell the recorder."""
        if self.record is not None:
            self.record(Capture(kind, command, text[:4096]))

    # The terminal

    def prompt(self, *, continued: bool = False) -> str:
        """PS1, or PS2 when ``continued``, with its escapes replaced (bash(1), PROMPTING)."""
        text = self.env.get("PS2" if continued else "PS1") or ""
        env = self.env
        home = env.get("HOME") or ""
        cwd = env.cwd
        if home and home != "/" and (cwd == home or cwd.startswith(home + "/")):
            cwd = "~" + cwd[len(home) :]
        values = {
            "u": env.who.name,
            "h": self.machine.hostname.split(".")[0],
            "H": self.machine.hostname,
            "w": cwd,
            "W": cwd if cwd in ("~", "/") else cwd.rpartition("/")[2],
            "$": "$" if env.who.uid else "#",
            "n": "\n",
            "s": env.name.lstrip("-"),
            "[": "",
            "]": "",
            "e": "\x1b",
            "\\": "\\",
            "t": "",
        }
        out: list[str] = []
        letters = iter(text[:1000])
        for char in letters:
            if char == "\\":
                following = next(letters, "\\")
                out.append(values.get(following, "\\" + following))
            else:
                out.append(char)
        return "".join(out)

    def incomplete(self, text: str) -> bool:
        """Whether the text needs another line before it can run."""
        parser = Parser(text[:MAX_LINE], ash=self.machine.family.ash)
        try:
            while parser.next() is not None:
                pass
        except Incomplete:
            return len(text) < MAX_LINE
        except SyntaxFault:
            return False
        return False

    def complete(self, text: str) -> list[str]:
        """What the word at the end of ``text`` can become: whole words, directories with a slash, others with a blank."""
        return candidates(self.machine, self.env, text[-4096:])


def _aliases(family: str, *, root: bool) -> dict[str, str]:
    if family == "rhel":
        safe = {"cp": "cp -i", "mv": "mv -i", "rm": "rm -i"} if root else {}
        return {"ll": "ls -l --color=auto", "ls": "ls --color=auto", "grep": "grep --color=auto", **safe}
    if family == "debian" and root:
        return {}
    return (
        {"ls": "ls --color=auto"}
        if family == "arch"
        else {"ls": "ls --color=auto", "ll": "ls -alF", "la": "ls -A"}
    )
