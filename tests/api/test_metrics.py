"""Figures for a Prometheus server."""

from prometheus_client.parser import text_string_to_metric_families

from decnet.api import tokens
from decnet.api.metrics import template
from decnet.api.site import Facts
from tests.api.process import until


def figures(client, **options):
    answer = client.get("/metrics", **options)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_is_asked_is_counted_by_path_and_status(client, site):
    until(lambda: site.version is not None)
    for _ in range(3):
        client.get("/api/v1/stats")
    client.get("/api/v1/attackers/198.51.100.1")
    client.get("/api/v1/attackers/none")
    client.get("/api/v1/stats", headers={"Authorization": ""})
    for number in range(20):
        client.get(f"/api/v1/<script>/{number}")
    client.post("/api/v1/events")
    found = figures(client)
    assert found["decnet_api_requests_total", "/api/v1/stats", "200"] == 3
    assert found["decnet_api_requests_total", "/api/v1/stats", "401"] == 1
    assert found["decnet_api_requests_total", "/api/v1/attackers/{ip}", "200"] == 1
    assert found["decnet_api_requests_total", "/api/v1/attackers/{ip}", "404"] == 1
    assert found["decnet_api_requests_total", "/api/v1/events", "405"] == 1
    assert found["decnet_api_requests_total", "404", "none"] == 20
    assert found["decnet_api_request_seconds_count", "/api/v1/stats"] == 4
    assert found["decnet_api_cache_hits_total",] == 2
    assert found["decnet_api_listeners",] == 0
    assert not any("script" in word for name in found for word in name)


def test_what_the_store_holds(client, site):
    found = figures(client)
    stats = site.store.stats()
    assert sum(value for name, value in found.items() if name[0] == "decnet_store_events") == 1000
    assert found["decnet_store_attackers",] == stats.attackers
    assert found["decnet_store_last_event_timestamp_seconds",] == stats.last_seen / 1e6
    (place,) = site.store.places().values()
    assert found["decnet_ingest_offset_bytes", "host", "lab"] == place.offset > 0
    assert found["decnet_ingest_events_total", "host", "lab"] == 1000


def test_a_token_of_small_rights_is_needed_and_enough(client, site, folder):
    assert client.get("/metrics", headers={"Authorization": ""}).status_code == 401
    _, secret = tokens.new(folder, "prometheus", (tokens.Scope.OVERVIEW,), 0)
    site.take(Facts(tokens.load(folder)))
    assert figures(client, headers={"Authorization": f"Bearer {secret}"})


def test_paths_have_few_names():
    assert template("/api/v1/decoys/a") == "/api/v1/decoys/{name}"
    assert template("/api/v1/decoys/a/b") == "none"
    assert template("/api/v1/events/stream") == "/api/v1/events/stream"
    assert template("/x") == template("/index.html") == "pages"
