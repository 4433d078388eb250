"""Services on the real kernel: sockets in namespaces, processes that hold them and outlive us."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from decnet.decoy.protocol import ServiceBundle
from decnet.errors import WorldError
from decnet.services.service import Facts
from decnet.world import Decoy, Driver, Lan, Link, Service, names, namespaces, sockets, spawn
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

STANDIN = (sys.executable, "-P", str(Path(__file__).parent / "standin.py"))
RUN, EVENTS = Path("/run/decnet/office"), Path("/run/events/office")
LAN = Lan("default", Driver.BRIDGE, subnet="198.18.0.0/24", address="198.18.0.1/24")
LINK = Link(
    "web",
    "eth0",
    lan="default",
    driver=Driver.BRIDGE,
    parent=names.lan_interface("office", "default"),
    mac="00:50:56:00:00:0a",
    address="198.18.0.10/24",
    gateway="198.18.0.1",
)
HTTP = Service("web", "http", ((80, "tcp"),), "hash-1")
SSH = Service("web", "ssh", ((22, "tcp"), (2222, "tcp")), "hash-1")


def content(service: Service, words: str = "one") -> bytes:
    facts = Facts("web", "", "198.18.0.10", "linux", "debian", "UTC", 0.0, 0.0)
    ports = tuple((number, proto, False) for number, proto in service.ports)
    bundle = ServiceBundle(service.decoy, service.name, service.name, ports, words.encode(), {}, b"", facts)
    return msgspec.json.encode(bundle)


def world(program=STANDIN) -> LinuxWorld:
    return LinuxWorld("office", RUN, EVENTS, program)


@pytest.fixture
def office(lab: Lab):
    with world() as opened:
        for resource in (LAN, Decoy("web"), LINK):
            opened.create(resource)
        yield opened
        opened.remove_all()
    assert lab.processes() == []
    assert not RUN.exists()


@contextmanager
def visit(port: int, ip: str = "198.18.0.10"):
    with (
        socket.create_connection((ip, port), timeout=10) as client,
        client.makefile("rwb", buffering=0) as stream,
    ):
        yield stream


def greeting(port: int, ip: str = "198.18.0.10") -> str:
    with visit(port, ip) as stream:
        return stream.readline().decode().strip()


def services(opened: LinuxWorld) -> set:
    return {resource for resource in opened.observe().resources.values() if isinstance(resource, Service)}


def test_a_service_answers_and_is_seen(office):
    office.create(HTTP, content(HTTP))
    assert greeting(80) == "web http one"
    assert services(office) == {HTTP}


def test_the_process_runs_as_the_networks_own_user_and_outlives_us(office, lab):
    with world() as first:
        first.create(HTTP, content(HTTP))
    (pid,) = lab.processes()
    status = Path(f"/proc/{pid}/status").read_text()
    assert f"Uid:\t{names.uid('office')}\t" in status
    assert "CapEff:\t0000000000000000" in status
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
    assert RUN.stat().st_mode & 0o777 == 0o700
    assert (RUN / "process-0.log").stat().st_mode & 0o777 == 0o600
    assert EVENTS.stat().st_uid == names.uid("office")
    assert greeting(80) == "web http one"


def test_a_new_bundle_goes_live_and_open_sessions_keep_the_old_one(office):
    office.create(HTTP, content(HTTP))
    with visit(80) as old:
        assert old.readline() == b"web http one\n"
        changed = dataclasses.replace(HTTP, bundle="hash-2")
        office.update(changed, frozenset({"bundle"}), content(changed, "two"))
        assert greeting(80) == "web http two"
        assert services(office) == {changed}
        old.write(b"still here\n")
        assert old.readline() == b"still here\n"


def test_a_port_change_leaves_the_other_service_alone(office):
    office.create(HTTP, content(HTTP))
    office.create(SSH, content(SSH))
    with visit(22) as session:
        session.readline()
        for ports in (((80, "tcp"), (8080, "tcp")), ((8080, "tcp"),), ((80, "tcp"),)):
            moved = dataclasses.replace(HTTP, ports=ports)
            office.update(moved, frozenset({"ports"}), content(moved))
            assert services(office) == {moved, SSH}
            for number, _ in ports:
                assert greeting(number) == "web http one"
        with pytest.raises(ConnectionRefusedError):
            greeting(8080)
        session.write(b"still here\n")
        assert session.readline() == b"still here\n"


def test_two_services_swap_their_ports(office):
    office.create(HTTP, content(HTTP))
    office.create(SSH, content(SSH))
    one, other = dataclasses.replace(HTTP, ports=SSH.ports), dataclasses.replace(SSH, ports=HTTP.ports)
    office.update(one, frozenset({"ports"}), content(one))
    office.update(other, frozenset({"ports"}), content(other))
    assert services(office) == {one, other}
    assert (greeting(22), greeting(80)) == ("web http one", "web ssh one")


def test_creating_twice_drops_nobody(office):
    office.create(HTTP, content(HTTP))
    with visit(80) as session:
        session.readline()
        office.create(HTTP, content(HTTP))
        assert services(office) == {HTTP}
        session.write(b"still here\n")
        assert session.readline() == b"still here\n"
        assert office.observe().sessions == {"web": 1}


def test_a_service_stops_and_its_port_is_closed(office):
    office.create(HTTP, content(HTTP))
    office.create(SSH, content(SSH))
    for _ in range(2):
        office.remove(HTTP)
    with pytest.raises(ConnectionRefusedError):
        greeting(80)
    assert services(office) == {SSH}


def test_a_crashed_process_is_started_again(office, lab):
    office.create(HTTP, content(HTTP))
    before = lab.processes()
    with visit(80) as session:
        session.readline()
        session.write(b"die\n")
        assert session.readline() == b""
    eventually(lambda: services(office) == set())
    office.create(HTTP, content(HTTP))
    assert greeting(80) == "web http one"
    assert lab.processes() != before


def test_an_update_after_a_crash_is_a_create(office, lab):
    office.create(HTTP, content(HTTP))
    os.kill(lab.processes()[0], signal.SIGKILL)
    changed = dataclasses.replace(HTTP, bundle="hash-2")
    office.update(changed, frozenset({"bundle"}), content(changed, "two"))
    assert greeting(80) == "web http two"


def test_a_decoy_that_comes_back_serves_from_its_new_namespace(office):
    office.create(HTTP, content(HTTP))
    run("ip", "netns", "delete", "decnet:office:web")
    assert services(office) == set()
    for resource in (Decoy("web"), LINK):
        office.create(resource)
    assert services(office) == set()
    office.create(HTTP, content(HTTP))
    assert greeting(80) == "web http one"


def test_removing_a_decoy_stops_what_it_serves(office):
    office.create(HTTP, content(HTTP))
    office.remove(Decoy("web"))
    assert services(office) == set()


def test_each_number_is_a_process_of_its_own_started_once(office, lab):
    wanted = [
        dataclasses.replace(HTTP, name=f"s{n}", ports=((8000 + n, "tcp"),), process=n % 2) for n in range(12)
    ]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda service: office.create(service, content(service)), wanted))
    assert services(office) == set(wanted)
    assert len(lab.processes()) == 2


def test_two_commands_that_start_one_process_have_it_once(office, lab):
    spawners = [spawn.Spawner("office", RUN, EVENTS, STANDIN) for _ in range(4)]
    with ThreadPoolExecutor(len(spawners)) as pool:
        list(pool.map(lambda one: one.spawn(0), spawners))
    assert len(lab.processes()) == 1
    office.create(HTTP, content(HTTP))
    assert len(lab.processes()) == 1
    for one in spawners:
        one.close()


def test_one_that_dies_while_it_starts_takes_nobodys_address(office, lab):
    """The starter of the first knows of its end after another was started."""
    first = spawn.Spawner(
        "office", RUN, EVENTS, (sys.executable, "-c", "import time; time.sleep(1); print(flush=True)")
    )
    second = spawn.Spawner("office", RUN, EVENTS, STANDIN)

    def fail() -> None:
        with pytest.raises(WorldError, match="did not start"):
            first.spawn(0)

    with ThreadPoolExecutor(2) as pool:
        failing = pool.submit(fail)
        eventually(lambda: lab.processes() != [])
        pool.submit(second.spawn, 0).result()
        failing.result()
    office.create(HTTP, content(HTTP))
    assert len(lab.processes()) == 1
    second.close()


def test_a_service_in_another_process_is_taken_over(office):
    office.create(HTTP, content(HTTP))
    moved = dataclasses.replace(HTTP, process=1)
    office.create(moved, content(moved))
    assert services(office) == {moved}


def test_udp_and_tcp_share_a_number(office):
    dns = Service("web", "dns", ((53, "tcp"), (53, "udp")), "hash-1")
    with pytest.raises(WorldError, match="service/web/dns"):
        office.create(dns, b"not a bundle")
    # the stand-in's listener serves streams only: that both sockets open is what is asked here
    with namespaces.opened("office", "web") as fd:
        opened = sockets.listening(fd, dns.ports)
    assert [one.type for one in opened] == [socket.SOCK_STREAM, socket.SOCK_DGRAM]
    for one in opened:
        one.close()


def test_a_port_somebody_else_has_is_a_clear_error(office):
    holder = subprocess.Popen(
        ["nsenter", "--net=/run/netns/decnet:office:web", sys.executable, "-c",
         "import socket,time; s=socket.create_server(('',80)); print(flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        holder.stdout.readline()
        with pytest.raises(WorldError, match="service/web/http: Address already in use"):
            office.create(HTTP, content(HTTP))
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_process_that_cannot_start_says_why(lab):
    broken = (sys.executable, "-c", "import sys; sys.exit('the reason')")
    with world(broken) as opened:
        for resource in (LAN, Decoy("web"), LINK):
            opened.create(resource)
        with pytest.raises(WorldError, match="did not start: the reason"):
            opened.create(HTTP, content(HTTP))
        opened.remove_all()


def test_a_process_that_hangs_is_killed_by_destroy(office, lab):
    office.create(HTTP, content(HTTP))
    (pid,) = lab.processes()
    os.kill(pid, signal.SIGSTOP)
    office.remove_all()
    assert lab.processes() == []


def test_a_process_that_hangs_is_named_by_plan(office, lab):
    office.create(HTTP, content(HTTP))
    (pid,) = lab.processes()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(WorldError, match=f"pid {pid}.* does not answer"):
        office.observe()
    os.kill(pid, signal.SIGCONT)
    assert services(office) == {HTTP}


def test_destroy_knows_processes_that_another_command_started(lab):
    with world() as opened:
        for resource in (LAN, Decoy("web"), LINK):
            opened.create(resource)
        opened.create(HTTP, content(HTTP))
    assert len(lab.processes()) == 1
    with world() as opened:
        opened.remove_all()
    assert lab.processes() == []
    assert not RUN.exists()


def test_a_stale_control_socket_is_no_process(office):
    RUN.mkdir(mode=0o700, parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
        left.bind(str(RUN / "process-0.sock"))
    assert services(office) == set()
    office.create(HTTP, content(HTTP))
    assert greeting(80) == "web http one"


def test_destroy_spares_a_stranger_whose_number_a_process_had(office):
    """A socket whose listener is not the network's user: its owner is not ended."""
    RUN.mkdir(mode=0o700, parents=True)
    script = (
        "import os,socket,sys,time\n"
        "s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.bind(sys.argv[1]); os.chmod(sys.argv[1],0o777)\n"
        "os.setresuid(1234,1234,1234); s.listen(); print(flush=True); time.sleep(60)\n"
    )
    stranger = subprocess.Popen(
        [sys.executable, "-c", script, str(RUN / "process-7.sock")], stdout=subprocess.PIPE
    )
    stranger.stdout.readline()
    office.remove_all()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    stranger.stdout.close()


def test_no_thread_of_ours_is_left(office):
    office.create(HTTP, content(HTTP))
    office.observe()
    assert [thread.name for thread in threading.enumerate() if thread.name == "namespace"] == []
