"""The dashboard in a real browser. `DASHBOARD_PICTURES=FOLDER` keeps pictures of it."""

import base64
import json
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from decnet.api import tokens
from decnet.api.app import create
from decnet.api.inventory import Applied, Host, Place
from decnet.api.site import Facts
from decnet.events import Event, EventType, now
from decnet.events.store import Source, get_repository, record
from tests.api import browser

pytestmark = pytest.mark.live
VIEWS = ("overview", "decoys", "live", "attackers", "credentials", "artifacts", "sessions")
ATTACKER = "198.51.100.3"
HOSTILE = (
    "<script>window.bitten=1</script>", "<img src=x onerror=window.bitten=1>", "javascript:window.bitten=1", "\"'><svg onload=window.bitten=1>",
    "\u202egnp.exe", "\x1b[2J\x07", "a\u200bb", "\u2066x", "W" * 4000, "{{7*7}}${7*7}",
)  # fmt: skip
SESSION = "01a20442-95d8-7413-a9e5-0dbc3a5dfb1d"


def hosts():
    for number in range(5):
        state = ("up", "up", "drifted", "down", "")[number]
        detail = {"drifted": "port 80 is not open", "down": "no process"}.get(state, "")
        yield Host(
            f"web-{number:03}", state, detail, (f"203.0.113.{number + 1}", f"192.0.2.{number + 1}"), (f"00:50:56:00:00:{number:02x}",), ("office",),
            f"web-{number:03}", "linux", "debian12", "netns", "", ("ssh", "http"), {"ssh": ("22",), "http": ("80",)},
        )  # fmt: skip


def lab():
    decoys = tuple(hosts())
    names = tuple(one.name for one in decoys)
    lans = (
        Place("office", "bridge", "", ("203.0.113.0/24",), "203.0.113.254", names),
        Place("dmz", "macvlan", "eth1", ("192.0.2.0/24", "2001:db8::/64"), "", names[:2]),
    )
    return Applied("lab", "netns", lans, decoys)


def put(folder, events):
    source = Source("host", "lab")
    with get_repository(folder, writing=True) as store:
        store.take(source, [record(one) for one in events], store.place(source))


def hostile():
    common = {
        "network": "lab", "decoy": "web-001", "service": "ssh", "session": SESSION, "src_ip": ATTACKER, "src_port": 4000,
        "dst_ip": "203.0.113.2", "dst_port": 22, "proto": "tcp",
    }  # fmt: skip
    yield Event.of(EventType.OPEN, {}, ts=now(), **common)
    for text in HOSTILE:
        secret = {"principal": text, "secret": text, "secret_kind": "plaintext", "outcome": "refused"}
        yield Event.of(EventType.AUTH, secret, ts=now(), **common)
        yield Event.of(EventType.COMMAND, {"command": text, "user": "root"}, ts=now(), **common)
        upload = {
            "path": text,
            "sha256": f"{abs(hash(text)):064x}",
            "size": 3,
            "content": text,
            "method": "scp",
        }
        yield Event.of(EventType.UPLOAD, upload, ts=now(), **common)
    yield Event.of(
        EventType.CLOSE, {"reason": text, "duration": 1.5, "received": 1, "sent": 2}, ts=now(), **common
    )


@pytest.fixture
def app(site, request):
    """The server; without its stream where the feed is to be "every two seconds"."""
    whole = create(site)

    async def without(scope, receive, send):
        if scope["type"] == "http" and scope["path"].endswith("/stream"):
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await whole(scope, receive, send)

    return without if getattr(request, "param", "live") != "live" else whole


@pytest.fixture
def page(folder, site, app, tmp_path):
    """``go("view")`` in a browser that was given a token as a person gives it."""
    put(folder, hostile())
    _, secret = tokens.new(folder, "all", (tokens.Scope.READ,), 0)
    site.take(Facts(tokens.load(folder), (lab(),)))
    with browser.serving(app) as port, browser.chromium(tmp_path / "profile") as driver:
        driver.get(f"http://any:{secret}@127.0.0.1:{port}/")
        yield Page(driver, port)


class Page:
    def __init__(self, driver, port):
        self.driver, self.port = driver, port

    def go(self, way):
        self.driver.execute_script("location.hash = arguments[0]", f"#/{way}")
        shown = f".view[data-way='#/{way}']:not([aria-busy])"
        browser.until(self.driver, f'document.querySelector("{shown}") && document.querySelector(".view h1")')

    def text(self):
        return self.driver.execute_script("return document.body.innerText")

    def ways(self):
        return (*VIEWS, f"attackers/{quote(ATTACKER, safe='')}", f"sessions/{SESSION}", "decoys/lab/web-001")


def complaints(driver):
    return [one["message"] for one in driver.get_log("browser") if one["level"] in ("SEVERE", "WARNING")]


def requests(driver):
    messages = [json.loads(one["message"])["message"] for one in driver.get_log("performance")]
    asked = [one["params"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    # The browser's own first page is chrome:'s; ours are what a document of the server caused.
    return [one["request"]["url"] for one in asked if not one["documentURL"].startswith("chrome")]


def test_every_view_shows_what_there_is_and_asks_nobody_else(page):
    shown = {
        "overview": "192.0.2.2", "decoys": "5 decoys: 2 up, 1 drifted, 1 down.", "live": "connection.close", "attackers": ATTACKER,
        "credentials": "plaintext", "artifacts": "SHA-256", "sessions": "web-001",
    }  # fmt: skip
    for way in page.ways():
        page.go(way)
        assert page.driver.execute_script("return document.querySelector('.wrong')") is None, way
        assert shown.get(way, "web-001") in page.text(), way
    assert complaints(page.driver) == []
    asked = requests(page.driver)
    assert len(asked) > 20
    assert {urlsplit(url).netloc.rpartition("@")[2] for url in asked} == {f"127.0.0.1:{page.port}"}


def test_what_visitors_typed_is_inert_and_seen(page):
    own = page.driver.execute_script("return document.querySelectorAll('script').length")
    for way in page.ways():
        page.go(way)
        found = page.driver.execute_script(
            "return [window.bitten ?? 0, document.querySelectorAll('script').length, document.querySelectorAll('img,iframe,object,[onerror],[onload]').length,"
            " [...document.querySelectorAll('a')].filter((one) => !/^#/.test(one.getAttribute('href'))).length]"
        )
        assert found == [0, own, 0, 0], way
        text = page.text()
        assert not any(mark in text for mark in "\u202e\u200b\u2066\x1b\x07"), way
    for way in ("credentials", f"sessions/{SESSION}", "live"):
        page.go(way)
        for word in ("<script>window.bitten=1</script>", "u202egnp.exe", "x1b[2J", "{{7*7}}"):
            assert word in page.text(), (way, word)


def test_marks_that_nobody_sees_are_written_out(page):
    shown = page.driver.execute_async_script(
        "const [text, done] = arguments; import('/text.js').then(({ typed }) => { const node = typed(text);"
        " done([node.textContent, node.querySelectorAll('.escape').length, node.children.length]) })",
        "<b>\u202e\x1b\u200b\U000e0041\ufeff\u009b\n</b>",
    )
    assert shown == ["<b>\\u202e\\x1b\\u200b\\u{e0041}\\ufeff\\x9b\\x0a</b>", 7, 7]


def test_the_keyboard_reaches_every_view(page):
    page.go("overview")
    page.driver.execute_script("document.activeElement.blur(); document.querySelector('.skip').focus()")
    reached = []
    for _ in range(len(VIEWS)):
        press(page.driver, "Tab")
        focused = "document.activeElement"
        assert page.driver.execute_script(f"return getComputedStyle({focused}).outlineStyle") == "solid"
        reached.append(page.driver.execute_script(f"return {focused}.hash"))
    assert reached == [f"#/{name}" for name in VIEWS]
    for name in VIEWS:
        page.driver.execute_script(
            "document.querySelector(`#views a[href='#/${arguments[0]}']`).focus()", name
        )
        press(page.driver, "Enter")
        browser.until(page.driver, f"location.hash === '#/{name}' && document.querySelector('.view h1')")
        page.go(name)
    page.go("overview")
    browser.until(page.driver, "document.querySelector('.host a')")
    page.driver.execute_script("document.querySelector('.host a').focus()")
    press(page.driver, "Enter")
    browser.until(page.driver, "location.hash === '#/decoys/lab/web-000'")


@pytest.mark.parametrize("width", [320, 1000])
def test_no_window_scrolls_sideways(page, width):
    browser.resize(page.driver, (width, 640))
    for way in page.ways():
        page.go(way)
        wide = page.driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, way


@pytest.mark.parametrize("app", ["live", "every two seconds"], indirect=True)
def test_events_come_in_while_one_looks(page, folder, request):
    page.go("live")
    how = request.node.callspec.params["app"]
    browser.until(page.driver, f"document.querySelector('.how').textContent === '{how}'")
    common = {"network": "lab", "decoy": "web-001", "service": "ssh", "src_ip": ATTACKER}
    put(
        folder,
        [
            Event.of(EventType.COMMAND, {"command": f"fresh-{number}"}, ts=now(), **common)
            for number in range(3)
        ],
    )
    browser.until(page.driver, "document.body.innerText.includes('fresh-2')")
    rows = page.driver.execute_script(
        "return [...document.querySelectorAll('td.what')].slice(0, 3).map((one) => one.innerText)"
    )
    assert rows == ["fresh-2", "fresh-1", "fresh-0"]
    browser.until(page.driver, "/new events/.test(document.querySelector('[aria-live=polite]').textContent)")


def test_a_session_is_played_again(page):
    page.go(f"sessions/{SESSION}")
    lines = "document.querySelectorAll('.terminal .line').length"
    everything = page.driver.execute_script(f"return {lines}")
    assert everything == 2 + 3 * len(HOSTILE)
    page.driver.execute_script(
        "const one = document.querySelector('input[type=range]'); one.value = 0; one.dispatchEvent(new Event('input'))"
    )
    assert 0 < page.driver.execute_script(f"return {lines}") <= everything
    page.driver.execute_script("document.querySelector('.play').click()")
    browser.until(
        page.driver, f"{lines} === {everything} && document.querySelector('.play').textContent === 'Play'"
    )
    times = page.driver.execute_async_script(
        "const done = arguments[0]; import('/replay.js').then(({ moments }) => done(moments(["
        "'2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.500000Z', '2026-01-01T01:00:00.000000Z'].map((ts) => ({ ts })))))"
    )
    assert times == [0, 0.5, 2.5]


def test_a_token_for_the_overview_shows_that_and_says_why_no_more(page, site):
    weak = tuple(replace(one, scopes=(tokens.Scope.OVERVIEW,)) for one in site.facts.tokens)
    site.take(Facts(weak, (lab(),)))
    page.go("overview")
    page.go("decoys")
    assert "5 decoys" in page.text()
    page.go("attackers")
    assert (
        page.driver.execute_script("return document.querySelector('[role=alert]').textContent")
        == "the token is not for this"
    )


@pytest.mark.skipif("DASHBOARD_PICTURES" not in os.environ, reason="DASHBOARD_PICTURES names no folder")
def test_pictures(page):
    folder = Path(os.environ["DASHBOARD_PICTURES"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, size, scheme in (
        ("light", browser.WIDE, "light"),
        ("dark", browser.WIDE, "dark"),
        ("narrow", browser.NARROW, "light"),
    ):
        browser.resize(page.driver, size)
        browser.scheme(page.driver, scheme)
        for way in page.ways():
            page.go(way)
            picture = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
            (folder / f"{name}-{way.replace('/', '-')[:30]}.png").write_bytes(base64.b64decode(picture))


def press(driver, key):
    code = {"Tab": 9, "Enter": 13}[key]
    shared = {"key": key, "code": key, "windowsVirtualKeyCode": code}
    driver.execute_cdp_cmd(
        "Input.dispatchKeyEvent", {"type": "keyDown", **shared, **({"text": "\r"} if key == "Enter" else {})}
    )
    driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **shared})
