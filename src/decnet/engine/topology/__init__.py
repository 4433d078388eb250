"""The topology of a network: its LANs and who stands on them, as a value and as pictures. Pure."""

from decnet.engine.topology.dot import dot
from decnet.engine.topology.model import Lan, Node, Topology, topology
from decnet.engine.topology.svg import svg
from decnet.engine.topology.text import text

__all__ = ["Lan", "Node", "Topology", "dot", "svg", "text", "topology"]
