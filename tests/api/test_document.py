"""The OpenAPI document, and what is served against it: requests that schemathesis makes of it, right ones and wrong ones."""

import contextlib

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from decnet.api import tokens
from decnet.api.site import Facts, Site
from decnet.events.store import get_repository
from tests.api.conftest import LAB, fill
from tests.api.served import served

EXAMPLES = 8
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    fill(folder)
    _, secret = tokens.new(folder, "all", (tokens.Scope.READ,), 0)
    headers = {"Authorization": f"Bearer {secret}"}
    with get_repository(folder) as store:
        site = Site(store)
        site.take(Facts(tokens.load(folder), (LAB,)))
        with served(site) as (url, _):
            yield schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json", headers=headers), headers


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_declared(schema, mode):
    load_all_checks()
    document, headers = schema
    checks = CHECKS.get_by_names(CHECKED)
    asked = set()
    for found in document.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/stream"):  # it does not end
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(mode))
        def ask(case):
            answer = case.call(headers=headers)
            asked.add((case.operation.path, answer.status_code))
            case.validate_response(answer, checks=checks)

        # Of a path without parameters nothing can be asked wrongly.
        with contextlib.suppress(*[Unsatisfiable] if mode is GenerationMode.NEGATIVE else []):
            ask()
    status = 200 if mode is GenerationMode.POSITIVE else 422
    for path in ("events", "sessions", "attackers", "credentials", "artifacts", "decoys", "histogram"):
        assert (f"/api/v1/{path}", status) in asked


def test_the_document_says_what_is_needed_and_what_else_may_come(schema):
    document = schema[0].raw_schema
    assert set(document["components"]["securitySchemes"]) == {"bearer", "basic"}
    assert document["security"] == [{"bearer": []}, {"basic": []}]
    for path, methods in document["paths"].items():
        assert list(methods) == ["get"]
        answers = methods["get"]["responses"]
        assert ("401" in answers) == (path != "/api/v1/health")
        assert methods["get"].get("security") == ([] if path == "/api/v1/health" else None)
        assert ("304" in answers) == (path not in ("/metrics", "/api/v1/events/stream"))
        for code in answers.keys() - {"200", "304"}:
            assert list(answers[code]["content"]) == ["application/problem+json"]
        assert "405" in answers
