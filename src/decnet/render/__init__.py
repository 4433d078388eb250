"""Templates and a network make bundles. Pure: no clock, no unseeded draw."""

from decnet.render.bundles import Bundle, bundles, hosts
from decnet.render.templates import Templates, expand

__all__ = ["Bundle", "Templates", "bundles", "expand", "hosts"]
