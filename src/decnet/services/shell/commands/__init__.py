"""The commands, by topic; `load` registers them all."""

from __future__ import annotations

import importlib

TOPICS = (
    "builtins",
    "variables",
    "output",
    "text",
    "sorting",
    "search",
    "sed",
    "awk",
    "files",
    "sized",
    "listing",
    "digests",
    "archives",
    "system",
    "processes",
    "users",
    "network",
    "packages",
    "programs",
)


def load() -> None:
    """Import every topic, which registers its commands."""
    for topic in TOPICS:
        importlib.import_module(f"{__name__}.{topic}")
