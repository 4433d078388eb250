"""The OpenAPI document: what the gate and the cache do is in it, too."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from decnet.api.gate import OPEN
from decnet.api.live import PATH as STREAM
from decnet.api.problem import MEDIA_TYPE

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a token of `decnet api token new`"},
    "basic": {"type": "http", "scheme": "basic", "description": "any name, and the token as the password"},
}
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "of the content"}}
_KNOWN: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "the `ETag` of an answer that is known",
    "required": False,
}


def complete(app: FastAPI) -> None:
    """Make the application's document one with security, ETags and 405."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain())
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]  # FastAPI's documented way


def _completed(made: dict[str, Any]) -> dict[str, Any]:
    made["components"]["securitySchemes"] = _SCHEMES
    made["security"] = [{name: []} for name in _SCHEMES]
    made["paths"][OPEN]["get"]["security"] = []
    for path, methods in made["paths"].items():
        answers = methods["get"]["responses"]
        answers["405"] = {"description": "nothing but GET and HEAD"}
        if path == OPEN:
            del answers["401"], answers["403"], answers["429"]
        if path.startswith("/api/") and path != STREAM:
            answers["200"]["headers"] = _ETAG
            answers["304"] = {"description": "as it is known", "headers": _ETAG}
            methods["get"].setdefault("parameters", []).append(_KNOWN)
        for code, answer in answers.items():
            if code >= "400":
                answer["content"] = _problem(int(code), answer["description"])
    return made


def _problem(status: int, words: str) -> dict[str, Any]:
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": words}
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
