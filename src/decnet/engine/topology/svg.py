"""A topology as SVG, without a layout program: a box for each LAN, in it a grid of decoys on their wire."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from decnet.engine.status import State
from decnet.engine.topology.model import Lan, Node, Topology

_WIDTH = 1120
_MARGIN, _HEAD, _PAD = 20, 44, 16
_COLUMNS, _GAP = 4, 12
_CELL_WIDTH = (_WIDTH - 2 * _MARGIN - 2 * _PAD - (_COLUMNS - 1) * _GAP) // _COLUMNS
_CELL_HEIGHT = 62
_LETTERS = 38
"""Characters of 11 px that fit in a cell; a name has 13 px."""
_STYLE = """
    svg { background: #ffffff; font-family: system-ui, sans-serif; }
    .title { font-size: 18px; font-weight: 600; } .head { font-size: 13px; font-weight: 600; }
    .name { font-size: 13px; font-weight: 600; } .small { font-size: 11px; } .quiet { fill: #57606a; }
    text { fill: #1f2328; } .lan { fill: #f6f8fa; stroke: #d0d7de; } .cell { fill: #ffffff; stroke: #d0d7de; }
    .plain { fill: #8c959f; } .up { fill: #1a7f37; } .drifted { fill: #bf8700; } .down { fill: #cf222e; }
    @media (prefers-color-scheme: dark) {
      svg { background: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; }
      .lan { fill: #151b23; stroke: #3d444d; } .cell { fill: #0d1117; stroke: #3d444d; }
      .plain { fill: #656c76; } .up { fill: #3fb950; } .drifted { fill: #d29922; } .down { fill: #f85149; }
    }"""


def svg(what: Topology) -> str:
    """A picture of its own (XML, UTF-8), readable on light and dark ground."""
    parts: list[str] = []
    top = 56
    for lan in what.lans:
        height = _height(lan)
        parts += _lan(lan, top, height)
        top += height + _MARGIN
    decoys = f"{what.decoys} decoy{'s' * (what.decoys != 1)}"
    summary = f"{what.network}: {decoys} on {len(what.lans)} LAN{'s' * (len(what.lans) != 1)}"
    size = f'width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
        f'  <title id="title">{escape(summary)}</title>',
        f"  <style>{_STYLE}\n  </style>",
        _text(_MARGIN, 34, "title", f"{what.network} · {decoys}"),
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _height(lan: Lan) -> int:
    rows = -(-len(lan.nodes) // _COLUMNS)
    return _HEAD + rows * (_CELL_HEIGHT + _GAP) + (_PAD - _GAP if rows else 0)


def _lan(lan: Lan, top: int, height: int) -> Iterator[str]:
    yield "  <g>"
    yield f"    <title>{escape(lan.title)}</title>"
    yield (
        f'    <rect class="lan" x="{_MARGIN}" y="{top}" width="{_WIDTH - 2 * _MARGIN}" height="{height}" rx="8"/>'
    )
    yield _text(_MARGIN + _PAD, top + 27, "head", lan.title)
    for position, node in enumerate(lan.nodes):
        row, column = divmod(position, _COLUMNS)
        left = _MARGIN + _PAD + column * (_CELL_WIDTH + _GAP)
        yield from _cell(node, left, top + _HEAD + row * (_CELL_HEIGHT + _GAP))
    yield "  </g>"


def _cell(node: Node, left: int, top: int) -> Iterator[str]:
    title = (node.title, node.addresses, node.os, ", ".join(node.services), node.health)
    state = node.state.value if isinstance(node.state, State) else "plain"
    yield "    <g>"
    yield f"      <title>{escape(chr(10).join(filter(None, title)))}</title>"
    yield f'      <rect class="cell" x="{left}" y="{top}" width="{_CELL_WIDTH}" height="{_CELL_HEIGHT}" rx="5"/>'
    yield f'      <rect class="{state}" x="{left}" y="{top}" width="5" height="{_CELL_HEIGHT}" rx="2"/>'
    yield _text(left + 14, top + 19, "name", _cut(node.title, _LETTERS - 8))
    below = node.addresses if node.count > 1 else f"{node.addresses}  {node.os}"
    yield _text(left + 14, top + 36, "small", _cut(below, _LETTERS))
    last = node.health if node.count > 1 and node.health else ""
    services = ", ".join(node.services)
    yield _text(
        left + 14, top + 52, "small quiet", _cut(f"{services} · {last}" if last else services, _LETTERS)
    )
    yield "    </g>"


def _text(left: int, top: int, kind: str, text: str) -> str:
    return f'    <text class="{kind}" x="{left}" y="{top}">{escape(text)}</text>'


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
