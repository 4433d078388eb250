"""Services of high interaction: their real server runs in a container, as a custom service does. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from decnet.catalog import Os
from decnet.services.ssh import Interaction
from decnet.services.ssh import Persona as Ssh
from decnet.spec.model import Custom, Service
from decnet.spec.program import Program
from decnet.spec.reading import Findings

_OWN = ("ssh_version", "kernel_version")
"""Keys of a persona that have no effect on a real server."""


def split(
    services: Iterable[Service], os: Os, findings: Findings
) -> tuple[tuple[Service, ...], tuple[Custom, ...]]:
    """Those that a decoy process serves, and those that run in a container of their own."""
    served, contained = [], []
    for one in services:
        persona = one.persona
        if isinstance(persona, Ssh) and persona.interaction is Interaction.HIGH:
            _check(one, os, findings)
            contained.append(_contained(one, persona))
        else:
            served.append(one)
    return tuple(served), tuple(contained)


def _check(service: Service, os: Os, findings: Findings) -> None:
    at = service.spans.get("interaction", service.span)
    if os.family != "linux":
        message = f"{os.title} has no {service.name} of high interaction: containers are Linux"
        findings.error("bad-value", message, at, "write interaction = medium")
    for key in _OWN:
        if key in service.spans:
            message = f"{key}: a real server says its own"
            findings.warn(
                "no-effect", message, service.spans[key], "remove it, or write interaction = medium"
            )


def _contained(service: Service, persona: Ssh) -> Custom:
    program = Program(
        memory=int(persona.memory),
        pids=persona.pids,
        cpu=persona.cpu,
        reset=int(persona.reset),
        disk=int(persona.disk),
    )
    return Custom(service.name, program, service.ports, service.span, service.spans, service)
