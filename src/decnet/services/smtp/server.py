"""The mail server: each connection is talked to in the manner of the server that is claimed."""

from __future__ import annotations

from decnet.services.service import Handler, Setting
from decnet.services.session import Session
from decnet.services.smtp.dialects import DIALECTS
from decnet.services.smtp.site import Site


def create(setting: Setting, previous: Handler | None = None) -> Handler:
    """The server of one decoy. Queue ids go on, and the certificate stays, over a live change."""
    return Smtp(setting, previous if isinstance(previous, Smtp) else None)


class Smtp:
    """One mail server on its three ports."""

    def __init__(self, setting: Setting, previous: Smtp | None = None) -> None:
        old = previous.site if previous else None
        self.site: Site = Site(setting, old if old and old.mta is setting.persona.smtp_mta else None)

    async def handle(self, session: Session) -> None:
        """Serve one connection. Raises `ssl.SSLError` and `OSError` where the peer breaks off."""
        await DIALECTS[self.site.mta](self.site, session).run()
