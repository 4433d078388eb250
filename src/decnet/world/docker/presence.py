"""What is known of an engine without the SDK, which takes 0.1 s to load: whether there may be one, and what it bears."""

from __future__ import annotations

import json
import os
from pathlib import Path

SOCKET = Path("/var/run/docker.sock")
AT_ONCE = 2 * (os.cpu_count() or 1)
"""Containers made or removed at a time: an engine takes no more in, and the machine has other work."""
_CONFIG = "~/.docker"
_VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG")


def may_be_there() -> bool:
    """Whether an engine is named, or has its socket where it is by default; it may not answer all the same."""
    if any(os.environ.get(name) for name in ("DOCKER_HOST", "DOCKER_CONTEXT")):
        return True
    try:
        return SOCKET.is_socket() or bool(current_context())
    except OSError:  # a folder that is not for us
        return False


def variables() -> dict[str, str]:
    """What says which engine is meant, for a process of ours that has neither this environment nor this home."""
    found = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    home = Path(_CONFIG).expanduser()
    return {"DOCKER_CONFIG": str(home), **found} if home.is_dir() else found


def folder() -> Path:
    """Where the docker command has its configuration."""
    return Path(os.environ.get("DOCKER_CONFIG") or _CONFIG).expanduser()


def current_context() -> str:
    """The context of ``docker context use``; empty where none was chosen."""
    try:
        chosen = json.loads((folder() / "config.json").read_bytes()).get("currentContext")
    except (FileNotFoundError, NotADirectoryError, ValueError, AttributeError):
        return ""
    return chosen if isinstance(chosen, str) else ""
