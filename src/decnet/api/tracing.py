"""OpenTelemetry traces of requests and their SQL, sent to a collector by OTLP over HTTP.

The standard's own variables say where to and how (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_BSP_…). What a
client or a visitor typed is in no span: only attributes that are named here leave this process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, Status, TraceState
from opentelemetry.util.types import Attributes
from starlette.types import ASGIApp, Scope

from decnet.api.metrics import template
from decnet.events.store import Repository

_KEPT = frozenset(
    {
        "http.route", "http.method", "http.request.method", "http.scheme", "url.scheme", "http.status_code",
        "http.response.status_code", "http.flavor", "network.protocol.version", "error.type",
        "db.system", "db.system.name", "db.statement", "db.query.text",
    }
)  # fmt: skip
"""Statements have places for values, not values (SQLAlchemy binds them); URLs have both."""
_END_SECONDS = 3.0


class Tracing:
    """From the making, with privileges, to the end of the process."""

    def __init__(self, store: Repository) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME", "") or "decnet-api"
        self._provider = TracerProvider(
            sampler=ParentBased(_OfRequests()), resource=Resource.create({"service.name": name})
        )
        self._exporter = _Named(OTLPSpanExporter())
        # Its releases name versions of SQLAlchemy that are older than ours; the engine's events it uses are the same.
        SQLAlchemyInstrumentor().instrument(
            engine=store.engine, tracer_provider=self._provider, skip_dep_check=True
        )

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """A span around each request, the refused ones too."""
        wrapped: ASGIApp = OpenTelemetryMiddleware(
            app,
            default_span_details=_details,
            tracer_provider=self._provider,
            exclude_spans=["receive", "send"],
        )
        return wrapped

    def begin(self) -> None:
        """Start the thread that sends: one from before would have kept its capabilities (capabilities(7))."""
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))

    def end(self) -> None:
        """Send what is left, if that takes no longer than a moment."""
        sending = threading.Thread(target=self._provider.force_flush, daemon=True)
        sending.start()
        sending.join(_END_SECONDS)


class _OfRequests(Sampler):
    """What begins a trace: a request. The look at the store every 50 ms is none."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        by = ALWAYS_ON if kind is SpanKind.SERVER else ALWAYS_OFF
        return by.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return "requests"


class _Named(SpanExporter):
    """Lets through what is in `_KEPT`; what errors say stays here."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_without_values(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _without_values(span: ReadableSpan) -> ReadableSpan:
    kept: Mapping[str, Any] = {
        name: value for name, value in (span.attributes or {}).items() if name in _KEPT
    }
    return ReadableSpan(
        span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _details(scope: Scope) -> tuple[str, dict[str, str]]:
    route = template(scope.get("path", ""))
    method = scope.get("method", "")
    return f"{method if method in ('GET', 'HEAD') else 'HTTP'} {route}", {"http.route": route}
