"""Profiles: archetypes, distros, operating systems, vendors."""

from decnet.catalog.load import load
from decnet.catalog.model import Archetype, Catalog, Distro, Os, Vendor

__all__ = ["Archetype", "Catalog", "Distro", "Os", "Vendor", "load"]
