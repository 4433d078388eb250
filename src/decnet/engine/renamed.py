"""Decoys that come under a new name and are the same as before. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from decnet.engine.desired import Declared
from decnet.engine.diff import Delta, compare
from decnet.state import Saved
from decnet.world import Decoy, Id, Kind, Lan, Resource, Sink

_FOLLOWS = {"identity", "group"}
"""Fields of a decoy that say nothing which its new name does not say."""


def renamed(desired: Mapping[Id, Declared], saved: Mapping[Id, Saved]) -> dict[str, str]:
    """New name → old name, of decoys that are drawn from what an applied one was drawn from, which goes."""
    fresh = {
        declared.resource.identity: id_.owner
        for id_, declared in desired.items()
        if isinstance(declared.resource, Decoy) and declared.resource.identity and id_ not in saved
    }
    if not fresh:
        return {}
    words = {
        id_.owner: was.resource.identity or id_.owner
        for id_, was in saved.items()
        if isinstance(was.resource, Decoy) and id_ not in desired
    }
    return {fresh[word]: old for old, word in words.items() if word in fresh}


def deltas(new: str, old: str, desired: Mapping[Id, Declared], saved: Mapping[Id, Saved]) -> Iterator[Delta]:
    """What differs between a decoy under its new name and what it was under the old one."""
    own = {id_: declared for id_, declared in desired.items() if id_.owner == new and _is_part(id_)}
    before = {
        id_._replace(owner=new): was for id_, was in saved.items() if id_.owner == old and _is_part(id_)
    }
    for id_, declared in own.items():
        was = before.get(id_)
        if was is None:
            yield Delta(id_, declared, None, None)
            continue
        then = _called(was.resource, new)
        changes = tuple(change for change in compare(then, declared.resource) if change.name not in _FOLLOWS)
        yield Delta(id_, declared, Saved(then, was.span), then, changes)
    for id_, was in before.items():
        if id_ not in own:
            yield Delta(id_, None, Saved(_called(was.resource, new), was.span), None)


def _is_part(id_: Id) -> bool:
    return id_.kind not in {Kind.LAN, Kind.SINK}


def _called(resource: Resource, name: str) -> Resource:
    if isinstance(resource, Decoy):
        return dataclasses.replace(resource, name=name)
    if isinstance(resource, Lan | Sink):
        return resource
    return dataclasses.replace(resource, decoy=name)
