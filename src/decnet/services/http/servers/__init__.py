"""The web servers that a site can run on."""

from __future__ import annotations

from decnet.services.http.dialect import Dialect, manner
from decnet.services.http.servers.apache import Apache
from decnet.services.http.servers.nginx import Nginx

SERVERS: dict[str, type[Dialect]] = {server.data: server for server in (Apache, Nginx)}
"""By the name that ``site.toml`` uses."""

for _name in SERVERS:
    manner(_name)  # the process that serves opens no files once it has dropped its privileges
