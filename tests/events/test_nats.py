"""Events to a real NATS server with JetStream: its subjects, each stored once, whatever dies."""

import asyncio
import os
import signal

import nats
import pytest
from nats.aio.client import RawCredentials

from decnet.events import Event, EventType
from decnet.events.sinks import Format, NatsSetting
from decnet.events.sinks.jetstream import subject
from tests.events import certificates
from tests.events.nats_server import NatsServer
from tests.events.nats_users import user_by_jwt, user_by_nkey
from tests.events.shipping import Log, event


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "nats"
    folder.mkdir()
    made = NatsServer(folder)
    yield made
    made.stop()


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    yield made
    made.close()


def setting(server, **options):
    return NatsSetting(server.address, server.port, **{"timeout": 3, **options})


def numbers(server, **options):
    return [data["data"]["number"] for _, _, data in server.stored(**options)]


def test_an_event_is_a_message_of_its_subject_with_its_id(log, server):
    server.start()
    log.write(event(1), event(2, decoy="db.02", kind=EventType.AUTH, principal="root"))
    log.ship("bus", setting(server))
    log.until(lambda: log.status("bus").sent == 2)
    first, second = server.stored()
    assert (first[0], second[0]) == ("decnet.lab.web-01.ssh.command", "decnet.lab.db_02.ssh.auth.attempt")
    assert first[1]["Nats-Msg-Id"] == first[2]["id"]
    assert first[2]["data"]["number"] == 1
    assert (log.status("bus").state, log.status("bus").target) == (
        "connected",
        f"nats://127.0.0.1:{server.port}",
    )


def test_nothing_in_a_name_can_leave_its_place_in_the_subject():
    liar = Event("i\r\n", "", EventType.OPEN, "a.b", "> *", "")
    assert subject(liar) == "decnet.a_b.___.-.connection.open"


def test_in_a_format_of_others(log, server):
    server.start()
    log.write(event(1))
    log.ship("bus", setting(server, format=Format.OCSF))
    log.until(lambda: log.status("bus").sent == 1)
    ((_, _, data),) = server.stored()
    assert data["class_uid"] == 1007


def test_a_server_that_is_killed_and_a_shipper_that_is_killed_store_each_event_once(log, server):
    log.ship("bus", setting(server))
    log.write(*map(event, range(1000)))
    log.until(lambda: log.status("bus").error != "")
    assert log.status("bus").state == "failing"
    server.start()
    log.until(lambda: log.status("bus").sent > 0)
    server.stop(signal.SIGKILL)
    log.write(*map(event, range(1000, 3000)))
    server.start()
    log.until(lambda: log.status("bus").sent > 1000)
    os.kill(log.pid(), signal.SIGKILL)
    log.ship("bus", setting(server))
    log.until(lambda: log.status("bus").sent == 3000)
    assert numbers(server) == list(range(3000))
    assert log.status("bus").dropped == 0


def test_what_is_sent_twice_is_stored_once(log, server):
    server.start()
    log.write(*map(event, range(100)))
    log.ship("bus", setting(server))
    log.until(lambda: log.status("bus").sent == 100)
    log.shipper.stop("bus")  # its place is forgotten
    log.ship("bus", setting(server))
    log.until(lambda: log.status("bus").sent == 100)
    assert numbers(server) == list(range(100))


def test_a_stream_that_is_there_is_left_as_it_is(log, server):
    server.start()

    async def make():
        client = await nats.connect(f"nats://127.0.0.1:{server.port}")
        await client.jetstream().add_stream(name="mine", subjects=["decnet.>"], max_msgs=5)
        await client.close()

    asyncio.run(make())
    log.write(*map(event, range(8)))
    log.ship("bus", setting(server))
    log.until(lambda: log.status("bus").sent == 8)
    assert [data["data"]["number"] for _, _, data in server.stored("mine")] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("config", "jetstream", "options", "words"),
    [
        ("", False, {}, "JetStream is not available"),
        ("", True, {"stream": ""}, "no stream takes the subjects decnet.>"),
        ("authorization { token: right }", True, {"token": b"wrong"}, "authorization violation"),
        ("authorization { user: u, password: right }", True, {"user": b"u", "password": b"wrong"}, "authorization violation"),
        ("", True, {"tls": True, "token": b"t"}, "does not offer TLS"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_lost(log, tmp_path, config, jetstream, options, words):
    folder = tmp_path / "nats"
    folder.mkdir()
    server = NatsServer(folder, config, jetstream=jetstream)
    server.start()
    try:
        log.write(event(0))
        log.ship("bus", setting(server, **options))
        log.until(lambda: words in log.status("bus").error.lower() or words in log.status("bus").error)
        assert (log.status("bus").queued, log.status("bus").sent) == (1, 0)
        assert "right" not in log.status("bus").error
        assert "wrong" not in log.status("bus").error
    finally:
        server.stop()


@pytest.mark.parametrize("made", [user_by_nkey, user_by_jwt])
def test_a_user_who_signs(log, tmp_path, made):
    (folder := tmp_path / "nats").mkdir()
    config, right = made()
    wrong = made()[1]
    server = NatsServer(folder, config)
    server.start()
    try:
        log.write(*map(event, range(5)))
        log.ship("stranger", setting(server, credentials=wrong.encode()))
        log.ship("nobody", setting(server))
        log.ship("bus", setting(server, credentials=right.encode()))
        log.until(lambda: log.status("bus").sent == 5)
        for name in ("stranger", "nobody"):
            log.until(lambda name=name: "authorization violation" in log.status(name).error.lower())
        assert numbers(server, **shown(right)) == list(range(5))
        assert right[-40:].strip() not in str(log.shipper.running())
    finally:
        server.stop()


def shown(credentials: str) -> dict:
    """The same user, as the library wants it."""
    if "JWT" in credentials:
        return {"user_credentials": RawCredentials(credentials.replace("\r", ""))}
    return {"nkeys_seed_str": credentials}


def test_over_tls_with_a_certificate_of_our_own_and_a_password(log, tmp_path):
    pem = certificates.write(tmp_path / "pem")
    folder = tmp_path / "nats"
    folder.mkdir()
    files = (
        f'cert_file: "{pem}/server.pem", key_file: "{pem}/server.key", ca_file: "{pem}/ca.pem", verify: true'
    )
    server = NatsServer(folder, f"tls {{ {files} }}\nauthorization {{ user: u, password: p }}")
    server.start()
    try:
        log.write(event(0))
        ours = {name: (pem / f"client.{end}").read_bytes() for name, end in (("cert", "pem"), ("key", "key"))}
        safe = {"tls": True, "user": b"u", "password": b"p", **ours}
        log.ship("bad", setting(server, **safe, ca=(pem / "other-ca.pem").read_bytes()))
        log.ship("bus", setting(server, **safe, ca=(pem / "ca.pem").read_bytes()))
        log.until(lambda: log.status("bus").sent == 1)
        log.until(lambda: log.status("bad").error != "")
        assert "certificate" in log.status("bad").error.lower()
    finally:
        server.stop()
