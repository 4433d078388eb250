"""Services of the user's own, from the command line."""

import os
import signal
import time

import pytest

from tests.docker.engine import BASE
from tests.docker.test_customs import SERVER, says
from tests.docker.test_networks import container, process_of, repairs
from tests.live.lab import eventually, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

NETWORK = """
[general]
name = boxes
net = 198.51.100.0/24
runtime = {runtime}
seed = boxes

[custom-honey]
binary = {base}
exec = perl /srv/server 8080
ports = 8080
env = SAYS=hello
volumes = {script}:/srv/server

[custom-trap]
exec = perl /srv/server 9000
ports = 9000
env = SAYS=trapped
volumes = {script}:/srv/server

[web]
distro = debian
ip = 198.51.100.20
services = {services}
"""


@pytest.fixture
def file(tmp_path):
    script = tmp_path / "server.pl"
    script.write_text(SERVER)

    def write(services, runtime="docker"):
        written = tmp_path / "network.ini"
        written.write_text(NETWORK.format(base=BASE, script=script, services=services, runtime=runtime))
        return written

    return write


def pids(engine):
    return {one.name: one.attrs["State"]["Pid"] for one in engine.containers.list()}


def redis():
    return run("redis-cli", "-h", "198.51.100.20", "ping", check=False).strip()


def test_they_come_and_go_and_nothing_else_notices(engine, decnet, file):
    decnet("apply", "--yes", file("redis, honey"))
    before = pids(engine)
    assert (redis(), says(), says(9000)) == ("PONG", "hello 0", "")
    assert "+ custom service trap" in decnet("plan", file("redis, honey, trap"))
    decnet("apply", "--yes", file("redis, honey, trap"))
    assert (says(), says(9000)) == ("hello 0", "trapped 0")
    web = decnet.status("boxes")["web"]
    assert web["services"] == ["redis", "honey", "trap"]
    assert web["ports"]["trap"] == ["9000"]
    plan = decnet.json("plan", "--detailed-exitcode", file("redis, honey, trap"))
    assert (plan["changes"], plan["drift"]) == ([], [])
    decnet("apply", "--yes", file("redis, honey"))
    assert (redis(), says(), says(9000)) == ("PONG", "hello 0", "")
    assert pids(engine) == before
    decnet("apply", "--yes", file("honey"))
    assert (redis(), says()) == ("", "hello 0")
    assert pids(engine) == before


@pytest.mark.parametrize(
    "sabotage",
    [
        lambda engine: engine.containers.get("decnet-boxes-web.honey").remove(force=True),
        lambda engine: engine.containers.get("decnet-boxes-web.honey").kill(),
        lambda engine: container(engine).restart(timeout=0),
    ],
    ids=["rm", "kill", "decoy restarted"],
)
def test_the_supervisor_puts_it_right(engine, decnet, file, sabotage):
    decnet("apply", "--yes", file("redis, honey"))
    sabotage(engine)
    eventually(lambda: repairs(decnet), seconds=30)
    eventually(lambda: (redis(), says()) == ("PONG", "hello 0"), seconds=30)
    assert decnet.status("boxes")["web"]["state"] == "up"


def told(decnet, *words):
    return [event for event in decnet.events("boxes", *words) if event["service"] == "honey"]


def test_what_it_prints_and_who_comes_is_told(engine, decnet, file):
    decnet("apply", "--yes", file("redis, honey"))
    assert says() == "hello 0"
    eventually(lambda: told(decnet, "--type", "connection.close"), seconds=10)
    eventually(lambda: told(decnet, "--type", "log"), seconds=10)
    (opened,), (closed,), (line,) = (
        told(decnet, "--type", kind) for kind in ("connection.open", "connection.close", "log")
    )
    assert (opened["decoy"], opened["proto"]) == ("web", "tcp")
    assert (opened["src_ip"], opened["dst_ip"], opened["dst_port"]) == ("198.51.100.1", "198.51.100.20", 8080)
    assert opened["session"] == closed["session"]
    assert (closed["data"]["received"], closed["data"]["sent"]) == (3, 8)
    assert line["data"] == {"text": "heard hi"}


def test_what_it_prints_to_stderr_is_told_as_such(engine, decnet, file):
    written = file("honey")
    shell = 'exec = sh -c "echo oops >&2; exec perl /srv/server 8080"'
    written.write_text(written.read_text().replace("exec = perl /srv/server 8080", shell))
    decnet("apply", "--yes", written)
    assert says() == "hello 0"
    eventually(lambda: len(told(decnet, "--type", "log")) == 2, seconds=10)
    lines = sorted(told(decnet, "--type", "log"), key=lambda event: event["ts"])
    data = [event["data"] for event in lines]
    assert data == [{"text": "oops", "stream": "stderr"}, {"text": "heard hi"}]


def test_lines_are_told_once_whoever_dies(engine, decnet, file):
    decnet("apply", "--yes", file("honey"))
    assert says() == "hello 0"
    eventually(lambda: told(decnet, "--type", "log"), seconds=10)
    time.sleep(1.5)  # how far they were told is written down
    os.kill(process_of(engine), signal.SIGKILL)
    assert says() == "hello 0"
    eventually(lambda: len(told(decnet, "--type", "log")) >= 2, seconds=30)
    time.sleep(2)
    assert len(told(decnet, "--type", "log")) == 2


def test_an_image_that_is_missing_stops_that_service_alone(engine, decnet, file):
    written = file("redis, honey")
    written.write_text(written.read_text().replace(f"binary = {BASE}", "binary = nowhere/honey:1"))
    told = decnet("apply", "--yes", written, code=3)
    assert "nowhere/honey:1" in told
    assert redis() == "PONG"


def test_they_run_beside_a_decoy_that_is_no_container(engine, decnet, file):
    decnet("apply", "--yes", file("redis", "netns"))
    assert not engine.containers.list()
    assert "a container carries it" in decnet("plan", file("redis, honey", "netns"))
    decnet("apply", "--yes", file("redis, honey", "netns"))
    before = pids(engine)
    decnet("apply", "--yes", file("redis, honey, trap", "netns"))
    assert (redis(), says()) == ("PONG", "hello 0")
    assert says(9000).startswith("trapped 6"), (
        "without an image it is a program of the host, of a user of its own"
    )
    assert before.items() <= pids(engine).items()
    plan = decnet.json("plan", "--detailed-exitcode", file("redis, honey, trap", "netns"))
    assert (plan["changes"], plan["drift"]) == ([], [])
    eventually(lambda: told(decnet, "--type", "connection.close"), seconds=10)
    eventually(lambda: told(decnet, "--type", "log"), seconds=10)
    inside = run("ip", "netns", "exec", "decnet:boxes:web", "ip", "-6", "address")
    assert "fe80:" not in inside
    decnet("apply", "--yes", file("redis", "netns"))
    assert (redis(), says()) == ("PONG", "")
    assert not engine.containers.list(all=True)


@pytest.mark.parametrize(
    "sabotage",
    [
        lambda engine: container(engine).restart(timeout=0),
        lambda engine: container(engine).remove(force=True),
        lambda engine: engine.containers.get("decnet-boxes-web.honey").remove(force=True),
    ],
    ids=["carrier restarted", "carrier removed", "service removed"],
)
def test_beside_such_a_decoy_the_supervisor_puts_it_right(engine, decnet, file, sabotage):
    decnet("apply", "--yes", file("redis, honey", "netns"))
    eventually(lambda: (redis(), says()) == ("PONG", "hello 0"), seconds=10)
    sabotage(engine)
    eventually(lambda: repairs(decnet), seconds=30)
    eventually(lambda: (redis(), says()) == ("PONG", "hello 0"), seconds=30)
    assert decnet.status("boxes")["web"]["state"] == "up"
    seen = len(told(decnet, "--type", "connection.close"))
    eventually(lambda: says() and len(told(decnet, "--type", "connection.close")) > seen, seconds=20)
