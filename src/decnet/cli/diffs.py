"""Unified diffs of rendered files: what was applied against what would be."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

import msgspec

from decnet import engine, state
from decnet.decoy.protocol import ServiceBundle
from decnet.services.neighbours import settle
from decnet.world import Service


def unified(desired: engine.Desired, saved: state.Snapshot) -> str:
    """Every rendered file that differs, as one text; empty where none does."""
    return "".join(line for part in _services(desired, saved) for line in part)


def _services(desired: engine.Desired, saved: state.Snapshot) -> Iterator[Iterator[str]]:
    for id_, declared in desired.resources.items():
        resource = declared.resource
        if not isinstance(resource, Service) or declared.content is None:
            continue
        was = saved.resources.get(id_)
        old = was.resource.bundle if was and isinstance(was.resource, Service) else ""
        if old == resource.bundle:
            continue
        before = _files(saved.contents[old], declared.secrets) if old in saved.contents else {}
        yield _files_diff(f"{id_.owner}/{id_.part}", before, _files(declared.content, declared.secrets))


def _files_diff(place: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield from difflib.unified_diff(
                (old or "").splitlines(keepends=True),
                (new or "").splitlines(keepends=True),
                f"a/{place}/{path}" if old is not None else "/dev/null",
                f"b/{place}/{path}" if new is not None else "/dev/null",
            )


def _files(content: bytes, secrets: frozenset[str]) -> dict[str, str]:
    """A bundle's files as text, its persona among them with its secrets masked."""
    bundle = msgspec.json.decode(content, type=ServiceBundle)
    persona = msgspec.json.decode(settle(bundle.persona, bundle.neighbours))
    shown = {key: "********" if key in secrets and value else value for key, value in persona.items()}
    files = {
        path: settle(data, bundle.neighbours).decode("utf-8", "backslashreplace")
        for path, data in bundle.files.items()
    }
    files["persona.json"] = msgspec.json.format(msgspec.json.encode(shown)).decode() + "\n"
    return files
