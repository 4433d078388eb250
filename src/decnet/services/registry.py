"""Which services there are: the packages of this folder, and what others offer by entry point."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

import decnet.services
from decnet.services.service import Service

ENTRY_POINTS = "decnet.services"
"""Entry point group: each names a module (or package) with a ``SERVICES`` tuple."""


@cache
def services() -> Mapping[str, Service]:
    """Every known service by name. A built-in one wins over a foreign one of the same name."""
    found: dict[str, Service] = {}
    for point in entry_points(group=ENTRY_POINTS):
        found.update({service.name: service for service in point.load().SERVICES})
    for module in pkgutil.iter_modules(decnet.services.__path__):
        if module.ispkg:
            loaded = importlib.import_module(f"decnet.services.{module.name}")
            found.update({service.name: service for service in getattr(loaded, "SERVICES", ())})
    return dict(sorted(found.items()))
