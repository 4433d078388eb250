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
    "files",
    "listing",
    "system",
    "processes",
    "users",
    "network",
)


def load() -> None:
    """Import every topic, which registers its commands."""
    for topic in TOPICS:
        importlib.import_module(f"{__name__}.{topic}")
