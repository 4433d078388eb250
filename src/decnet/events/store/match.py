"""Whether an event that was read is one that is wanted: what `pages` asks a database for, of events in memory."""

from __future__ import annotations

from collections.abc import Callable, Container

from decnet.events.schema import Event
from decnet.events.store.pages import expand
from decnet.events.store.record import stamp
from decnet.events.store.values import Wanted


def fits(wanted: Wanted) -> Callable[[Event], bool]:
    """A question to events. Numbers (``before``, ``after``) are not looked at: events do not have them."""
    asked: list[tuple[str, Container[str]]] = [
        (name, values)
        for name, values in (
            ("network", frozenset(wanted.networks)),
            ("decoy", frozenset(wanted.decoys)),
            ("service", frozenset(wanted.services)),
            ("src_ip", frozenset(wanted.sources)),
            ("session", frozenset(filter(None, [wanted.session]))),
            ("type", frozenset(expand(wanted.types))),
        )
        if values or (name == "type" and wanted.types)
    ]
    # Times of events have one form, in which what is later is also greater as text.
    since = None if wanted.since is None else stamp(wanted.since)
    until = None if wanted.until is None else stamp(wanted.until)

    def is_wanted(event: Event) -> bool:
        if any(getattr(event, name) not in values for name, values in asked):
            return False
        return (since is None or event.ts >= since) and (until is None or event.ts < until)

    return is_wanted
