"""A collector of OpenTelemetry on loopback: takes OTLP over HTTP and decodes it (opentelemetry-proto, trace/v1)."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """What came: requests as bytes, and the spans in them."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.services: set[str] = set()
        self.spans: list[Span] = []
        self.port = 0

    def take(self, body: bytes) -> bytes:
        request = ExportTraceServiceRequest.FromString(body)
        self.bodies.append(body)
        for one in request.resource_spans:
            about = {each.key: each.value.string_value for each in one.resource.attributes}
            self.services.add(about["service.name"])
            for scope in one.scope_spans:
                self.spans.extend(scope.spans)
        return ExportTraceServiceResponse().SerializeToString()

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


def about(span: Span) -> dict[str, str | int]:
    """Its attributes."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    """One that listens, until the end."""
    collected = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            known = (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
            answer = collected.take(body) if known else b""
            self.send_response(200 if known else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collected.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collected
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
