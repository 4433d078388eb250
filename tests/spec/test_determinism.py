"""The same file, seed and secret give the same bytes; another secret gives other identities, but the same choices."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from decnet.decoy.protocol import ServiceBundle
from decnet.render import Templates, bundles
from decnet.spec import Identity
from tests.spec.files import BRIDGE, IDENTITY, OTHER, content, network

FLEET = (
    "[bare]\namount = 12\n[web]\namount = 4\narchetype = web-server\n[win : windows-server]\n"
    "[db]\nservices = redis, ssh\n[lin]\namount = 3\narchetype = linux-server\n"
)
TEXT = BRIDGE + FLEET
ROOT = Path(__file__).parents[2]


def digest() -> str:
    rendered = content(network(TEXT), IDENTITY)
    total = hashlib.sha256()
    for (decoy, service), data in rendered.items():
        total.update(f"{decoy}/{service}\0".encode() + data)
    return total.hexdigest()


def test_two_processes_make_the_same_bytes() -> None:
    code = "from tests.spec.test_determinism import digest; print(digest())"
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            check=True,
            capture_output=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert found[0] == found[1]
    assert found[0].decode().strip() == digest()


def choices(text: str, identity: Identity) -> list[tuple[object, ...]]:
    built = network(text, identity=identity)
    return [
        (d.name, d.ip, d.hostname, d.os.name, d.distro and d.distro.name, [s.name for s in d.services])
        for d in built.decoys
    ]


def personas(identity: Identity) -> dict[tuple[str, str], dict[str, object]]:
    rendered = content(network(TEXT, identity=identity), identity)
    return {
        key: json.loads(msgspec.json.decode(data, type=ServiceBundle).persona)
        for key, data in rendered.items()
    }


def test_another_secret_has_the_same_choices_with_a_seed() -> None:
    assert choices(TEXT, IDENTITY) == choices(TEXT, OTHER)


def test_another_secret_has_other_choices_without_a_seed() -> None:
    unseeded = TEXT.replace("seed = s\n", "")
    assert choices(unseeded, IDENTITY) == choices(unseeded, IDENTITY)
    assert choices(unseeded, IDENTITY) != choices(unseeded, OTHER)


def test_another_secret_has_the_same_users_and_versions() -> None:
    one, other = personas(IDENTITY), personas(OTHER)
    assert one.keys() == other.keys()
    differing = {
        (service, key)
        for (decoy, service), persona in one.items()
        for key, value in persona.items()
        if value != other[decoy, service][key]
    }
    assert differing == set()


def test_another_secret_has_other_keys_and_addresses() -> None:
    first, second = network(TEXT), network(TEXT, identity=OTHER)
    assert not {d.mac for d in first.decoys} & {d.mac for d in second.decoys}
    seeds = [
        {msgspec.json.decode(data, type=ServiceBundle).seed for data in content(built, identity).values()}
        for built, identity in ((first, IDENTITY), (second, OTHER))
    ]
    assert not seeds[0] & seeds[1]
    assert len(seeds[0]) == sum(len(decoy.services) for decoy in first.decoys)


def test_another_seed_has_other_choices() -> None:
    assert choices(TEXT, IDENTITY) != choices(TEXT.replace("seed = s\n", "seed = z\n"), IDENTITY)


def test_a_decoy_more_changes_no_other_bundle_but_its_notes_on_neighbours() -> None:
    before = network(TEXT)
    held = {decoy.name: str(decoy.ip) for decoy in before.decoys}
    after = network(TEXT.replace("[db]", "[new]\nservices = redis\nhostname = newcomer\n[db]"), held=held)
    hashes = [
        {k: b.hash for k, b in bundles(built, IDENTITY, Templates()).items()} for built in (before, after)
    ]
    assert {key: value for key, value in hashes[1].items() if key[0] != "new"} == hashes[0]


@pytest.mark.parametrize("line", ["[bare.http]\nsite = Elsewhere\n", "[bare-03.http]\nsite = Elsewhere\n"])
def test_an_edit_changes_what_it_names(line: str) -> None:
    before, after = content(network(TEXT), IDENTITY), content(network(TEXT + line), IDENTITY)
    changed = {key for key in before if before[key] != after[key]}
    assert all(decoy.startswith("bare") and service == "http" for decoy, service in changed)
