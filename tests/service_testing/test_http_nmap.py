"""What nmap's version detection takes each app for."""

import shutil

import pytest

from tests.service_testing.conftest import Serve, run

pytestmark = [pytest.mark.live, pytest.mark.skipif(not shutil.which("nmap"), reason="needs nmap")]

PRODUCTS = {  # without Grafana: nmap 7.93 has no match for a real one either, and tries probes for two minutes
    "apache": b"Apache httpd 2.4.62 ((Debian))",
    "nginx": b"nginx 1.22.1",
    "iis": b"Microsoft IIS httpd 10.0",
    "wordpress": b"Apache httpd 2.4.62 ((Debian))",
    "phpmyadmin": b"Apache httpd 2.4.62 ((Debian))",
    "tomcat": b"Apache Tomcat",
    "jenkins": b"Jetty 10.0.",
    "gitlab": b"nginx",
    "owa": b"Microsoft IIS httpd 10.0",
    "router": b"Asus RT-A",
    "printer": b"HP LaserJet Pro M404dn",
    "camera": b"Hikvision IP camera httpd",
    "nas": b"nginx",
}


@pytest.mark.parametrize("app", PRODUCTS)
async def test_nmap_names_the_product(serve: Serve, app: str) -> None:
    windows = app in {"iis", "owa"}
    running = await serve(
        "http", {"fake_app": app}, os="windows" if windows else "linux", distro=None if windows else "debian"
    )
    answer = await run("nmap", "-sV", "-Pn", "-p", str(running.port), "127.0.0.1", timeout=170)
    line = next(one for one in answer.stdout.splitlines() if b"/tcp" in one)
    assert PRODUCTS[app] in line, answer.stdout.decode()
