"""Character devices to read from."""

from __future__ import annotations

from decnet.draw import Draw
from decnet.services.shell.nodes import Node
from decnet.services.shell.streams import BytesInput, Input


class _Zero:
    async def read(self, limit: int) -> bytes:
        return bytes(min(limit, 32_768))


class _Random:
    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    async def read(self, limit: int) -> bytes:
        return self._draw.bytes(min(limit, 4096))


def device_input(node: Node, draw: Draw) -> Input:
    """What reading the device gives: zeros, noise, or the end."""
    if node.device in ((1, 5), (1, 7)):
        return _Zero()
    if node.device in ((1, 8), (1, 9)):
        return _Random(draw.child(draw.hex(8)))
    return BytesInput()
