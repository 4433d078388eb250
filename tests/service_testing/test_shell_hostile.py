"""What no input may do: block the event loop, grow without bound, crash, or touch the real machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.services.shell import BytesInput, BytesOutput, Shell
from decnet.services.shell.run import BUILTINS, PROGRAMS
from tests.fuzzing import examples
from tests.service_testing.shell_testing import boot, run

ENDLESS = [
    "while true; do :; done",
    "yes",
    "yes | cat > /dev/null",
    "cat /dev/zero",
    "cat /dev/urandom | base64",
    "dd if=/dev/zero of=/dev/null",
    ":(){ :|:& };: ; sleep 100",
    "for ((;;)); do x=$((x+1)); done",
    "seq 1 99999999999",
    "awk 'BEGIN{while(1) i++}'",
    "sed ':a;s/x/x/;ta' <<< x; while :; do sed ':a;s/x/x/;ta' <<< x; done",
    "while true; do true & done",
    "tail -f /var/log/syslog",
    "find / ; while :; do find / > /dev/null; done",
    "until false; do ls -laR / > /dev/null; done",
    "grep -E '(a+)+$' /dev/zero; while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab | grep -E '(a+)+$'; done",
    "while :; do [[ aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab =~ (a|aa)+$ ]]; done",
    "while :; do sha256sum /usr/bin/* > /dev/null; done",
    "while :; do seq 20000 | sort -R | sort -n > /dev/null; done",
]


class _Watch:
    """The longest times for which the event loop answered nobody: of a processor (what a busy machine takes is not in
    it), and by the clock.
    """

    def __init__(self) -> None:
        self.worst = self.waited = 0.0

    async def watch(self) -> None:
        while True:
            before, began = time.process_time(), time.perf_counter()
            await asyncio.sleep(0.005)
            self.worst = max(self.worst, time.process_time() - before)
            self.waited = max(self.waited, time.perf_counter() - began)


async def during(work: Awaitable[object], seconds: float) -> _Watch:
    """Let it work for so long, cancel it, and tell the longest times it kept the loop to itself."""
    watch = _Watch()
    watcher = asyncio.ensure_future(watch.watch())
    task = asyncio.ensure_future(work)
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert task.done()
    watcher.cancel()
    return watch


class _Sink:
    async def write(self, data: bytes) -> None:
        assert len(data) <= 1 << 20


@pytest.mark.parametrize("script", ENDLESS)
async def test_an_endless_command_leaves_the_loop_to_others_and_can_be_stopped(script: str) -> None:
    machine = boot()
    shell = Shell(machine, "root", interactive=True, tty=True)
    watch = await during(shell.run(script, BytesInput(), _Sink(), _Sink()), 1.2)
    shell.interrupt()
    out = BytesOutput()
    assert await shell.run("echo alive", BytesInput(), out, BytesOutput()) == 0
    assert out.text() == "alive\n"
    await shell.close()
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert watch.worst < 0.6  # one that kept the loop to itself would have had it for all of the time
    assert watch.waited < 1.1


BOUNDED = [
    ("echo {1..999999999} | wc -c", "brace expansion"),
    ("f() { f; }; f", "Segmentation fault"),
    ("x=aaaaaaaaaa; while true; do x=$x$x; done", "Killed"),
    ("for i in 1 2 3 4 5 6 7 8; do x=$x{1..60000}; done; eval echo $x", ""),
    ("printf '%999999999d' 1 | wc -c", ""),
    ("dd if=/dev/zero of=/tmp/big bs=1M count=500", "No space left on device"),
    ("i=0; while [ $i -lt 20000 ]; do : > /tmp/f$i || break; i=$((i+1)); done", "No space left on device"),
    ("a=x; eval \"$(printf 'eval %.0s' {1..500}) echo hi\"", "nesting"),
    ("( " * 200 + "echo x" + " )" * 200, "syntax error"),
    ("echo " + "$(" * 100 + "echo x" + ")" * 100, "syntax error"),
    ("echo $((" + "(" * 5000 + "1" + ")" * 5000 + "))", ""),
    ("echo $((" + "-" * 5000 + "1))", ""),
    ("alias a='a b'; a", ""),
    ("mkdir -p /tmp/" + "/".join("d" * 300), "No space left"),
    ("ln -s /tmp/a /tmp/b; ln -s /tmp/b /tmp/a; cat /tmp/a", "Too many levels of symbolic links"),
    ("awk 'BEGIN{s=\"x\"; while(1) s=s s}'", "string too long"),
    ("awk 'function f(){return f()} BEGIN{f()}'", "nesting too deep"),
    ("echo " + "a" * 200_000 + " | wc -c", ""),
    ("cp /bin/bash /tmp/sh2; /tmp/sh2 -c id", ""),
]


@pytest.mark.parametrize(("script", "says"), BOUNDED, ids=[script[:40] for script, _ in BOUNDED])
async def test_whatever_grows_meets_a_bound(script: str, says: str) -> None:
    async with asyncio.timeout(60):
        ran = await run(script)
    assert says in ran.err
    assert len(ran.out) <= 1 << 20


async def test_a_fork_bomb_is_told_that_there_is_no_more() -> None:
    shell = Shell(boot(), "root", interactive=True, tty=True)
    err = BytesOutput()
    async with asyncio.timeout(20):
        await shell.run(":(){ :|:& };:", BytesInput(), _Sink(), err)
        await asyncio.sleep(0.3)
    assert "Resource temporarily unavailable" in err.text() or shell.budget.tasks <= 48
    await shell.close()
    assert not shell.budget.tasks


async def test_a_session_leaves_no_process_behind() -> None:
    machine = boot()
    before = set(machine.processes.table)
    shell = Shell(machine, "deploy", interactive=True, tty=True)
    await shell.run("sleep 1000 &", BytesInput(), BytesOutput(), BytesOutput())
    assert len(machine.processes.table) > len(before)
    await shell.close()
    assert set(machine.processes.table) == before
    assert not machine.logins


def test_nothing_reaches_the_real_machine(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    identity = Path("/etc/machine-id")
    ran = asyncio.run(
        run(f"mkdir -p {tmp_path}; touch {marker}; cat /etc/machine-id; python3 -c \"open('{marker}','w')\"")
    )
    assert not marker.exists()
    assert not identity.exists() or identity.read_text().strip() not in ran.out


LIVE = "aeiou19 \n\t;&|<>(){}[]$`'\"\\*?!#~=%+-/.,:@^"
WORDS = st.sampled_from(
    [
        "echo",
        "for",
        "in",
        "do",
        "done",
        "while",
        "if",
        "then",
        "else",
        "fi",
        "case",
        "esac",
        "{",
        "}",
        "[[",
        "]]",
        "[",
        "]",
        "function",
        "cat",
        "sort",
        "sed",
        "awk",
        "grep",
        "find",
        "ls",
        "cd",
        "read",
        "printf",
        "export",
        "local",
        "eval",
        "set",
        "shift",
        "trap",
        "exec",
        "tr",
        "cut",
        "head",
        "tail",
        "xargs",
        "tar",
        "dd",
        "test",
        "expr",
        "date",
        "stat",
        "$x",
        "${x}",
        "$((",
        "))",
        "$(",
        "<<EOF",
        "EOF",
        ">f",
        "<f",
        "2>&1",
        "&&",
        "||",
        ";",
        "&",
        "|",
        "!",
        "-n",
        "-e",
        "-la",
        "/etc",
        "/tmp",
        "x=1",
        "a=(1",
        "2)",
        "${a[@]}",
        '"$@"',
        "'s/a/b/'",
        "'{print",
        "$1}'",
        "\n",
    ]
)


@pytest.mark.fuzz
@settings(max_examples=examples(375), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(st.text(LIVE, max_size=60), st.lists(WORDS, max_size=25).map(" ".join), st.text(max_size=40))
)
def test_any_text_ends_with_a_status(text: str) -> None:
    async def once() -> None:
        shell = Shell(boot(), "root", interactive=True, tty=True)
        shell.incomplete(text)
        shell.complete(text)
        try:
            async with asyncio.timeout(1.5):
                status = await shell.run(text, BytesInput(b"input\n" * 5), _Sink(), _Sink())
            assert 0 <= status <= 255
        except TimeoutError:
            shell.interrupt()
        shell.prompt()
        await shell.close()

    asyncio.run(once())


ARGUMENT = st.one_of(
    st.text(LIVE, max_size=12),
    st.sampled_from(
        ["-n", "-x", "-1", "/etc/passwd", "/", ".", "-", "--", "--help", "5", "-e", "\udcff", "ä", "a" * 300]
    ),
)


@pytest.mark.fuzz
@settings(max_examples=examples(625), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_argument_ends_with_a_status(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(PROGRAMS) | set(BUILTINS))))
    arguments = data.draw(st.lists(ARGUMENT, max_size=4))
    line = " ".join([name, *("'" + argument.replace("'", "'\\''") + "'" for argument in arguments)])

    async def once() -> None:
        shell = Shell(boot(), "root")
        try:
            async with asyncio.timeout(0.5):
                status = await shell.run(f"{line} <<< 'some input'", BytesInput(b"x\n"), _Sink(), _Sink())
            assert 0 <= status <= 255
        except TimeoutError:
            pass
        await shell.close()

    asyncio.run(once())
