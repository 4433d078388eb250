"""HTTPS: the HTTP server behind TLS."""

from __future__ import annotations

from decnet.services.http.server import Http
from decnet.services.service import Handler, Setting


def create(setting: Setting, previous: Handler | None = None) -> Handler:
    """The server of one decoy, with its certificate."""
    return Http(setting, previous if isinstance(previous, Http) else None, tls=True)
