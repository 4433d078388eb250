"""The state database: what is written is read back, nothing is written by a look, and no bad file ends in a traceback."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

import pytest

from decnet import state
from decnet.errors import Span, StateError
from decnet.spec import Held, Identity
from decnet.state import About, Effect, Entry, Failure, Saved
from decnet.state.database import reading, writing
from decnet.world import Decoy, Driver, Id, Kind, Lan, Link, Service, Stack

IDENTITY = Identity(bytes(range(32)), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
ABOUT = About("office", "office.ini", "prod", "netns")
SPAN = Span("office.ini", 12)
RESOURCES = [
    Lan("default", Driver.BRIDGE, "", "198.51.100.0/24", "198.51.100.1/24"),
    Decoy("web-01", "WEB01", "linux", "debian-12", "web", "netns", protect=True),
    Link("web-01", "eth0", "default", Driver.BRIDGE, "dl0", "02:00:00:00:00:01", "198.51.100.9/24"),
    Stack("web-01", (("net.ipv4.ip_default_ttl", "128"),)),
    Service("web-01", "ssh", ((22, "tcp"),), "abc", 3),
]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "decnet"


def entry(op, resource=RESOURCES[4]):
    return Entry(op, "create", resource, "new", SPAN)


def effect(op, resource, content=None):
    return Effect(op, resource.id, Saved(resource, SPAN), content)


def fill(folder, network="office"):
    with state.store(folder, network) as store:
        store.begin(About(network, *[ABOUT.file, ABOUT.env, ABOUT.runtime]), IDENTITY)
        store.intend([entry(op, resource) for op, resource in enumerate(RESOURCES)])
        store.finish(
            [effect(op, resource, b"{}" if op == 4 else None) for op, resource in enumerate(RESOURCES)]
        )
        store.end()


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else None


def test_what_was_written_is_read_back(folder):
    fill(folder)
    saved = state.read(folder, "office")
    assert saved.about == ABOUT
    assert (saved.identity.secret, saved.identity.created) == (IDENTITY.secret, IDENTITY.created)
    assert saved.serial == 1
    assert saved.lineage
    assert saved.resources == {resource.id: Saved(resource, SPAN) for resource in RESOURCES}
    assert saved.intents == ()
    assert saved.contents["abc"] == b"{}"
    assert saved.held() == Held(
        {"web-01": IPv4Address("198.51.100.9")},
        {"default": IPv4Network("198.51.100.0/24")},
        {"web-01": "web-01"},
        {"web-01": "02:00:00:00:00:01"},
    )


def test_an_unknown_network_is_empty_and_leaves_no_trace(folder):
    saved = state.read(folder, "office")
    assert (saved.known, saved.resources, saved.contents) == (False, {}, {})
    assert state.networks(folder) == []
    assert not folder.exists()


def test_a_look_changes_no_file(folder):
    fill(folder)
    before = files(folder)
    saved = state.read(folder, "office")
    assert saved.contents["abc"] == b"{}"
    assert state.networks(folder) == [ABOUT]
    assert files(folder) == before


def test_a_look_goes_on_while_somebody_writes(folder):
    fill(folder)
    with state.store(folder, "office") as store:
        store.begin(ABOUT, IDENTITY)
        store.finish([Effect(0, RESOURCES[4].id, None)])
        saved = state.read(folder, "office")
    assert (saved.serial, len(saved.resources)) == (2, 4)


def test_the_first_identity_stays(folder):
    fill(folder)
    with state.store(folder, "office") as store:
        assert store.begin(ABOUT, Identity.fresh()) == 2
    assert state.read(folder, "office").identity.secret == IDENTITY.secret


def test_the_secret_is_nowhere_in_a_snapshot_as_text(folder):
    fill(folder)
    assert repr(IDENTITY.secret)[2:-1] not in repr(state.read(folder, "office"))


def test_files_and_folder_are_closed_to_others(folder):
    old = os.umask(0)
    try:
        fill(folder)
        with state.lock(folder, "office", "apply"), state.store(folder, "office") as store:
            store.begin(ABOUT, IDENTITY)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    finally:
        os.umask(old)
    assert set(modes.values()) == {0o600}
    assert {"state.db", "state.db-wal", "office.lock"} <= set(modes)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_open_intents_are_read_until_they_are_resolved(folder):
    fill(folder)
    with state.store(folder, "office") as store:
        store.begin(ABOUT, IDENTITY)
        store.intend([entry(0), entry(1), entry(2, RESOURCES[3])])
        store.finish([effect(0, RESOURCES[4])], [Failure(1, "refused")])
    assert state.read(folder, "office").intents == (entry(2, RESOURCES[3]),)
    with state.store(folder, "office") as store:
        store.resolve({RESOURCES[3].id: None})
    saved = state.read(folder, "office")
    assert saved.intents == ()
    assert RESOURCES[3].id not in saved.resources


def test_contents_that_no_service_has_go_at_the_end_of_a_run(folder):
    fill(folder)
    changed = Service("web-01", "ssh", ((22, "tcp"),), "def", 3)
    with state.store(folder, "office") as store:
        store.begin(ABOUT, IDENTITY)
        store.finish([effect(0, changed, b"[]")])
        store.end()
    connection = sqlite3.connect(folder / "state.db")
    assert connection.execute("select hash, content from blob").fetchall() == [("def", b"[]")]
    connection.close()


def test_contents_are_found_in_any_order_across_what_is_read_at_once(folder):
    many = {f"bundle-{number}": f"content {number}".encode() for number in range(200)}
    with state.store(folder, "office") as store:
        store.begin(ABOUT, IDENTITY)
        store.finish(
            [
                effect(number, Service("web-01", f"ssh-{number}", ((number, "tcp"),), name), content)
                for number, (name, content) in enumerate(many.items())
            ]
        )
        store.end()
    saved = state.read(folder, "office")
    assert dict(saved.contents) == many
    assert [saved.contents[name] for name in reversed(many)] == list(reversed(many.values()))
    assert saved.contents.get("of no service") is None


def test_networks_do_not_see_each_other(folder):
    fill(folder)
    fill(folder, "lab")
    with state.store(folder, "office") as store:
        assert not store.forget()
    assert not state.read(folder, "office").known
    assert len(state.read(folder, "lab").resources) == len(RESOURCES)
    assert [about.network for about in state.networks(folder)] == ["lab"]


def test_what_decoys_go_without_is_kept_until_it_is_over_or_the_network_is_forgotten(folder):
    fill(folder)
    fill(folder, "lab")
    for told in ({"web-01": "degraded: x", "db-01": "degraded: x"}, {"db-01": "degraded: y"}):
        with state.store(folder, "office") as store:
            store.tell(told)
            assert store.snapshot().degraded == told
    assert state.read(folder, "office").degraded == {"db-01": "degraded: y"}
    assert state.read(folder, "lab").degraded == {}
    with state.store(folder, "office") as store:
        store.forget()
    fill(folder)
    assert state.read(folder, "office").degraded == {}


@pytest.mark.parametrize("last", [False, True])
def test_a_state_of_an_earlier_release_has_no_such_table_and_is_used_all_the_same(folder, last):
    for network in ("office",) if last else ("office", "lab"):
        fill(folder, network)
    connection = sqlite3.connect(folder / "state.db")
    connection.execute("drop table degraded")
    connection.close()
    assert state.read(folder, "office").degraded == {}
    if not last:
        with state.store(folder, "office") as store:
            store.tell({"web-01": "degraded: x"})
        assert state.read(folder, "office").degraded == {"web-01": "degraded: x"}
    with state.store(folder, "office") as store:
        assert store.forget() is last


def test_with_the_last_network_the_files_go(folder):
    with state.lock(folder, "office", "destroy"):
        fill(folder)
        with state.store(folder, "office") as store:
            assert store.forget()
        assert not (folder / "state.db").exists()
    assert not folder.exists()


def test_a_folder_that_was_there_stays(folder):
    folder.mkdir()
    with state.lock(folder, "office", "apply"):
        pass
    assert list(folder.iterdir()) == []


KILLED = """
    import os, signal
    from pathlib import Path
    from decnet import state
    from tests.state.test_store import *
    with state.store(Path({folder!r}), "office") as store:
        store.begin(ABOUT, IDENTITY)
        store.intend([entry(op, resource) for op, resource in enumerate(RESOURCES)])
        store.finish([effect(0, RESOURCES[0])])
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_wrote_is_there(folder):
    program = textwrap.dedent(KILLED.format(folder=str(folder)))
    run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    saved = state.read(folder, "office")
    assert list(saved.resources) == [Id(Kind.LAN, "default")]
    assert [one.op for one in saved.intents] == [1, 2, 3, 4]
    with state.store(folder, "office") as store:
        store.resolve({})
    assert state.read(folder, "office").intents == ()


def _newer(path):
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 99")
    connection.close()


def _garbled_document(path):
    connection = sqlite3.connect(path)
    connection.execute("update resource set document = '{\"name\": 3}' where kind = 'lan'")
    connection.commit()
    connection.close()


def _unknown_kind(path):
    connection = sqlite3.connect(path)
    connection.execute("update resource set kind = 'moon'")
    connection.commit()
    connection.close()


def _without_a_table(path):
    connection = sqlite3.connect(path)
    connection.execute("drop table journal")
    connection.close()


DAMAGE = {
    "junk": (lambda path: path.write_bytes(b"junk" * 4096), "cannot be used: file is not a database"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "cannot be used"),
    "a newer format": (_newer, "has format 99"),
    "a garbled document": (_garbled_document, "holds what cannot be read"),
    "an unknown kind": (_unknown_kind, "holds what cannot be read"),
    "a lost table": (_without_a_table, "no such table: journal"),
    "emptied": (lambda path: path.write_bytes(b""), "no such table"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "cannot be opened"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_an_error_with_a_hint(folder, damage):
    fill(folder)
    harm, message = DAMAGE[damage]
    harm(folder / "state.db")
    with pytest.raises(StateError, match=message) as raised:
        state.read(folder, "office")
    assert raised.value.hint


def test_a_look_from_the_same_process_leaves_others_their_locks(folder):
    """Closing a descriptor of the file would drop them, and another process take the log of what was written away."""
    fill(folder)
    database = folder / "state.db"
    shared = f"""if True:
        import fcntl
        with open({str(database)!r}, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
    """
    with writing(database) as connection:
        connection.exec_driver_sql("select count(*) from resource").scalar_one()
        with reading(database), writing(database):
            pass
        done = subprocess.run([sys.executable, "-c", shared], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in done.stderr
    subprocess.run([sys.executable, "-c", shared], check=True)


def test_a_database_whose_maker_was_killed_before_it_had_tables_is_none_yet(folder):
    folder.mkdir()
    made = sqlite3.connect(folder / "state.db")
    made.execute("PRAGMA journal_mode = WAL")
    made.close()
    assert not state.read(folder, "lab").known
    assert state.networks(folder) == []
    with state.store(folder, "lab"):
        pass
    assert not (folder / "state.db").exists()


def test_a_newer_format_is_not_written_to(folder):
    fill(folder)
    _newer(folder / "state.db")
    with pytest.raises(StateError, match="has format 99"), state.store(folder, "office"):
        pass


def test_the_folder_comes_from_the_argument_the_environment_or_the_default(monkeypatch, tmp_path):
    assert str(state.directory()) == "/var/lib/decnet"
    monkeypatch.setenv("DECNET_STATE_DIR", str(tmp_path))
    assert state.directory() == tmp_path
    assert str(state.directory("/elsewhere")) == "/elsewhere"


def test_a_look_at_no_state_does_not_load_sqlalchemy(tmp_path):
    program = f"""if True:
        import sys
        from pathlib import Path
        from decnet import engine, state
        state.read(Path({str(tmp_path)!r}), "office")
        assert "sqlalchemy" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_rename_that_was_cut_off_is_remembered(folder):
    """The old decoy is gone, the new one is not there yet: what it was to be is in the journal."""
    new = Decoy("www", identity="first")
    link = dataclasses.replace(next(one for one in RESOURCES if isinstance(one, Link)), decoy="www")
    with state.store(folder, "office") as store:
        store.begin(ABOUT, IDENTITY, [Entry(0, "create", new, "", SPAN), Entry(1, "create", link, "", SPAN)])
        store.intend([Entry(0, "create", new, "", SPAN)])
    held = state.read(folder, "office").held()
    assert held.words == {"www": "first"}
    assert (held.addresses["www"], held.macs["www"]) == (IPv4Address("198.51.100.9"), link.mac)
    with state.store(folder, "office") as store:
        store.begin(ABOUT, IDENTITY, [Entry(0, "create", Decoy("plain"), "", SPAN)])
    assert "plain" not in state.read(folder, "office").held().words


def test_a_link_that_was_found_without_addresses_holds_its_mac_alone(folder):
    link = next(one for one in RESOURCES if isinstance(one, Link))
    with state.store(folder, "office") as store:
        store.begin(ABOUT, IDENTITY)
        half = dataclasses.replace(link, address="", address6="")
        store.finish([Effect(0, link.id, Saved(half, SPAN))])
    held = state.read(folder, "office").held()
    assert (held.addresses, held.addresses6, held.macs) == ({}, {}, {link.decoy: link.mac})
