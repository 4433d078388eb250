"""The paths. Each asks the store once and sends bytes; it is run in a thread, for the store waits."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from decnet.api import answers, queries
from decnet.api import resources as r
from decnet.api.site import Site
from decnet.events.store import stamp

ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": r.Problem, "description": words, "content": {"application/problem+json": {}}}
    for code, words in {
        401: "no token, or none that is known",
        403: "the token is not for this",
        422: "a parameter is wrong, or none that is known",
        429: "too many wrong tokens",
        503: "the store cannot be used now",
    }.items()
}
_ABSENT: dict[int | str, dict[str, Any]] = {
    404: {"model": r.Problem, "description": "there is none", "content": {"application/problem+json": {}}}
}
router = APIRouter(prefix="/api/v1", responses=ERRORS)
_DAY = 86_400_000_000


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _sent(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


@router.get("/health", response_model=r.Health)
def health(_: queries.Nothing) -> Response:
    """Whether this server answers. It needs no token."""
    return _sent(r.Health("ok"))


@router.get("/networks", response_model=r.Networks)
def networks(request: Request, _: queries.Nothing) -> Response:
    """Networks that were applied here, or that events are of."""
    site = _site(request)
    return _sent(r.Networks(answers.networks(site.facts.networks, site.store.decoys())))


@router.get("/decoys", response_model=r.Decoys)
def decoys(request: Request, asked: queries.Decoys) -> Response:
    """Decoys with their state and what their events count."""
    return _sent(r.Decoys(_decoys(request, asked.network)))


@router.get(
    "/decoys/{name}",
    response_model=r.Decoy,
    responses={**_ABSENT, 409: {**_ABSENT[404], "description": "several networks have one: say `network`"}},
)
def decoy(request: Request, name: str, asked: queries.Decoys) -> Response:
    """One decoy."""
    found = [one for one in _decoys(request, asked.network) if one.name == name]
    if not found:
        raise HTTPException(404, "there is no such decoy")
    if len(found) > 1:
        raise HTTPException(409, "several networks have a decoy of this name: say network")
    return _sent(found[0])


@router.get("/events", response_model=r.Events)
def events(request: Request, asked: queries.Events) -> Response:
    """Events, the newest first; with `after` the oldest first."""
    found = _site(request).store.events(asked.wanted(), asked.limit)
    return _sent(r.Events([answers.event(one) for one in found], answers.following(found, asked.limit)))


@router.get("/sessions", response_model=r.Sessions)
def sessions(request: Request, asked: queries.Sessions) -> Response:
    """Connections, the newest first."""
    store = _site(request).store
    found = store.sessions(
        asked.limit, asked.cursor, network=asked.network, decoy=asked.decoy, src_ip=asked.source
    )
    items = [_session(one) for one in found]
    return _sent(r.Sessions(items, answers.following(found, asked.limit)))


@router.get("/sessions/{id}", response_model=r.Session, responses=_ABSENT)
def session(request: Request, id: str, _: queries.Nothing) -> Response:  # noqa: A002 (the name in the path)
    """One connection. Its events: `/events?session=ID&after=0`, the oldest first."""
    found = _site(request).store.session(id)
    if found is None:
        raise HTTPException(404, "there is no such session")
    return _sent(_session(found))


@router.get("/attackers", response_model=r.Attackers)
def attackers(request: Request, asked: queries.Attackers) -> Response:
    """Sources, who was here last first."""
    seen, _, key = (asked.cursor or "").partition(".")
    found = _site(request).store.attackers(asked.limit, (int(seen), int(key)) if key else None)
    last = found[-1] if len(found) == asked.limit else None
    items = [answers.of(r.Attacker, one) for one in found]
    return _sent(r.Attackers(items, f"{last.last_seen}.{last.id}" if last else None))


@router.get("/attackers/{ip}", response_model=r.Path, responses=_ABSENT)
def attacker(request: Request, ip: str, _: queries.Nothing) -> Response:
    """A source and its way over the decoys."""
    store = _site(request).store
    found = store.attacker(_address(ip))
    if found is None:
        raise HTTPException(404, "there is no such attacker")
    visits = [answers.of(r.Visit, one) for one in store.visits(found.ip)]
    return _sent(r.Path(answers.of(r.Attacker, found), visits))


@router.get("/credentials", response_model=r.Credentials)
def credentials(request: Request, asked: queries.Credentials) -> Response:
    """What was tried, in clear, the newest first."""
    store = _site(request).store
    found = store.credentials(asked.limit, asked.cursor, reused=asked.reused, secret=asked.secret)
    items = [answers.of(r.Credential, one) for one in found]
    return _sent(r.Credentials(items, answers.following(found, asked.limit)))


@router.get("/artifacts", response_model=r.Artifacts)
def artifacts(request: Request, asked: queries.Artifacts) -> Response:
    """Content that went over the wire, by its digest, the newest first."""
    found = _site(request).store.artifacts(asked.limit, asked.cursor)
    items = [answers.of(r.Artifact, one) for one in found]
    return _sent(r.Artifacts(items, answers.following(found, asked.limit)))


@router.get("/stats", response_model=r.Stats)
def stats(request: Request, _: queries.Nothing) -> Response:
    """Totals."""
    return _sent(answers.of(r.Stats, _site(request).store.stats()))


@router.get("/histogram", response_model=r.Histogram)
def histogram(request: Request, asked: queries.Histogram) -> Response:
    """Events by span of time and type."""
    store, width = _site(request).store, asked.width * 1_000_000
    until = queries.micros(asked.until)
    if until is None:
        until = store.stats().last_seen // width * width + width
    since = queries.micros(asked.since)
    since = max(0, until - _DAY) if since is None else since
    if (until - since) // width > 20_000:
        raise HTTPException(422, "more than 20,000 bars: make width larger")
    bars = store.histogram(since, until, asked.width, tuple(asked.network))
    items = [r.Bar(stamp(one.start), one.type, one.events) for one in bars]
    return _sent(r.Histogram(stamp(since), stamp(until), asked.width, items))


@router.get("/topology", response_model=r.Topology)
def topology(request: Request, _: queries.Nothing) -> Response:
    """Applied networks: their LANs and who stands on them."""
    return _sent(r.Topology([answers.picture(one) for one in _site(request).facts.networks]))


def _decoys(request: Request, network: str) -> list[r.Decoy]:
    site = _site(request)
    found = answers.decoys(site.facts.networks, site.store.decoys())
    return [one for one in found if not network or one.network == network]


def _session(one: Any) -> r.Session:
    closed = stamp(one.closed) if one.closed else None
    session: r.Session = answers.of(r.Session, one, id=one.uid, closed=closed)
    return session


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise HTTPException(404, "there is no such attacker") from None
