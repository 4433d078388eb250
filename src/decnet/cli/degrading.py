"""What decoys go without, in the network's event log: once, and once more when it is over."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from decnet import engine, state
from decnet.events import Event, EventType, now
from decnet.world.chronicle import write
from decnet.world.supervision import Place


def tell(
    where: Place,
    observed: engine.Observed,
    saved: state.Snapshot,
    outcome: engine.Outcome,
    told: Collection[str] = (),
) -> Mapping[str, str]:
    """Write what is news after a run, and remember that it was told. Returns what is over: decoy → what it was.

    ``observed`` and ``saved`` are from before the run, the network's lock is held. That it is over for the decoys in
    ``told`` is the caller's to tell. Raises `WorldError`, `StateError`.
    """
    if observed.unseen or not (observed.lacking or saved.degraded):
        return {}
    with state.store(where.state_dir, where.network) as store:
        found = engine.news(store.snapshot(), observed, outcome)
        events = list(_events(where.network, found, told))
        if events:
            write(where.network, where.events_dir, events)
        if found.known != saved.degraded:
            store.tell(found.known)
    return found.mended


def over(why: str) -> str:
    """``os fingerprint no longer degraded: kernel has no CONFIG_NET_CLS_BPF``."""
    return why.replace(" degraded:", " no longer degraded:", 1)


def _events(network: str, found: engine.News, told: Collection[str]) -> Iterator[Event]:
    for decoy, why in found.fresh.items():
        yield _event(network, decoy, "degraded", why)
    for decoy, why in found.mended.items():
        if decoy not in told:
            yield _event(network, decoy, "repaired", over(why))


def _event(network: str, decoy: str, state: str, cause: str) -> Event:
    data = {"state": state, "cause": cause}
    return Event.of(EventType.STATE, data, ts=now(), network=network, decoy=decoy)
