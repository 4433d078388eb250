"""``python -m tests.bench.alone IMAGE COUNT AT_ONCE``: start containers by the SDK alone, and print the seconds it took.

Each has an init, a root that is read only, and its address on a network of its own, as those of decoys have.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import docker

OWN = threading.local()


def start(image: str, number: int) -> None:
    """One container; each thread has a client."""
    if not hasattr(OWN, "api"):
        OWN.api = docker.from_env(timeout=120).api
    endpoint = OWN.api.create_endpoint_config(ipv4_address=f"203.0.113.{number + 10}")
    host = OWN.api.create_host_config(network_mode="alone", init=True, read_only=True)
    made = OWN.api.create_container(
        image,
        ["sleep", "infinity"],
        name=f"alone-{number}",
        host_config=host,
        networking_config=OWN.api.create_networking_config({"alone": endpoint}),
    )
    OWN.api.start(made)


def main() -> None:
    image, count, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    began = time.monotonic()
    pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet="203.0.113.0/24")])
    docker.from_env().networks.create("alone", driver="bridge", ipam=pool)
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(lambda number: start(image, number), range(count)))
    print(time.monotonic() - began)


if __name__ == "__main__":
    main()
