"""Byte comparison with the real Apache and nginx of Debian's packages, each started on loopback with the same site."""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 (set-up and tear-down of a daemon: nothing else waits meanwhile)

import asyncio
import difflib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from decnet.services import personas
from decnet.services.http import Http
from decnet.services.service import Setting
from tests.debian import unpacked
from tests.service_testing.conftest import Running, Serve

pytestmark = pytest.mark.live

HOST = b"Host: web01\r\n"
CLOSE = b"Connection: close\r\n"


def get(target: bytes, *fields: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"".join(fields) + b"\r\n" + body


BOTH = {
    "page": get(b"/robots.txt"),
    "page-1.0": b"GET /robots.txt HTTP/1.0\r\n\r\n",
    "page-1.0-kept": b"GET /robots.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "page-0.9": b"GET /robots.txt\r\n",
    "kept": b"GET /robots.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "kept-asked": b"GET /robots.txt HTTP/1.1\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
    "pipelined": b"GET /robots.txt HTTP/1.1\r\n" + HOST + b"\r\n" + get(b"/nope"),
    "head": get(b"/robots.txt", method=b"HEAD"),
    "not-found": get(b"/nope"),
    "not-found-1.0": b"GET /nope HTTP/1.0\r\n\r\n",
    "not-found-query": get(b"/nope?a=1&b=<x>"),
    "four-words": b"GET / HTTP/1.1 extra\r\n" + HOST + b"\r\n",
    "garbage": b"xyz\r\n\r\n",
    "binary": b"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n",
    "blank-lines-first": b"\r\n\r\n" + get(b"/robots.txt"),
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "bad-host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "slash-in-host": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "unknown-method": get(b"/robots.txt", method=b"FOO"),
    "unknown-method-not-found": get(b"/nope", method=b"FOO"),
    "lower-case-method": get(b"/robots.txt", method=b"get"),
    "put": get(b"/robots.txt", b"Content-Length: 0\r\n", method=b"PUT"),
    "delete": get(b"/robots.txt", method=b"DELETE"),
    "post-to-file": get(b"/robots.txt", b"Content-Length: 3\r\n", method=b"POST", body=b"abc"),
    "options-star": get(b"*", method=b"OPTIONS"),
    "trace": get(b"/robots.txt", method=b"TRACE"),
    "connect": get(b"a:1", method=b"CONNECT"),
    "propfind": get(b"/robots.txt", method=b"PROPFIND"),
    "modified-since-old": get(b"/robots.txt", b"If-Modified-Since: Tue, 05 Mar 2019 10:11:12 GMT\r\n"),
    "modified-since-later": get(b"/robots.txt", b"If-Modified-Since: Fri, 05 Mar 2027 10:11:12 GMT\r\n"),
    "none-match": get(b"/robots.txt", b"If-None-Match: *\r\n"),
    "match": get(b"/robots.txt", b'If-Match: "x"\r\n'),
    "unmodified-since": get(b"/robots.txt", b"If-Unmodified-Since: Tue, 05 Mar 2019 10:11:12 GMT\r\n"),
    "range": get(b"/robots.txt", b"Range: bytes=2-5\r\n"),
    "range-tail": get(b"/robots.txt", b"Range: bytes=-4\r\n"),
    "range-outside": get(b"/robots.txt", b"Range: bytes=9999-\r\n"),
    "line-too-long": get(b"/" + b"a" * 9000),
    "field-too-long": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 9000 + b"\r\n\r\n",
    "field-much-too-long": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 34000 + b"\r\n\r\n",
    "many-fields": get(b"/robots.txt", *(b"X-%d: a\r\n" % n for n in range(120))),
    "no-colon": get(b"/robots.txt", b"nocolon\r\n"),
    "space-in-name": get(b"/robots.txt", b"bad name: x\r\n"),
    "space-before-colon": get(b"/robots.txt", b"X : y\r\n"),
    "folded": get(b"/robots.txt", b"X: y\r\n z\r\n"),
    "nul-in-field": get(b"/robots.txt", b"X: y\0z\r\n"),
    "version-1.2": b"GET /robots.txt HTTP/1.2\r\n" + HOST + CLOSE + b"\r\n",
    "version-2.0": b"GET /robots.txt HTTP/2.0\r\n" + HOST + CLOSE + b"\r\n",
    "version-3.7": b"GET /robots.txt HTTP/3.7\r\n" + HOST + CLOSE + b"\r\n",
    "other-protocol": b"GET /robots.txt HTTX/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "lower-case-protocol": b"GET /robots.txt http/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no-slash": get(b"robots.txt"),
    "absolute": get(b"http://other/robots.txt"),
    "bare-lf": b"GET /robots.txt HTTP/1.1\nHost: a\nConnection: close\n\n",
    "bare-cr": b"GET /robots.txt HTTP/1.1\rHost: a\r\n\r\n",
    "directory": get(b"/internal"),
    "directory-query": get(b"/internal?x=1"),
    "up-and-out": get(b"/../../etc/passwd"),
    "up-and-out-encoded": get(b"/%2e%2e/%2e%2e/etc/passwd"),
    "nul-encoded": get(b"/%00"),
    "bad-encoding": get(b"/%zz"),
    "slash-encoded": get(b"/a%2fb"),
    "dots": get(b"/./internal/../robots.txt"),
    "double-slash": get(b"//robots.txt"),
    "below-a-file": get(b"/robots.txt/x"),
    "bad-length": get(b"/nope", b"Content-Length: x\r\n", method=b"POST", body=b"abc"),
    "two-lengths": get(b"/nope", b"Content-Length: 3\r\nContent-Length: 4\r\n", method=b"POST", body=b"abc"),
    "chunked": get(
        b"/nope", b"Transfer-Encoding: chunked\r\n", method=b"POST", body=b"3\r\nabc\r\n0\r\n\r\n"
    ),
    "unknown-coding": get(b"/nope", b"Transfer-Encoding: foo\r\n", method=b"POST", body=b"abc"),
    "length-and-coding": get(
        b"/nope", b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", method=b"POST", body=b"0\r\n\r\n"
    ),
    "expect-other": get(b"/nope", b"Expect: foo\r\nContent-Length: 3\r\n", method=b"POST", body=b"abc"),
    "control-in-path": get(b"/\x01"),
    "high-byte-in-path": get(b"/\xff"),
    "runs-of-spaces": b"GET  /robots.txt  HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "method-only": b"GET\r\n\r\n",
    "needs-password": get(b"/internal/"),
    "chrome": get(b"/nope", b"User-Agent: Mozilla/5.0 AppleWebKit/537.36 Chrome/120.0 Safari/537.36\r\n"),
}
APACHE = {
    **{name: data for name, data in BOTH.items() if name != "length-and-coding"},
    "options": get(b"/robots.txt", method=b"OPTIONS"),
    "hidden": get(b"/.htaccess"),
    "expect-continue": get(
        b"/nope", b"Expect: 100-continue\r\nContent-Length: 3\r\n", method=b"POST", body=b"abc"
    ),
}
NGINX = {
    **BOTH,
    "options": get(b"/robots.txt", method=b"OPTIONS"),
    "too-big": get(b"/nope", b"Content-Length: 2000000\r\n", method=b"POST"),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' own users may enter (those of pytest are closed to them)."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


async def exchange(port: int, data: bytes) -> bytes:
    """What the server answers until it closes, or goes quiet for 0.7 s; its times and port made equal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = b""
    try:
        while chunk := await asyncio.wait_for(reader.read(65536), 0.7):
            answer += chunk
        answer += b"<closed>"
    except TimeoutError:
        answer += b"<open>"
    except ConnectionResetError:
        answer += b"<reset>"
    writer.close()
    answer = re.sub(rb"\r\nDate: [^\r]+", b"\r\nDate: now", answer)
    # the order of methods comes from a hash table that the real server seeds anew at each start
    answer = re.sub(rb"Allow: ([A-Z,]+)", lambda m: b"Allow: " + b",".join(sorted(m[1].split(b","))), answer)
    return answer.replace(b"Port %d" % port, b"Port P").replace(b":%d" % port, b":P")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


async def lay_out(running: Running, root: Path) -> None:
    """The decoy's own files under a document root, with the times that the decoy tells."""
    root.mkdir()
    (root / "internal").mkdir()
    for name, content in running.bundle.files.items():
        if name == "site.toml":
            continue
        (root / name).write_bytes(content)
        answer = await exchange(running.port, get(b"/" + name.encode(), method=b"HEAD"))
        if found := re.search(rb"Last-Modified: [^\r]+", answer):
            subprocess.run(["touch", "-d", found[0].decode().partition(" ")[2], root / name], check=True)
    (root / "internal" / "index.html").write_text("x")
    for one in (root.parent, root, *root.rglob("*")):
        one.chmod(0o755)


APACHE_CONF = """
ServerRoot {debian}/etc/apache2
ServerName web01.example.com
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder}
Listen 127.0.0.1:{port}
ErrorLog {folder}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
{modules}
User www-data
Group www-data
ThreadLimit 128
ThreadsPerChild 128
MaxRequestWorkers 128
KeepAlive On
KeepAliveTimeout 5
MaxKeepAliveRequests 100
TypesConfig /etc/mime.types
Include mods-available/deflate.conf
Include conf-available/security.conf
<FilesMatch "^\\.ht">
Require all denied
</FilesMatch>
<VirtualHost 127.0.0.1:{port}>
ServerName web01.example.com:{port}
DocumentRoot {folder}/www
</VirtualHost>
<Directory {folder}/www>
Require all granted
</Directory>
<Location /internal/>
AuthType Basic
AuthName "Example staff"
AuthUserFile /dev/null
Require valid-user
</Location>
"""
MODULES = (
    "authz_core authn_core authn_file authz_host authz_user auth_basic access_compat alias autoindex dir env filter "
    "deflate mime negotiation reqtimeout setenvif status"
)
NGINX_CONF = """
user www-data;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
 include /etc/nginx/mime.types;
 default_type application/octet-stream;
 access_log off;
 gzip on;
 keepalive_timeout 65;
 server {{
  listen 127.0.0.1:{port} default_server;
  server_name web01.example.com;
  root {folder}/www;
  location / {{ try_files $uri $uri/ =404; }}
  location /internal/ {{ auth_basic "Example staff"; auth_basic_user_file /dev/null; }}
 }}
}}
"""


async def compare(running: Running, port: int, cases: dict[str, bytes]) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
    names = list(cases)
    real = await asyncio.gather(*(exchange(port, cases[name]) for name in names))
    ours = await asyncio.gather(*(exchange(running.port, cases[name]) for name in names))
    different = {n: (r, o) for n, r, o in zip(names, real, ours, strict=True) if r != o}
    report = "\n".join(f"== {name}\n{_difference(*pair)}" for name, pair in different.items())
    assert not different, f"{len(different)} of {len(names)} differ: {list(different)}\n{report}"


def _difference(real: bytes, ours: bytes) -> str:
    lines = (one.decode("latin-1").splitlines() for one in (real, ours))
    return "\n".join(difflib.unified_diff(*lines, "real", "ours", lineterm="", n=0))


@pytest.mark.skipif(not Path("/usr/sbin/apache2").exists(), reason="needs Debian's apache2")
async def test_apache_answers_byte_by_byte_as_the_real_one(serve: Serve, folder: Path) -> None:
    version = subprocess.run(["/usr/sbin/apache2", "-v"], capture_output=True, check=True).stdout.decode()
    server = re.search(r"Apache/\S+ \(\w+\)", version)
    assert server
    running = await serve("http", {"fake_app": "apache", "server_header": server[0]})
    await lay_out(running, folder / "www")
    port = free_port()
    modules = "\n".join(
        f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so" for one in MODULES.split()
    )
    conf = folder / "apache.conf"
    conf.write_text(APACHE_CONF.format(folder=folder, port=port, modules=modules, debian=unpacked("apache2")))
    daemon = subprocess.Popen(
        ["/usr/sbin/apache2", "-f", conf, "-D", "FOREGROUND"],
        env={**os.environ, "APACHE_LOG_DIR": str(folder)},
    )
    try:
        await compare(running, port, APACHE)
    finally:
        daemon.terminate()
        daemon.wait()


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs Debian's nginx")
async def test_nginx_answers_byte_by_byte_as_the_real_one(serve: Serve, folder: Path) -> None:
    version = subprocess.run(["nginx", "-v"], capture_output=True, check=True).stderr.decode()
    server = re.search(r"nginx/\S+", version)
    assert server
    running = await serve("http", {"fake_app": "nginx", "server_header": server[0]})
    files = running.bundle.files
    site = (
        files["site.toml"].replace(b'"/files/"', b'"/internal/"').replace(b"Example files", b"Example staff")
    )
    running.listener.handler = type(running.listener.handler)(
        _setting(running, {**files, "site.toml": site}), None
    )
    await lay_out(running, folder / "www")
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, port=port))
    daemon = subprocess.Popen(["nginx", "-c", conf, "-g", "daemon off;"])
    try:
        await compare(running, port, NGINX)
    finally:
        daemon.terminate()
        daemon.wait()


def _setting(running: Running, files: dict[str, bytes]) -> Setting:
    bundle = running.bundle
    return Setting(personas.decode(Http, bundle.persona), files, bundle.seed, bundle.facts)
