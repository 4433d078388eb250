"""An identity as a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from decnet import state
from decnet.errors import Span, StateError, UsageError
from decnet.spec import Identity
from decnet.spec.resources import Decoy
from decnet.state import About, Saved, Snapshot, passport

IDENTITY = Identity(bytes(range(32)), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
RENAMED = Decoy("www", identity="web")
SAVED = Snapshot(About("office"), 3, "x", IDENTITY, {RENAMED.id: Saved(RENAMED, Span("", 0))})


def test_it_comes_back_as_it_went():
    there = passport.decode(passport.encode(passport.of(SAVED)), "x")
    assert (there.network, there.renamed) == ("office", {"www": "web"})
    assert (there.identity.secret, there.identity.created) == (IDENTITY.secret, IDENTITY.created)


def test_the_format_is_the_documented_one():
    assert json.loads(passport.encode(passport.of(SAVED))) == {
        "kind": "decnet-identity",
        "format_version": 1,
        "network": "office",
        "created": 1767323045,
        "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "renamed": {"www": "web"},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"format_version": 2},
        {"secret": "AAEC"},
        {"secret": 7},
        {"created": 10**40},
        {"network": "../x"},
        {"network": ""},
    ],
)
def test_what_is_no_identity_is_refused(change):
    told = json.loads(passport.encode(passport.of(SAVED))) | change
    with pytest.raises(UsageError, match=r"a\.identity"):
        passport.decode(json.dumps(told).encode(), "a.identity")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{" * 10_000])
def test_what_is_no_json_is_refused(content):
    with pytest.raises(UsageError):
        passport.decode(content, "a.identity")


def test_a_network_without_one_has_nothing_to_export():
    with pytest.raises(StateError):
        passport.of(Snapshot(About("office")))


def test_an_identity_that_is_brought_is_there_and_nothing_is_applied(tmp_path):
    with state.store(tmp_path, "office") as store:
        store.introduce(About("office"), IDENTITY)
    saved = state.read(tmp_path, "office")
    assert (saved.known, saved.untouched, saved.serial, saved.resources) == (True, True, 0, {})
    assert saved.identity == IDENTITY
    with state.store(tmp_path, "office") as store:
        assert store.begin(About("office", "office.ini"), IDENTITY) == 1
    assert not state.read(tmp_path, "office").untouched
