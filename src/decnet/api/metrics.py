"""What a Prometheus server takes: what the store holds, and how this server does. Nothing that a visitor typed is in it."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from decnet.api import live, queries, routes
from decnet.api.cache import Cache
from decnet.api.routes import ERRORS
from decnet.api.site import Site
from decnet.api.stream import Hub

PATH = "/metrics"
_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
router = APIRouter(responses=ERRORS)


class Metrics:
    """Of one server."""

    def __init__(self, site: Site, hub: Hub, cache: Cache) -> None:
        self._site, self._hub, self._cache = site, hub, cache
        self._registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "decnet_api_requests", "Requests, by template of the path and status.", ("path", "status"),
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "decnet_api_request_seconds", "Time to an answer; streams are not in it.", ("path",),
            buckets=_BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._registry.register(self)

    def count(self, path: str, status: int, seconds: float) -> None:
        """A request that was answered."""
        name = template(path)
        self._requests.labels(name, str(status)).inc()
        if name != live.PATH:
            self._seconds.labels(name).observe(seconds)

    def text(self) -> bytes:
        """All of it (Prometheus text format 0.0.4). Raises `StoreError`."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """What is looked up when it is asked for. Raises `StoreError`."""
        stats = self._site.store.stats()
        events = GaugeMetricFamily("decnet_store_events", "Events in the store, by type.", labels=["type"])
        for kind, count in sorted(stats.types.items()):
            events.add_metric([kind], count)
        yield events
        for name, value in (("attackers", stats.attackers), ("sessions", stats.sessions)):
            yield GaugeMetricFamily(f"decnet_store_{name}", f"{name.capitalize()} in the store.", value)
        yield GaugeMetricFamily(
            "decnet_store_last_event_timestamp_seconds", "Time of the newest event; 0 without any.",
            stats.last_seen / 1e6,
        )  # fmt: skip
        yield from self._ingest()
        yield GaugeMetricFamily("decnet_api_listeners", "Open streams that hear events.", self._hub.listeners)
        yield CounterMetricFamily(
            "decnet_api_listeners_dropped", "Streams that did not read.", self._hub.dropped
        )
        yield CounterMetricFamily("decnet_api_cache_hits", "Answers from memory.", self._cache.hits)

    def _ingest(self) -> Iterable[Metric]:
        labels = ["host", "network"]
        offset = GaugeMetricFamily(
            "decnet_ingest_offset_bytes", "Place in the log up to which it was taken in.", labels=labels
        )
        taken = CounterMetricFamily("decnet_ingest_events", "Events taken in.", labels=labels)
        dropped = CounterMetricFamily("decnet_ingest_dropped", "Events lost before.", labels=labels)
        for source, place in self._site.store.places().items():
            offset.add_metric([source.host, source.network], place.offset)
            taken.add_metric([source.host, source.network], place.sent)
            dropped.add_metric([source.host, source.network], place.dropped)
        return offset, taken, dropped


@router.get(
    PATH,
    response_class=Response,
    responses={200: {"description": "Prometheus text format", "content": {"text/plain": {}}}},
)
def metrics(request: Request, _: queries.Nothing) -> Response:
    """Figures for a Prometheus server."""
    counted: Metrics = request.app.state.metrics
    return Response(counted.text(), media_type=_TYPE)


def template(path: str) -> str:
    """The path as it is declared: so many names there are, whatever is asked for."""
    if path in _EXACT:
        return path
    if not path.startswith("/api/"):
        return "pages"
    return _BELOW.get(path.rpartition("/")[0], "none")


_ALL = {
    str(getattr(route, "path", ""))
    for found in (live.router, routes.router, router)
    for route in found.routes
}
_EXACT = frozenset(path for path in _ALL if "{" not in path) | {"/api/v1/openapi.json"}
_BELOW = {path.rpartition("/")[0]: path for path in _ALL if "{" in path}
