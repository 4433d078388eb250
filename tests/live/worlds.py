"""A network's world on the lab's machine, used without the command: for what the command would not get to see."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from decnet.world import Decoy, Link
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab


@contextmanager
def opened(lab: Lab, network: str) -> Iterator[LinuxWorld]:
    """A world of a network; all of it is taken away in the end, and the machine is as before, files apart."""
    before = lab.snapshot()
    with LinuxWorld(network, Path("/run/decnet", network), Path("/run/events")) as world:
        yield world
        world.remove_all()
    after = lab.snapshot()
    assert {key: after[key] for key in after if key != "files"} == {
        key: before[key] for key in before if key != "files"
    }


def apply(world: LinuxWorld, *resources) -> None:
    for resource in resources:
        if isinstance(resource, Link):
            world.create(Decoy(resource.decoy))
        world.create(resource)


def seen(world: LinuxWorld, *expected) -> set:
    return {found for found in world.observe(expected).resources.values() if not isinstance(found, Decoy)}
