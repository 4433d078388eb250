"""Accounts: how they are written in the file, and the weak ones a host has by itself."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from decnet import catalog
from decnet.draw import Draw
from decnet.services.accounts import Credential, weak_accounts
from decnet.services.host import Host


@pytest.mark.parametrize(
    ("text", "name", "password"),
    [("root:toor", "root", "toor"), ("a.b:c:d", "a.b", "c:d"), ("svc_x-1: p w ", "svc_x-1", " p w ")],
)
def test_name_and_password_are_split_at_the_first_colon(text: str, name: str, password: str) -> None:
    assert Credential.parse(text) == Credential(name, password)
    assert str(Credential(name, password)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("root", "expected name:password"),
        ("root:", "is empty"),
        (":x", "is no user name"),
        ("a b:x", "is no user name"),
        ("a" * 33 + ":x", "is no user name"),
        ("a:b\x07", "control character"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Credential.parse(text)


def test_the_password_is_not_in_the_repr() -> None:
    assert "toor" not in repr(Credential("root", "toor"))


def host(name: str, seed: bytes = b"seed") -> Host:
    known = catalog.load()
    day = datetime(2026, 1, 5, tzinfo=UTC)
    draw = Draw(seed, name)
    return Host(
        hostname=name,
        domain="example.com",
        ip="198.51.100.7",
        prefix=24,
        gateway="198.51.100.1",
        mac="00:50:56:00:00:01",
        os=known.oses["linux"],
        distro=known.distros["debian"],
        timezone="UTC",
        installed=day,
        booted=day,
        services=("ssh",),
        neighbours=(),
        choices=draw,
        identity=draw,
    )


def test_every_host_has_a_weak_set_of_its_own_and_always_the_same() -> None:
    sets = [weak_accounts(host(f"web{n:02d}")) for n in range(200)]
    assert sets == [weak_accounts(host(f"web{n:02d}")) for n in range(200)]
    assert len(set(sets)) == 200
    assert all(2 <= len(one) <= 3 for one in sets)
    assert all(len({user.name for user in one}) == len(one) for one in sets)
    assert all(Credential.parse(str(user)) == user for one in sets for user in one)


def test_no_single_password_opens_many_hosts() -> None:
    passwords = [user.password for n in range(200) for user in weak_accounts(host(f"web{n:02d}"))]
    most = max(passwords.count(password) for password in set(passwords))
    assert most <= 8


def test_a_host_without_a_distro_has_accounts_too() -> None:
    assert weak_accounts(replace(host("printer"), distro=None))
