"""A decoy in a container: what is there of it, what becomes of it when somebody tampers with it, and what is left."""

import subprocess
from pathlib import Path

import pytest

from decnet.errors import WorldError
from decnet.world import Id, Kind
from decnet.world.docker import containers, networks
from tests.docker.worlds import LAN, NETWORK, link, made, stack
from tests.live.lab import run
from tests.live.worlds import opened

pytestmark = pytest.mark.docker


@pytest.fixture
def world(engine, lab):
    before = (
        {one.id for one in engine.containers.list(all=True)},
        {one.name for one in engine.networks.list()},
    )
    with opened(lab, NETWORK) as world:
        yield world
    after = {one.id for one in engine.containers.list(all=True)}, {one.name for one in engine.networks.list()}
    assert after == before


def build(world, name="web-01", number=20, **fields):
    _, decoy, content = made(name, number=number, **fields)
    world.create(LAN)
    world.create(decoy, content)
    world.create(link(name, number))
    world.create(stack(name))
    return decoy


def seen(world, *expected):
    return world.observe(expected).resources


def test_a_container_is_a_decoy(engine, world):
    decoy = build(world)
    expected = (LAN, decoy, link("web-01"), stack("web-01"))
    assert set(seen(world, *expected).values()) == set(expected)
    handle = engine.containers.get(containers.name(NETWORK, "web-01"))
    assert handle.attrs["Config"]["Hostname"] == "web"
    plugged = handle.attrs["NetworkSettings"]["Networks"][networks.name(NETWORK, "default")]
    assert (plugged["IPAddress"], plugged["MacAddress"]) == ("198.51.100.20", "00:14:22:00:00:14")
    run("ping", "-c1", "-W2", "198.51.100.20")
    host = handle.attrs["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


def test_made_again_it_is_left_alone(engine, world):
    build(world)
    before = engine.containers.get(containers.name(NETWORK, "web-01")).attrs["State"]
    build(world)
    assert engine.containers.get(containers.name(NETWORK, "web-01")).attrs["State"] == before


def test_a_container_comes_back_with_its_address_and_settings_by_itself(engine, world):
    build(world, sysctls=stack("web-01").sysctls)
    handle = engine.containers.get(containers.name(NETWORK, "web-01"))
    handle.restart(timeout=0)
    handle.reload()
    inside = ("nsenter", f"--net=/proc/{handle.attrs['State']['Pid']}/ns/net")
    assert "198.51.100.20/24" in run(*inside, "ip", "-4", "address", "show", "eth0")
    assert "00:14:22:00:00:14" in run(*inside, "ip", "link", "show", "eth0")
    assert run(*inside, "sysctl", "-n", "net.ipv4.ip_default_ttl").strip() == "128"


@pytest.mark.parametrize(
    "sabotage",
    [
        lambda handle, lan: handle.remove(force=True),
        lambda handle, lan: handle.restart(timeout=0),
        lambda handle, lan: handle.stop(timeout=0),
        lambda handle, lan: handle.pause(),
        lambda handle, lan: lan.disconnect(handle),
        lambda handle, lan: lan.disconnect(handle, force=True),
        lambda handle, lan: run("nsenter", f"--net=/proc/{handle.attrs['State']['Pid']}/ns/net", "ip", "link", "del", "eth0"),
        lambda handle, lan: run("umount", f"/run/netns/decnet:{NETWORK}:web-01"),
    ],
    ids=["rm", "restart", "stop", "pause", "disconnect", "disconnect by force", "link deleted", "name gone"],
)  # fmt: skip
def test_what_somebody_does_to_it_is_seen_and_put_right(engine, world, sabotage):
    decoy = build(world)
    sabotage(
        engine.containers.get(containers.name(NETWORK, "web-01")),
        engine.networks.get(networks.name(NETWORK, "default")),
    )
    expected = (LAN, decoy, link("web-01"), stack("web-01"))
    assert decoy.id not in seen(world, *expected)
    build(world)
    assert set(seen(world, *expected).values()) == set(expected)
    run("ping", "-c1", "-W2", "198.51.100.20")


def test_another_content_makes_another_container(engine, world):
    build(world)
    first = engine.containers.get(containers.name(NETWORK, "web-01")).id
    _, decoy, content = made("web-01", hostname="www")
    world.create(decoy, content)
    again = engine.containers.get(containers.name(NETWORK, "web-01"))
    assert again.id != first
    assert again.attrs["Config"]["Hostname"] == "www"
    assert seen(world, decoy)[decoy.id] == decoy


def test_a_container_of_somebody_else_is_never_touched(engine, world):
    taken = containers.name(NETWORK, "web-01")
    foreign = engine.containers.create("debian:12", "sleep 9", name=taken, network_mode="none")
    try:
        with pytest.raises(
            WorldError, match=f"decoy/web-01: the container {taken} is in the way and not ours"
        ):
            build(world)
        world.remove_all()
        foreign.reload()
    finally:
        foreign.remove()


def test_a_docker_network_of_somebody_else_is_never_touched(engine, world):
    taken = networks.name(NETWORK, "default")
    foreign = engine.networks.create(taken, driver="bridge", internal=True)
    try:
        with pytest.raises(WorldError, match=f"the Docker network {taken} is in the way and not ours"):
            world.create(LAN)
        world.remove_all()
        foreign.reload()
    finally:
        foreign.remove()


def test_an_image_that_is_missing_is_named(engine, world):
    world.create(LAN)
    _, decoy, content = made("web-01", image="decnet/debian:0123456789ab")
    with pytest.raises(WorldError, match="decnet/debian:0123456789ab") as raised:
        world.create(decoy, content)
    assert "decnet image build" in raised.value.hint
    assert not engine.containers.list(all=True)


def test_removed_nothing_of_it_is_left(engine, world):
    decoy = build(world)
    world.remove(link("web-01"))
    world.remove(decoy)
    world.remove(decoy)
    world.remove(LAN)
    assert not engine.containers.list(all=True)
    assert networks.name(NETWORK, "default") not in {one.name for one in engine.networks.list()}
    assert not Path(f"/run/netns/decnet:{NETWORK}:web-01").exists()


def test_containment_holds_in_a_container(engine, world):
    build(world)
    build(world, "web-02", 21)
    pid = engine.containers.get(containers.name(NETWORK, "web-01")).attrs["State"]["Pid"]
    done = subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", "curl", "-sS", "--max-time", "2", "http://198.51.100.21/"],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert done.returncode
    assert Id(Kind.DECOY, "web-01") in seen(world, made("web-01")[1])
