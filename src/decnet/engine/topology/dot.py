"""A topology in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from decnet.engine.status import State
from decnet.engine.topology.model import Lan, Node, Topology

_COLOURS = {State.UP: "#2e9e5b", State.DRIFTED: "#c98a00", State.DOWN: "#d03b3b"}
_PLAIN = "#6b7785"


def dot(what: Topology) -> str:
    """An undirected graph: a cluster for each LAN, its wire in the middle, a node for each decoy."""
    lines = [
        f"graph {_quoted(what.network)} {{",
        f"  label={_quoted(f'{what.network}: {what.decoys} decoys')};",
        "  rankdir=LR;",
        '  fontname="sans-serif";',
        '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=10];',
        f'  edge [color="{_PLAIN}"];',
    ]
    for number, lan in enumerate(what.lans):
        lines += _cluster(number, lan)
    return "\n".join((*lines, "}")) + "\n"


def _cluster(number: int, lan: Lan) -> Iterator[str]:
    wire = f"lan{number}"
    yield f"  subgraph cluster_{number} {{"
    yield f"    label={_quoted(lan.title)};"
    yield f'    color="{_PLAIN}";'
    yield f"    {wire} [shape=ellipse, style=solid, label={_quoted(lan.name)}];"
    for position, node in enumerate(lan.nodes):
        own = f"{wire}_{position}"
        colour = _COLOURS[node.state] if node.state else _PLAIN
        tooltip = _quoted(f"{node.title} {node.os} {node.health}".strip())
        yield f'    {own} [label={_quoted(_label(node))}, color="{colour}", tooltip={tooltip}];'
        yield f"    {wire} -- {own};"
    yield "  }"


def _label(node: Node) -> str:
    parts = (node.title, node.addresses, ", ".join(node.services), node.health if node.count > 1 else "")
    return "\n".join(filter(None, parts))


def _quoted(text: str) -> str:
    """A quoted string of DOT: only the quote and the backslash mean something in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
