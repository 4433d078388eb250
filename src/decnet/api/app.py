"""The application: routes behind the gate, and the dashboard's files beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from decnet.api import document, live, metrics, problem, routes
from decnet.api.cache import Cache
from decnet.api.gate import Gate
from decnet.api.metrics import Metrics
from decnet.api.pulse import Pulse
from decnet.api.site import Site
from decnet.api.stream import Hub
from decnet.events.store import CONNECTIONS

THREADS = CONNECTIONS - 2
"""Of requests, each with a connection to the store, of which there can be no more when privileges are given up: two are
`Pulse`'s."""
DASHBOARD = Path(__file__).parent / "dashboard"
"""Files of the dashboard, served at ``/`` to those with a token. Scripts and styles are files: none may stand in a page."""


def application(site: Site, hub: Hub) -> FastAPI:
    """The routes, without the gate: for what reads their document."""
    app = FastAPI(
        title="decnet",
        version="1",
        description="What visitors did. Read-only: GET and HEAD. A token is needed for everything but /health.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
        redirect_slashes=False,
        # Its own would send whole URLs, with what was looked for in them, where a variable of the environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.site = site
    app.state.hub = hub
    problem.install(app)
    app.include_router(metrics.router)
    app.include_router(live.router)
    app.include_router(routes.router)
    document.complete(app)
    app.mount("/", StaticFiles(directory=DASHBOARD, html=True))
    return app


def create(site: Site, hub: Hub | None = None, *, tls: bool = False) -> Gate:
    """What a server serves."""
    hub = hub or Hub(site)
    app = application(site, hub)
    cache = Cache(app, site)
    app.state.metrics = counted = Metrics(site, hub, cache)
    return Gate(cache, site, counted, tls=tls)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    beating = asyncio.create_task(Pulse(app.state.site, app.state.hub).run())
    yield
    app.state.hub.close()
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
