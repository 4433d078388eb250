"""The web servers that a site can run on."""

from __future__ import annotations

from decnet.services.http.dialect import Dialect, manner
from decnet.services.http.servers.apache import Apache
from decnet.services.http.servers.devices import AppWebs, Hp, Httpd
from decnet.services.http.servers.go import Go
from decnet.services.http.servers.iis import Iis
from decnet.services.http.servers.jetty import Jetty
from decnet.services.http.servers.nginx import Nginx
from decnet.services.http.servers.tomcat import Tomcat

SERVERS: dict[str, type[Dialect]] = {
    server.data: server for server in (Apache, Nginx, Iis, Tomcat, Jetty, Go, Httpd, Hp, AppWebs)
}
"""By the name that ``site.toml`` uses."""

for _name in SERVERS:
    manner(_name)  # the process that serves opens no files once it has dropped its privileges
