"""What an image is made from: a value that the templates fill in and an engine builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """The image of a distro. ``files`` is the whole build context, path → bytes, with its ``Dockerfile``."""

    distro: str
    base: str
    """The image that the distro's profile names: ``debian:12``."""
    files: Mapping[str, bytes]
    tag: str
    """``decnet/debian:0123456789ab``: the same for the same files, on any machine."""
