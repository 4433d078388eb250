"""Desired, saved, observed: what differs, field by field. Pure.

Desired against saved is a *change*, saved against observed is *drift*. Only what the file sets is compared: of a
stack's settings those it names, of a decoy nothing that a machine does not tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from decnet.engine.desired import Declared
from decnet.state import Saved
from decnet.world import Id, Policy, Resource, Stack, policies

_SYSCTLS = "sysctls"


def _fields(*left_out: Policy) -> dict[type[Resource], list[tuple[str, Policy]]]:
    return {
        kind: [(name, policy) for name, policy in policies(kind).items() if policy not in left_out]
        for kind in get_args(Resource)
    }


_SET = _fields(Policy.COMPUTED)
_TOLD = _fields(Policy.COMPUTED, Policy.IGNORED)


def told(kind: type[Resource]) -> list[str]:
    """Fields of a resource that a machine tells."""
    return [name for name, _ in _TOLD[kind]]


class FieldChange(NamedTuple):
    """One field of a resource that differs. ``name`` is the dataclass field's; of sysctls the setting's own."""

    name: str
    old: Any
    new: Any
    policy: Policy


@dataclass(frozen=True, slots=True)
class Delta:
    """A resource that is not as it should be, or of which the state does not say so.

    ``saved`` of a resource that was found on the machine without being in the state is what was found.
    """

    id: Id
    declared: Declared | None
    saved: Saved | None
    actual: Resource | None
    changes: tuple[FieldChange, ...] = ()
    drift: tuple[FieldChange, ...] = ()
    found: bool = False

    @property
    def new(self) -> bool:
        """Declared, and nowhere else."""
        return self.declared is not None and self.saved is None

    @property
    def gone(self) -> bool:
        """Applied once, still declared, and not there."""
        return self.declared is not None and self.saved is not None and self.actual is None

    @property
    def resource(self) -> Resource:
        """The resource, as declared if it is."""
        if self.declared:
            return self.declared.resource
        if self.saved:
            return self.saved.resource
        if self.actual:
            return self.actual
        raise LookupError(self.id)


def diff(
    desired: Mapping[Id, Declared], saved: Mapping[Id, Saved], observed: Mapping[Id, Resource]
) -> Iterator[Delta]:
    """Every delta: the declared in the file's order, then what is saved only, then what is found only."""
    for id_, declared in desired.items():
        was, actual = saved.get(id_), observed.get(id_)
        if was is not None and actual is not None:
            if was.resource == declared.resource == actual:
                continue
            changes = tuple(compare(was.resource, declared.resource))
            drift = tuple(compare(was.resource, actual, drift=True))
            if changes or drift:
                yield Delta(id_, declared, was, actual, changes, drift)
        elif actual is not None:
            yield _found(id_, declared, actual)
        else:
            changes = tuple(compare(was.resource, declared.resource)) if was else ()
            yield Delta(id_, declared, was, None, changes)
    for id_, was in saved.items():
        if id_ not in desired:
            yield Delta(id_, None, was, observed.get(id_))
    for id_, actual in observed.items():
        if id_ not in desired and id_ not in saved:
            yield Delta(id_, None, None, actual)


def _found(id_: Id, declared: Declared, actual: Resource) -> Delta:
    changes = [change for change in compare(actual, declared.resource) if change.policy is not Policy.IGNORED]
    return Delta(id_, declared, Saved(actual, declared.span), actual, tuple(changes), found=True)


def compare(old: Resource, new: Resource, *, drift: bool = False) -> Iterator[FieldChange]:
    """Fields whose value differs. ``drift``: ``new`` is what a machine told, so what it cannot tell is left out."""
    if isinstance(old, Stack) and isinstance(new, Stack):
        yield from _compare_sysctls(dict(old.sysctls), dict(new.sysctls), drift=drift)
    for name, policy in (_TOLD if drift else _SET)[type(old)]:
        before, after = getattr(old, name), getattr(new, name)
        if before != after and name != _SYSCTLS:
            yield FieldChange(name, before, after, policy)


def _compare_sysctls(old: dict[str, str], new: dict[str, str], *, drift: bool) -> Iterator[FieldChange]:
    for key, value in old.items():
        if key in new:
            if new[key] != value:
                yield FieldChange(key, value, new[key], Policy.LIVE)
        elif not drift:
            # Only a new namespace has the kernel's own value again.
            yield FieldChange(key, value, None, Policy.REPLACE)
    if not drift:
        for key in new.keys() - old.keys():
            yield FieldChange(key, None, new[key], Policy.LIVE)
