"""Services of the user's own beside a decoy: what is there of them, what becomes of them, and what is left."""

import dataclasses

import pytest

from decnet.errors import WorldError
from decnet.services.limits import Bounds
from decnet.spec.program import Program, encode
from decnet.world import Custom
from decnet.world.docker import containers, customs
from tests.docker.engine import BASE
from tests.docker.test_containers import build, seen
from tests.docker.test_containers import world as world  # noqa: PLC0414 (a fixture)
from tests.docker.worlds import NETWORK
from tests.live.lab import eventually, run

pytestmark = pytest.mark.docker

SERVER = r"""
use IO::Socket; $| = 1;
my $door = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 9, ReuseAddr => 1) or die "no door: $!\n";
while (my $visitor = $door->accept) { my $line = <$visitor>; print "heard $line"; print $visitor "$ENV{SAYS} $>\n"; }
"""
"""A server that says a word and who it runs as, and prints what it heard."""


def program(port=8080, says="hello", **fields):
    return Program(
        BASE, ("perl", "-e", SERVER, str(port)), (f"SAYS={says}",), memory=64 << 20, pids=20, **fields
    )


def custom(name="honey", decoy="web-01", port=8080, made_of=None, bounds=Bounds(), **fields):  # noqa: B008 (frozen)
    content, digest = encode(made_of or program(port, **fields))
    return Custom(decoy, name, ((port, "tcp"),), digest, bounds=bounds, docker=True), content


def started(world, **fields):
    one, content = custom(**fields)
    world.create(one, content)
    return one


def says(port=8080):
    """What a visitor hears; nothing where nobody listens."""
    talk = f"exec 3<>/dev/tcp/198.51.100.20/{port}; echo hi >&3; timeout 2 cat <&3"
    return run("bash", "-c", talk, check=False).strip()


def handle(engine, name="honey"):
    return engine.containers.get(customs.container_name(NETWORK, "web-01", name))


def test_it_answers_at_the_address_of_its_decoy_and_may_do_nothing(engine, world):
    decoy = build(world)
    one = started(world, port=80)
    assert says(80) == "hello 0"
    assert seen(world, decoy, one)[one.id] == one
    host = handle(engine).attrs["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"]
    assert (host["Memory"], host["PidsLimit"]) == (64 << 20, 20)
    assert "no-new-privileges" in host["SecurityOpt"]


def test_what_it_is_shown_says_nothing_of_an_engine(engine, world):
    decoy = build(world)
    started(world)
    for _ in range(2):
        shown = handle(engine).exec_run("cat /etc/resolv.conf").output.splitlines()
        assert [line for line in shown if not line.startswith(b"search ")] == [b"nameserver 198.51.100.1"]
        for one in (handle(engine), engine.containers.get(containers.name(NETWORK, decoy.name))):
            assert "No such file" in one.exec_run("ls /.dockerenv").output.decode()
            root, system = one.exec_run("stat -c %Y / /usr").output.split()
            assert root == system
            assert one.exec_run("touch /word").exit_code != 0
        engine.containers.get(containers.name(NETWORK, decoy.name)).restart(timeout=0)
        build(world)
        started(world)


def test_limits_of_its_decoy_hold_where_it_is_the_only_service(engine, world):
    build(world)
    one, content = custom(bounds=Bounds(memory=200 << 20, cpu=0.5))
    world.create(one, content)
    carrier = engine.containers.get(containers.name(NETWORK, "web-01"))
    assert (carrier.attrs["HostConfig"]["Memory"], carrier.attrs["HostConfig"]["CpuQuota"]) == (
        200 << 20,
        50_000,
    )
    own = handle(engine).attrs
    assert (own["HostConfig"]["Memory"], own["HostConfig"]["CpuQuota"]) == (64 << 20, 50_000)
    less = dataclasses.replace(one, bounds=Bounds(memory=150 << 20))
    world.update(less, frozenset({"bounds"}))
    carrier.reload()
    assert (carrier.attrs["HostConfig"]["Memory"], carrier.attrs["HostConfig"]["CpuQuota"]) == (150 << 20, -1)
    assert handle(engine).attrs["HostConfig"]["CpuQuota"] == -1
    assert handle(engine).attrs["State"] == own["State"], "it goes on"


def test_made_again_it_goes_on(engine, world):
    build(world)
    one, content = custom()
    world.create(one, content)
    before = handle(engine).attrs["State"]
    world.create(one, content)
    assert handle(engine).attrs["State"] == before


@pytest.mark.parametrize(
    "sabotage",
    [
        lambda handle, carrier: handle.remove(force=True),
        lambda handle, carrier: handle.stop(timeout=0),
        lambda handle, carrier: handle.kill(),
        lambda handle, carrier: handle.pause(),
    ],
    ids=["rm", "stop", "kill", "pause"],
)
def test_what_somebody_does_to_it_is_seen_and_put_right(engine, world, sabotage):
    decoy = build(world)
    one, content = custom()
    world.create(one, content)
    sabotage(handle(engine), engine.containers.get(containers.name(NETWORK, "web-01")))
    found = seen(world, decoy, one)
    assert decoy.id in found
    assert one.id not in found
    world.create(one, content)
    assert says() == "hello 0"
    assert seen(world, decoy, one)[one.id] == one


@pytest.mark.parametrize("again", ["restarted", "made anew"])
def test_it_follows_its_decoy_into_another_namespace(engine, world, again):
    decoy = build(world)
    one, content = custom()
    world.create(one, content)
    carrier = engine.containers.get(containers.name(NETWORK, "web-01"))
    carrier.restart(timeout=0) if again == "restarted" else carrier.remove(force=True)
    assert one.id not in seen(world, decoy, one)
    build(world)
    assert one.id not in seen(world, decoy, one), "it is still in the old one"
    world.create(one, content)
    assert says() == "hello 0"
    assert seen(world, decoy, one)[one.id] == one


def test_one_comes_and_goes_and_the_other_goes_on(engine, world):
    build(world)
    other = started(world)
    before = handle(engine).attrs["State"]
    one = started(world, name="trap", port=9000)
    assert says(9000) == "hello 0"
    world.remove(one)
    world.remove(one)
    assert says(9000) == ""
    assert handle(engine).attrs["State"] == before
    assert other.id in seen(world, other)


def test_other_content_makes_it_anew(engine, world):
    build(world)
    started(world)
    one = started(world, says="goodbye")
    assert says() == "goodbye 0"
    assert seen(world, one)[one.id] == one


def test_one_that_ends_at_once_says_why(engine, world):
    build(world)
    one, content = custom(made_of=Program(BASE, ("sh", "-c", "echo 'no \x1b[31mconfiguration'; exit 7")))
    with pytest.raises(WorldError, match=r"custom/web-01/honey.*exit code 7.*no \?\[31mconfiguration"):
        world.create(one, content)
    eventually(lambda: handle(engine).attrs["State"]["Restarting"], seconds=10)
    assert one.id not in seen(world, one)
    with pytest.raises(WorldError, match="again and again"):
        world.create(one, content)


def test_one_that_is_not_well_is_seen_and_starts_again(engine, world, monkeypatch):
    monkeypatch.setattr(customs, "_SECOND", 20_000_000)  # it is asked every 0.2 s
    build(world)
    one, content = custom(made_of=program(health=("sh", "-c", "test ! -e /tmp/sick")))
    world.create(one, content)
    assert seen(world, one)[one.id].healthy
    handle(engine).exec_run("touch /tmp/sick")
    eventually(lambda: not seen(world, one)[one.id].healthy, seconds=20)
    world.remove(one)
    world.create(one, content)
    assert seen(world, one)[one.id].healthy
    assert says() == "hello 0"


def test_files_of_the_host_are_there_to_be_read(engine, world, tmp_path):
    (tmp_path / "word").write_text("from the host\n")
    volumes = ((str(tmp_path), "/etc/honey"),)
    build(world)
    started(world, made_of=program(volumes=volumes))
    assert handle(engine).exec_run("cat /etc/honey/word").output == b"from the host\n"
    assert handle(engine).exec_run("touch /etc/honey/word").exit_code != 0
    assert handle(engine).exec_run("touch /etc/passwd").exit_code != 0
    assert handle(engine).exec_run("touch /tmp/word").exit_code == 0


@pytest.mark.parametrize(
    ("made_of", "words"),
    [
        (Program("nowhere/honey:1", ("true",)), "nowhere/honey:1"),
        (Program(BASE, ("true",), volumes=(("/nowhere/at/all", "/x"),)), "/nowhere/at/all"),
        (Program(BASE, ("/no/such/program",)), "/no/such/program"),
    ],
    ids=["image", "volume", "program"],
)
def test_what_is_missing_is_named(engine, world, made_of, words):
    build(world)
    one, content = custom(made_of=made_of)
    with pytest.raises(WorldError, match=words) as raised:
        world.create(one, content)
    assert str(raised.value).startswith("custom/web-01/honey: ")
    assert one.id not in seen(world, one)


def test_a_container_of_somebody_else_is_never_touched(engine, world):
    build(world)
    one, content = custom()
    taken = customs.container_name(NETWORK, "web-01", "honey")
    foreign = engine.containers.create(BASE, "sleep 9", name=taken, network_mode="none")
    try:
        with pytest.raises(WorldError, match=f"the container {taken} is in the way and not ours"):
            world.create(one, content)
        world.remove_all()
        foreign.reload()
    finally:
        foreign.remove()


def test_with_its_decoy_it_goes(engine, world):
    decoy = build(world)
    started(world)
    world.remove(decoy)
    assert not engine.containers.list(all=True)
