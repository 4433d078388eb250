"""The commands, by topic; `load` registers them all."""

from __future__ import annotations

import codecs
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
    "clients",
    "packages",
    "programs",
)


CODECS = ("cp437", "unicode_escape", "latin-1", "utf-8", "ascii")
"""Codecs that a command uses; Python imports a codec when it is first used, and a serving process imports nothing."""


def load() -> None:
    """Import every topic, which registers its commands, and what they would import later."""
    for codec in CODECS:
        codecs.lookup(codec)
    for topic in TOPICS:
        importlib.import_module(f"{__name__}.{topic}")
