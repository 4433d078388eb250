"""What of a personality the kernel does by itself when it is told to: sysctls, and the window of routes."""

from __future__ import annotations

from collections.abc import Mapping

from decnet.stack.keys import Personality

_SCALED_BY_MEMORY = 7
"""The smallest window scale that tcp_rmem gives by itself: net.core.rmem_max, which is the host's, is a floor below it."""
_LARGEST = 65535


def sysctls(personality: Personality) -> Mapping[str, str]:
    """Settings of the namespace, so that the kernel really does what the program announces (ip-sysctl)."""
    tcp = personality.tcp
    made = {
        "net.ipv4.ip_default_ttl": str(personality.ip.ttl_tcp),
        "net.ipv4.tcp_timestamps": str(int(tcp.timestamps)),
        "net.ipv4.tcp_window_scaling": str(int(tcp.wscale is not None)),
        "net.ipv4.tcp_sack": str(int(tcp.sack)),
        "net.ipv4.tcp_ecn": "2" if tcp.ecn else "0",
        "net.ipv4.tcp_fastopen": "0",  # its cookie would be one more option
    }
    if tcp.wscale is not None and tcp.wscale >= _SCALED_BY_MEMORY:
        made["net.ipv4.tcp_rmem"] = f"4096 131072 {_LARGEST << tcp.wscale}"
    hops = personality.v6.hops or personality.ip.ttl_tcp
    if hops != 64:
        made["net.ipv6.conf.eth0.hop_limit"] = str(hops)
    return made


def route_window(personality: Personality) -> int:
    """The window of the namespace's routes (RTAX_WINDOW), which bounds the scale; 0 leaves it to the kernel."""
    scale = personality.tcp.wscale
    return _LARGEST << scale if scale is not None and scale < _SCALED_BY_MEMORY else 0
