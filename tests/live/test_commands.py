"""The rest of the commands, on a real machine: saved plans, limits, interrupts, new names, adoption, address probes."""

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from decnet.world import spawn
from decnet.world.probe import in_use
from tests.live.command import DECNET, Command
from tests.live.lab import Lab, run

pytestmark = pytest.mark.live

NETWORK = """
[general]
name = lab
net = 198.51.100.0/24
seed = lab

[web]
ip = 198.51.100.20
services = http, redis, ssh
distro = debian

[db]
services = redis
distro = debian
"""
REAL = """
[general]
name = lab
driver = macvlan
interface = lan0
net = 203.0.113.0/24
pool = 203.0.113.50-99

[web]
services = http
distro = debian

[db]
services = redis
distro = debian
"""


@pytest.fixture
def decnet(lab: Lab, tmp_path: Path):
    before = lab.snapshot()
    command = Command(tmp_path / "state")
    yield command
    command("destroy", "--yes", "lab")
    assert lab.snapshot() == before


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "network.ini"
    path.write_text(NETWORK)
    return path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def host_keys(address: str) -> list[str]:
    told = run("ssh-keyscan", "-T", "20", address)
    return sorted(line.split(" ", 1)[1] for line in told.splitlines() if not line.startswith("#"))


def refused(decnet: Command, *words: str | Path, code: int = 1) -> str:
    """What a command says on stderr when it does not do what it is asked."""
    process = decnet.start(*words)
    out, err = process.communicate(timeout=100)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    return err


def test_a_saved_plan_is_applied_exactly_and_once(decnet, file, tmp_path):
    plan = tmp_path / "lab.plan"
    told = decnet("plan", "--out", plan, file)
    assert "2 to add" in told
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert not decnet.state.exists()
    decnet("apply", file, plan)
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []
    assert "the state has moved" in refused(decnet, "apply", file, plan)


def test_a_saved_plan_of_a_world_that_has_moved_is_refused(decnet, file, tmp_path):
    plan = tmp_path / "lab.plan"
    decnet("apply", file)
    edit(file, "[db]", "[web.redis]\nredis_version = 6.0.16\n\n[db]")
    decnet("plan", "--out", plan, file)
    inside = ("nsenter", "--net=/run/netns/decnet:lab:web")
    run(*inside, "sysctl", "-qw", "net.ipv4.ip_default_ttl=99")
    # The supervisor repairs it: either nothing has moved any more, or the plan is refused.
    process = decnet.start("apply", file, plan)
    _, told = process.communicate(timeout=100)
    assert process.returncode == 0 or "the machine has moved since the plan was made: stack/web" in told
    edit(file, "6.0.16", "7.0.15")
    assert re.search(r"the (file|state).* has moved", refused(decnet, "apply", file, plan))


def test_a_limit_changes_what_it_names_and_nothing_else(decnet, file):
    decnet("apply", "--limit", "web", file)
    assert set(decnet.status("lab")) == {"web"}
    decnet("apply", file)
    edit(file, "distro = debian", "distro = debian11")
    assert decnet.json("plan", "--limit", "d*", file)["hidden"] == 1
    decnet("apply", "--limit", "d*", file)
    left = decnet.json("plan", file)
    assert [one["resource"] for one in left["changes"]] == ["decoy/web"]
    assert 'no decoy or group matches "wbe"' in refused(decnet, "apply", "--limit", "wbe", file, code=2)
    assert "it has no --limit" in refused(decnet, "destroy", "--limit", "web", "lab", code=2)


def test_the_first_interrupt_drains_and_saves(decnet, file):
    file.write_text(NETWORK + "\n[many]\namount = 150\nservices = redis\n")
    process = decnet.start("apply", "--verbose", "--parallelism", "2", file)
    for line in process.stderr:
        if line.startswith("done") and "link many-0" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 3, out + err
    assert "finishing what has begun" in err
    assert re.search(r"^apply: .*skipped; stopped$", out, re.MULTILINE), out
    decnet("plan", file)
    decnet("apply", file)
    assert decnet.json("plan", "--detailed-exitcode", file)["drift"] == []


def test_the_second_interrupt_exits_at_once_and_the_next_apply_recovers(decnet, lab, file):
    """A decoy process that does not answer holds the first interrupt up."""
    decnet("apply", "--no-supervisor", file)
    held = lab.decoy_processes()
    file.write_text(file.read_text() + "\n[many]\namount = 40\nservices = redis\n")
    process = decnet.start("apply", "--no-supervisor", "--json", file)
    try:
        assert json.loads(process.stdout.readline())["state"] == "started"
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert "finishing what has begun" in process.stderr.readline()
        time.sleep(0.3)
        assert process.poll() is None, "nothing held it up"
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert time.monotonic() - began < 5
        process.communicate(timeout=20)
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)
    decnet("apply", "--no-supervisor", file)
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []
    assert all(one["state"] == "up" for one in decnet.status("lab").values())


def test_destroy_is_not_torn_by_an_interrupt(decnet, file):
    file.write_text(NETWORK + "\n[many]\namount = 60\nservices = redis\n")
    decnet("apply", file)
    process = decnet.start("destroy", "--yes", "--parallelism", "2", "--json", "lab")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 3, out + err
    assert json.loads(out.splitlines()[-1])["stopped"]
    assert len(decnet.status("lab")) == 62


@pytest.mark.parametrize(
    ("stuck", "options"),
    [("decnet.decoy", ()), ("decnet.decoy", ("--parallelism", "2")), ("decnet.shipper", ())],
)
def test_destroy_kills_what_does_not_answer(decnet, lab, file, tmp_path, stuck, options):
    file.write_text(f"{file.read_text()}\n[sink-copy]\ntype = file\npath = {tmp_path}/copy/events.jsonl\n")
    decnet("apply", "--no-supervisor", file)
    (process,) = (pid for pid in lab.processes() if stuck in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(process, signal.SIGSTOP)
    told = decnet("destroy", "--yes", *options, "lab")
    assert f"pid {process}) does not answer" in told
    assert lab.processes() == []


def test_one_that_many_asked_is_named_by_its_user(decnet, lab, file):
    decnet("apply", "--no-supervisor", file)
    (process,) = lab.decoy_processes()
    os.kill(process, signal.SIGSTOP)
    waiting = []
    with contextlib.suppress(BlockingIOError):
        while len(waiting) < 200:
            waiting.append(spawn.connected(Path("/run/decnet/lab"), "process-0.sock", 1))
    user = Path(f"/proc/{process}").stat().st_uid
    stuck = f"decoy process 0 of lab (of user {user}) does not answer"
    told = refused(decnet, "status", "lab")
    assert stuck in told
    assert f"pkill -KILL -u {user}" in told
    told = decnet("destroy", "--yes", "lab", code=1)
    assert f"remove decoy web: {stuck}" in told
    assert "0 operations done" in told
    os.kill(process, signal.SIGKILL)
    for one in waiting:
        one.close()


def test_a_new_name_keeps_the_identity(decnet, file):
    decnet("apply", file)
    before, keys = decnet.status("lab")["web"], host_keys("198.51.100.20")
    edit(file, "[web]", "[www]\nrenamed_from = web")
    plan = decnet.json("plan", file)
    assert [(one["resource"], one["action"], one["costs"]) for one in plan["changes"]] == [
        ("decoy/www", "rename", [])
    ]
    decnet("apply", file)
    after = decnet.status("lab")["www"]
    assert {key: after[key] for key in ("ip", "mac", "hostname", "os", "distro")} == {
        key: before[key] for key in ("ip", "mac", "hostname", "os", "distro")
    }
    assert host_keys("198.51.100.20") == keys
    edit(file, "renamed_from = web\n", "")
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []


def test_a_lost_state_is_adopted(decnet, file):
    decnet("apply", "--no-supervisor", file)
    before, keys = decnet.status("lab"), host_keys("198.51.100.20")
    (decnet.state / "state.db").unlink()
    told = decnet("adopt", file)
    assert "adopted 2 decoys, 1 LAN, 4 services of lab" in told
    assert decnet.status("lab")["web"]["mac"] == before["web"]["mac"]
    plan = decnet.json("plan", file)
    assert {one["action"] for one in plan["changes"]} == {"change"}
    assert any("host-key-changed" in one["costs"] for one in plan["changes"])
    assert not any({"mac-changed", "address-changed"} & set(one["costs"]) for one in plan["changes"])
    assert "there is nothing to adopt" in refused(decnet, "adopt", file)
    decnet("apply", "--no-supervisor", file)
    assert {name: one["mac"] for name, one in decnet.status("lab").items()} == {
        name: one["mac"] for name, one in before.items()
    }
    assert host_keys("198.51.100.20") != keys


def test_a_decoy_that_is_adopted_as_another_system_keeps_no_setting_of_the_first(decnet, file):
    inside = ("nsenter", "--net=/run/netns/decnet:lab:db", "sysctl", "-n", "net.ipv4.tcp_synack_retries")
    edit(file, "[db]", "[os-mine]\nbase = vxworks\nnet.ipv4.tcp_synack_retries = 3\n\n[db]\nos = mine")
    decnet("apply", "--no-supervisor", file)
    assert run(*inside).strip() == "3"
    (decnet.state / "state.db").unlink()
    edit(file, "os = mine", "os = vxworks")
    decnet("adopt", file)
    plan = decnet.json("plan", file)
    assert {one["resource"]: one["action"] for one in plan["changes"]}["decoy/db"] == "replace"
    assert {one["action"] for one in plan["changes"] if one["resource"] != "decoy/db"} == {"change"}
    decnet("apply", "--no-supervisor", file)
    assert run(*inside).strip() == "5"
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []


def test_with_the_identity_an_adopted_network_is_as_it_was(decnet, file, tmp_path):
    passport = tmp_path / "lab.identity"
    decnet("apply", "--no-supervisor", file)
    decnet("identity", "export", "lab", "-o", passport)
    assert stat.S_IMODE(passport.stat().st_mode) == 0o600
    (decnet.state / "state.db").unlink()
    decnet("identity", "import", passport)
    decnet("adopt", file)
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []
    decnet("apply", "--no-supervisor", file)
    assert "already" in decnet("identity", "import", passport)


def test_an_identity_moves_to_another_machine(decnet, file, tmp_path):
    passport = tmp_path / "lab.identity"
    decnet("apply", file)
    before, keys = decnet.status("lab"), host_keys("198.51.100.20")
    decnet("identity", "export", "lab", "-o", passport)
    other = tmp_path / "other.identity"
    told = json.loads(passport.read_text())
    other.write_text(json.dumps({**told, "secret": "A" * 43 + "="}))
    assert "is applied with another identity" in refused(decnet, "identity", "import", other)
    decnet("destroy", "--yes", "lab")
    decnet("identity", "import", passport)
    decnet("apply", file)
    after = decnet.status("lab")
    assert {name: one["mac"] for name, one in after.items()} == {
        name: one["mac"] for name, one in before.items()
    }
    assert host_keys("198.51.100.20") == keys


def test_an_address_that_somebody_has_is_told_and_refused(decnet, lab, file):
    other = lab.machine("other", "203.0.113.50/24", cable="lan0")
    run("ip", "address", "add", "203.0.113.9/24", "dev", "lan0")
    file.write_text(REAL)
    mac = re.search(r"link/ether (\S+)", other.run("ip", "link", "show", "eth0"))[1]
    told = f"203.0.113.50 (web) is in use already: {mac} answers for it"
    assert told in decnet.json("plan", file)["warnings"]
    assert told in refused(decnet, "apply", file)
    done = subprocess.run(
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", DECNET, "plan", str(file)],
        capture_output=True, text=True, env=decnet.environment, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "nobody was asked whether the new addresses are free" in done.stdout
    assert not decnet.state.exists()
    other.run("ip", "address", "flush", "dev", "eth0")
    other.run("ip", "address", "add", "203.0.113.7/24", "dev", "eth0")
    decnet("apply", file)
    assert other.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://203.0.113.50/") == "200"
    decnet("destroy", "--yes", "lab")
    other.run("ip", "address", "add", "203.0.113.50/24", "dev", "eth0")
    decnet("apply", "--ignore-in-use", file)
    assert set(decnet.status("lab")) == {"web", "db"}
    decnet("destroy", "--yes", "lab")
    lab.unplug(other)


def test_both_families_are_asked_in_half_a_second_however_many(lab):
    other = lab.machine("other", "203.0.113.50/24", cable="lan0")
    run("sysctl", "-qw", "net.ipv6.conf.lan0.disable_ipv6=0")
    other.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0", check=False)
    other.run("ip", "-6", "address", "add", "2001:db8::50/64", "dev", "eth0", "nodad")
    mac = re.search(r"link/ether (\S+)", other.run("ip", "link", "show", "eth0"))[1]
    asked = [f"203.0.113.{n}" for n in range(1, 255)] + [f"2001:db8::{n}" for n in range(1, 255)]
    taken = []
    for _ in range(3):
        began = time.monotonic()
        assert in_use("lan0", asked) == {"203.0.113.50": mac, "2001:db8::50": mac}
        taken.append(time.monotonic() - began)
    assert max(taken) < 2
    assert min(taken) < 1
    lab.unplug(other)


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_a_damaged_state_is_an_error_that_says_what_to_do(decnet, file, damage):
    decnet("apply", "--no-supervisor", file)
    state = decnet.state / "state.db"
    good = state.read_bytes()
    state.write_bytes(good[:5000] + b"\xff" * (len(good) - 5000) if damage is None else damage)
    if damage == b"":  # an empty file is a database without tables
        err = refused(decnet, "apply", file)
        assert "state" in err
    else:
        err = refused(decnet, "apply", file)
        assert "decnet adopt FILE" in err
    state.write_bytes(good)


def test_the_picture_has_the_states(decnet, file, tmp_path):
    decnet("apply", "--no-supervisor", file)
    run("nsenter", "--net=/run/netns/decnet:lab:db", "ip", "link", "set", "eth0", "down")
    assert re.search(r"─ db +198\.51\.100\.\d+ +debian +redis +down", decnet("graph", "lab"))
    decnet("graph", "--format", "svg", "-o", tmp_path / "lab.svg", file)
    assert 'class="down"' in (tmp_path / "lab.svg").read_text()


def test_a_shell_is_offered_names(decnet, file):
    decnet("apply", file)

    def offered(line: str) -> list[str]:
        words = line.split(" ")
        environment = {
            **decnet.environment,
            "_DECNET_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        done = subprocess.run(
            [Path(os.sys.executable).with_name("decnet")],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert offered("decnet status --limit w") == ["plain,web"]
    assert offered(f"decnet plan {file} --limit web,d") == ["plain,web,db"]
    assert offered("decnet destroy l") == ["plain,lab"]
    assert offered("decnet status --lim") == ["plain,--limit"]
