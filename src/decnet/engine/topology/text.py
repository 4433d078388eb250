"""A topology as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from decnet.engine.topology.model import Lan, Topology


def text(what: Topology) -> str:
    """A tree: LANs, and below each who stands on it; with a final newline."""
    lines = [f"{what.network} · {what.decoys} decoy{'s' * (what.decoys != 1)}"]
    for lan in what.lans:
        lines += ["", lan.title, *_nodes(lan)]
    return "\n".join(lines) + "\n"


def _nodes(lan: Lan) -> Iterator[str]:
    rows = [
        (node.title, node.addresses, node.os, ", ".join(node.services), node.health) for node in lan.nodes
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for position, row in enumerate(rows):
        branch = "└─" if position + 1 == len(rows) else "├─"
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"{branch} {cells}".rstrip()
