"""Images of distros: which there are, how they are built, kept in a file, brought back, and thrown away."""

from decnet.world.docker.images.archive import load, save
from decnet.world.docker.images.build import build, check_bases
from decnet.world.docker.images.image import Image, environment, every, find, missing, users
from decnet.world.docker.images.progress import Progress, Tell, silent
from decnet.world.docker.images.prune import prune, unused

__all__ = [
    "Image",
    "Progress",
    "Tell",
    "build",
    "check_bases",
    "environment",
    "every",
    "find",
    "load",
    "missing",
    "prune",
    "save",
    "silent",
    "unused",
    "users",
]
