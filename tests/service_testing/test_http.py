"""The HTTP service as real clients meet it."""

import asyncio
import re

import httpx
import msgspec
import pytest

from decnet.events import EventType
from decnet.services.http.apps import NAMES
from tests.service_testing.conftest import Running, Serve, rendered, run

WINDOWS = {"iis", "owa"}


async def start(serve: Serve, app: str, **persona: object) -> Running:
    windows = app in WINDOWS
    return await serve(
        "http",
        {"fake_app": app, **persona},
        os="windows" if windows else "linux",
        distro=None if windows else "debian",
    )


def account(running: Running) -> tuple[str, str]:
    user = msgspec.json.decode(running.bundle.persona)["users"][0]
    return user["name"], user["password"]


async def raw(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


FIRST_PAGE = {
    "apache": (200, "Apache/2.4.62 (Debian)", "Example"),
    "nginx": (200, "nginx/1.22.1", "Example"),
    "iis": (200, "Microsoft-IIS/10.0", "Internet Information Services"),
    "wordpress": (200, "Apache/2.4.62 (Debian)", "WordPress"),
    "phpmyadmin": (302, "Apache/2.4.62 (Debian)", ""),
    "tomcat": (200, None, "Apache Tomcat/"),
    "jenkins": (403, "Jetty(10.0.", "Authentication required"),
    "gitlab": (302, "nginx", "/users/sign_in"),
    "grafana": (302, None, "/login"),
    "owa": (302, "Microsoft-IIS/10.0", ""),
    "router": (401, "httpd", "Authorization required."),
    "printer": (200, "HP HTTP Server; HP HP LaserJet", "LaserJet"),
    "camera": (200, "App-webs/", "/doc/page/login.asp"),
    "nas": (200, "nginx", "Synology DiskStation"),
}


@pytest.mark.parametrize("app", NAMES)
async def test_each_app_shows_its_front_page_and_its_own_404(serve: Serve, app: str) -> None:
    running = await start(serve, app)
    status, server, text = FIRST_PAGE[app]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as client:
        page = await client.get("/")
        assert page.status_code == status
        assert (page.headers.get("server") or "").startswith(server or "")
        assert ("server" in page.headers) == (server is not None)
        assert text in page.text
        missing = await client.get("/no/such/page.xyz")
        assert missing.status_code in {404, 403, 302, 401}
        assert missing.text != page.text or app in {"router", "grafana"}  # nothing for strangers
    assert not [event for event in running.events if event.type == EventType.ERROR]


@pytest.mark.parametrize("app", NAMES)
def test_a_bundle_is_small(app: str) -> None:
    bundle = rendered("http", {"fake_app": app})
    assert sum(map(len, bundle.files.values())) < 20_000
    assert len(bundle.files) <= 8


@pytest.mark.parametrize("app", NAMES)
def test_two_networks_share_no_identity(app: str) -> None:
    def ids(secret: bytes) -> set[bytes]:
        found = rendered("http", {"fake_app": app}, secret=secret)
        return set(re.findall(rb"\b[0-9a-f]{16,}\b", b"".join(found.files.values())))

    commits = {b"3de6fbb5a43b5b5a7d4bbb2e4ab3be5e62b5ad7b", b"aa4cf0b8f7a8ad6bd1b6bb4fd6a9d5a1cb9ff6a4"}
    assert not (ids(b"a" * 32) & ids(b"b" * 32)) - commits - {b"b58701869e1a11b696010a6f28bd96b68a2cf0d0"}


FORMS = {
    "wordpress": ("/wp-login.php", "log", "pwd", "Howdy"),
    "phpmyadmin": ("/phpmyadmin/index.php", "pma_username", "pma_password", "Database server"),
    "jenkins": ("/j_spring_security_check", "j_username", "j_password", "nightly-backup"),
    "gitlab": ("/users/sign_in", "user[login]", "user[password]", "infra / ansible"),
    "owa": ("/owa/auth.owa", "username", "password", "Inbox"),
    "nas": ("/webapi/entry.cgi", "account", "passwd", '"success":true'),
}


@pytest.mark.parametrize("app", FORMS)
async def test_a_login_form_takes_credentials_and_lets_the_right_ones_in(serve: Serve, app: str) -> None:
    running = await start(serve, app)
    path, user, secret, inside = FORMS[app]
    name, password = account(running)
    url = f"http://127.0.0.1:{running.port}"
    async with httpx.AsyncClient(base_url=url, follow_redirects=True) as client:
        refused = await client.post(path, data={user: name, secret: "wrong"})
        assert inside not in refused.text
        attempt = await running.event(EventType.AUTH)
        assert attempt.data["principal"] == name
        assert attempt.data["secret"] == "wrong"
        assert attempt.data["secret_kind"] == "plaintext"
        assert attempt.data["outcome"] == "refused"
        welcome = await client.post(path, data={user: name, secret: password})
        assert inside in welcome.text
        assert (await running.event(EventType.AUTH)).data["outcome"] == "accepted"


async def test_grafana_takes_json(serve: Serve) -> None:
    running = await start(serve, "grafana")
    name, password = account(running)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as client:
        health = (await client.get("/api/health")).json()
        assert health["database"] == "ok"
        assert health["version"] in (await client.get("/login")).text
        assert (await client.post("/login", json={"user": name, "password": "x"})).status_code == 401
        assert (await client.post("/login", json={"user": name, "password": password})).status_code == 200
        assert "grafana_session" in client.cookies
        assert (await client.get("/")).status_code == 200


BASIC = {"apache": "/internal/", "tomcat": "/manager/html", "router": "/", "camera": "/ISAPI/Security/userCheck",
         "printer": "/hp/device/set_config_deviceInfo.html", "iis": "/staff/", "nginx": "/files/"}  # fmt: skip


@pytest.mark.parametrize("app", BASIC)
async def test_basic_authentication(serve: Serve, app: str) -> None:
    running = await start(serve, app)
    url = f"http://127.0.0.1:{running.port}{BASIC[app]}"
    form = "%{http_code} %header{www-authenticate}"
    quiet = ("curl", "-s", "-o", "/dev/null", "-w", form)
    asked = (await run(*quiet, url)).stdout.decode()
    assert asked.startswith('401 Basic realm="')
    assert (await run(*quiet, "-u", "admin:wrong", url)).stdout.startswith(b"401")
    assert (await run(*quiet, "-u", ":".join(account(running)), url)).stdout.startswith(b"200")


async def test_a_request_becomes_one_event(serve: Serve) -> None:
    running = await start(serve, "apache")
    url = f"http://127.0.0.1:{running.port}/nope?x=1"
    await run("curl", "-s", "-A", "scanner/1.0", "-H", "Host: www.example.com", "-d", "a=b", url)
    data = (await running.event(EventType.REQUEST)).data
    assert (data["method"], data["path"], data["version"], data["status"]) == (
        "POST",
        "/nope?x=1",
        "1.1",
        404,
    )
    assert (data["host"], data["user_agent"], data["body"]) == ("www.example.com", "scanner/1.0", "a=b")
    assert data["body_size"] == 3
    assert len(data["body_sha256"]) == 64


@pytest.mark.parametrize(
    ("persona", "status"), [({"response_code": 403}, 403), ({"response_code": 503}, 503)]
)
async def test_response_code_forces_the_front_page_only(
    serve: Serve, persona: dict[str, object], status: int
) -> None:
    running = await start(serve, "apache", **persona)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as client:
        assert (await client.get("/")).status_code == status
        assert (await client.get("/robots.txt")).status_code == 200


async def test_the_server_header_can_be_set(serve: Serve) -> None:
    running = await start(serve, "apache", server_header="Apache/2.2.15 (CentOS)")
    answer = await raw(running.port, b"GET /nope HTTP/1.0\r\n\r\n")
    assert b"Server: Apache/2.2.15 (CentOS)\r\n" in answer
    assert b"<address>Apache/2.2.15 (CentOS) Server at web01.example.com" in answer


async def test_an_upload_in_chunks_is_hashed_and_bounded(serve: Serve) -> None:
    running = await start(serve, "apache")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as client:

        async def pieces():
            for _ in range(100):
                yield b"x" * 1000

        assert (await client.post("/upload.php", content=pieces())).status_code == 404
    data = (await running.event(EventType.REQUEST)).data
    assert data["body_size"] == 100_000
    assert len(data["body"]) < 5000


async def test_200_clients_and_a_slow_one(serve: Serve) -> None:
    running = await start(serve, "nginx")
    _, slow = await asyncio.open_connection("127.0.0.1", running.port)
    slow.write(b"G")
    asked = (raw(running.port, b"GET /robots.txt HTTP/1.0\r\n\r\n") for _ in range(150))
    answers = await asyncio.gather(*asked)
    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
    slow.close()


PATHS = [
    "/../../../../etc/passwd",
    "/..%2f..%2fetc/passwd",
    "/%2e%2e/site.toml",
    "/site.toml",
    "/internal/../site.toml",
]


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_leads_to_a_file(serve: Serve, path: str) -> None:
    running = await start(serve, "apache")
    answer = await raw(running.port, f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert b"root:" not in answer
    assert b"[[routes]]" not in answer


NAMES_ON_THE_WIRE = re.compile(
    rb"decnet|decky|honeypot|decoy|python|asyncio|h11|uvicorn|werkzeug", re.IGNORECASE
)


@pytest.mark.parametrize("app", NAMES)
async def test_nothing_on_the_wire_names_the_project(serve: Serve, app: str) -> None:
    running = await start(serve, app)
    requests = [b"GET / HTTP/1.0\r\n\r\n", b"\x00\xff\r\n\r\n", b"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                b"GET / HTTP/1.1\r\n\r\n", b"FOO /x HTTP/1.0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]  # fmt: skip
    for request in requests:
        answer = await raw(running.port, request)
        assert answer, request
        assert not NAMES_ON_THE_WIRE.search(answer)


IIS_LENGTHS = {  # measured on IIS 10 by many, in the clear of the internet
    b"GET /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n": (404, 1245, b"Microsoft-IIS/10.0"),
    b"GET / HTTP/1.1\r\n\r\n": (400, 334, b"Microsoft-HTTPAPI/2.0"),
    b"F( / HTTP/1.1\r\nHost: a\r\n\r\n": (400, 326, b"Microsoft-HTTPAPI/2.0"),
    b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n": (400, 324, b"Microsoft-HTTPAPI/2.0"),
}


@pytest.mark.parametrize("request_", IIS_LENGTHS)
async def test_iis_pages_have_their_known_lengths(serve: Serve, request_: bytes) -> None:
    running = await start(serve, "iis")
    status, length, server = IIS_LENGTHS[request_]
    answer = await raw(running.port, request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Server: %s\r\n" % server in answer
    assert b"Content-Length: %d\r\n" % length in answer
