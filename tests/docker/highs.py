"""A base image that has an sshd in it, and a network with a decoy of high interaction."""

from __future__ import annotations

from pathlib import Path

import docker

from decnet.catalog import load
from decnet.render import Templates
from decnet.render.images import recipe
from decnet.world.docker import images
from decnet.world.docker.engine import Engine
from tests.docker.engine import SUITE, base_archive

NETWORK = """
[general]
name = boxes
net = 198.51.100.0/24
runtime = {runtime}
seed = boxes

[gw]
archetype = deaddeck
distro = debian
hostname = gw-01
ip = 198.51.100.20
services = ssh{more}
{keys}
[gw.ssh]
users = root:toor, anna:secret1
{persona}
"""


def archive_with_sshd() -> Path:
    """As other tests' base, with OpenSSH's server in it: within the engine there is no network to fetch it by."""
    return base_archive(SUITE, "openssh-server", "procps")


def servers(engine: docker.DockerClient) -> tuple[str, str]:
    """Tags of the images that a decoy of the distro ``debian`` and its sshd have, both built."""
    debian = load().distros["debian"]
    with Engine() as found:
        plain = images.build(found, recipe(debian, Templates())).tag
        return plain, images.build(found, recipe(debian, Templates(), server=True)).tag
