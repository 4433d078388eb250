"""Profiles: archetypes, distros, operating systems, vendors."""

from decnet.catalog.load import load
from decnet.catalog.model import Archetype, Catalog, Distro, Os, Vendor
from decnet.catalog.profile import from_section

__all__ = ["Archetype", "Catalog", "Distro", "Os", "Vendor", "from_section", "load"]
