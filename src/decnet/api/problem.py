"""Errors as problem+json (RFC 9457). What a client sent is never repeated in them but made inert."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from decnet.api.resources import Problem
from decnet.errors import StoreError
from decnet.events.schema import safe_text

MEDIA_TYPE = "application/problem+json"


def body(status: int, detail: str = "") -> bytes:
    """The document of a status."""
    title = HTTPStatus(status).phrase
    return msgspec.json.encode(Problem("about:blank", title, status, safe_text(detail, 500)))


def response(status: int, detail: str = "") -> Response:
    """The document as a response."""
    return Response(body(status, detail), status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreError, _store)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (what it was installed for)
    return response(error.status_code, str(error.detail))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    found = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
    return response(422, "; ".join(found))


async def _store(_: Request, error: Exception) -> Response:
    """Where the store is and what its server said is for the operator, not for a client."""
    del error
    return response(503, "the event store cannot be used now")
