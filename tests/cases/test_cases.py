"""Whole plans as text: a folder each.

    before.ini    what was applied (absent: nothing was)
    world.txt     what happened to the machine since (absent: nothing)
    network.ini   the file to plan, known to the plan as office.ini
    plan.txt      the plan, or the errors

`DECNET_WRITE_CASES=1 pytest tests/cases` writes plan.txt anew: read the difference before you keep it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from decnet import catalog, engine, ini, render, state
from decnet.decoy.protocol import ServiceBundle
from decnet.errors import InvalidInput
from decnet.services import Facts, personas
from decnet.services.registry import services
from decnet.spec import Held, Identity, Network
from decnet.spec.build import build
from decnet.state import Snapshot
from decnet.world import Id
from decnet.world.fake import FakeWorld
from tests.engine.fleets import IDENTITY, docker_of

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/network.ini"))


@pytest.fixture(scope="module")
def profiles():
    return catalog.load()


def network(source: Path, profiles, identity: Identity, held: Held) -> Network:
    Path("office.ini").write_bytes(source.read_bytes())
    return build(ini.load("office.ini"), profiles, services(), identity, render.expand, held=held)


def bundles(what: Network, identity: Identity) -> dict[tuple[str, str], render.Bundle]:
    """Bundles of personas alone, so that these cases do not change with the templates."""
    made = {}
    for decoy, host in render.hosts(what, identity):
        for served in decoy.services:
            content = msgspec.json.encode(
                ServiceBundle(
                    decoy=decoy.name,
                    service=served.name,
                    type=served.type.name,
                    ports=tuple((port.number, port.proto, port.tls) for port in served.ports),
                    persona=personas.encode(served.type.fill(served.persona, host)),
                    files={"hostname": host.hostname.encode()},
                    seed=host.identity.child(served.name).bytes(32),
                    facts=Facts(host.hostname, host.domain, host.ip, host.os.family, "", "UTC", 0.0, 0.0),
                )
            )
            digest = hashlib.blake2b(content, digest_size=20).hexdigest()
            made[decoy.name, served.name] = render.Bundle(decoy.name, served.name, content, digest)
    return made


def identifier(text: str) -> Id:
    return Id.parse(text)


def disturb(world: FakeWorld, script: str) -> None:
    """Lines of world.txt: ``lose ID``, ``down ID``, ``set ID FIELD VALUE``, ``sessions DECOY NUMBER``."""
    for line in script.splitlines():
        match line.split():
            case ["lose", what]:
                world.lose(identifier(what))
            case ["down", what]:
                world.alter(identifier(what), up=False)
            case ["set", what, field, value]:
                world.alter(identifier(what), **{field: value})
            case ["sessions", decoy, number]:
                world.sessions[decoy] = int(number)
            case _:
                raise ValueError(line)


def planned(case: Path, folder: Path, profiles) -> str:
    world = FakeWorld()
    before = case / "before.ini"
    if before.exists():
        what = network(before, profiles, IDENTITY, Held())
        fresh = Snapshot(state.About(what.name))
        plan = engine.plan(
            engine.declare(what, bundles(what, IDENTITY), None, docker_of(what)), fresh, world.observe()
        )
        with state.store(folder, what.name) as store:
            assert engine.apply(plan, fresh, world, store, IDENTITY).exit_code == 0
    script = case / "world.txt"
    if script.exists():
        disturb(world, script.read_text())
    saved = state.read(folder, "office")
    try:
        what = network(case / "network.ini", profiles, IDENTITY, saved.held())
        desired = engine.declare(what, bundles(what, IDENTITY), saved, docker_of(what))
        return engine.render_plan(engine.plan(desired, saved, world.observe()))
    except InvalidInput as error:
        return "".join(
            f"{p.span}: {p.message} [{p.code}]\n" + (f"  hint: {p.hint}\n" if p.hint else "")
            for p in error.problems
        )


@pytest.mark.parametrize("case", CASES)
def test_case(case, tmp_path, monkeypatch, profiles):
    monkeypatch.chdir(tmp_path)
    text = planned(HERE / case, tmp_path / "state", profiles)
    expected = HERE / case / "plan.txt"
    if os.environ.get("DECNET_WRITE_CASES"):
        expected.write_text(text)
    assert text == expected.read_text()
