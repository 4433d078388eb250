"""TCP/IP personalities: what a profile says, as the programs in bpf/ read it. Touches no machine."""

from decnet.stack.keys import Personality
from decnet.stack.layout import ANSWERS, Value, begun, class_id, key, unpacked, value
from decnet.stack.options import Options
from decnet.stack.program import Object, Program, linked, shipped
from decnet.stack.settings import route_window, sysctls

__all__ = [
    "ANSWERS",
    "Object",
    "Options",
    "Personality",
    "Program",
    "Value",
    "begun",
    "class_id",
    "key",
    "linked",
    "route_window",
    "shipped",
    "sysctls",
    "unpacked",
    "value",
]
