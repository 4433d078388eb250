"""The application: routes behind the gate, and the dashboard's files beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from decnet.api import problem, routes
from decnet.api.gate import Gate
from decnet.api.site import Site

CONNECTIONS = 4
"""To the store, each with a thread: they are opened before privileges are given up, and no more can be."""
DASHBOARD = Path(__file__).parent / "dashboard"
"""Files of the dashboard, served at ``/`` to those with a token. Scripts and styles are files: none may stand in a page."""


def application(site: Site) -> FastAPI:
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
    )
    app.state.site = site
    problem.install(app)
    app.include_router(routes.router)
    app.mount("/", StaticFiles(directory=DASHBOARD, html=True))
    return app


def create(site: Site, *, tls: bool = False) -> ASGIApp:
    """What a server serves."""
    return Gate(application(site), site, tls=tls)


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = CONNECTIONS
    yield
