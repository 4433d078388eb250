"""The INI language: text to a document in which every piece knows its place.

Importing this costs no more than the standard library: every command and every service starts here.
"""

from decnet.ini.fmt import format_text
from decnet.ini.inherit import chain, externals, persona_chain, unknown_parent
from decnet.ini.loader import load
from decnet.ini.model import Document, Option, Parent, Section, Text
from decnet.ini.names import did_you_mean, fold, nearest
from decnet.ini.parser import parse
from decnet.ini.problems import Record, records, render
from decnet.ini.ranges import expand
from decnet.ini.resolve import Found, gather, keys, lookup
from decnet.ini.text import items, scalar

__all__ = [
    "Document",
    "Found",
    "Option",
    "Parent",
    "Record",
    "Section",
    "Text",
    "chain",
    "did_you_mean",
    "expand",
    "externals",
    "fold",
    "format_text",
    "gather",
    "items",
    "keys",
    "load",
    "lookup",
    "nearest",
    "parse",
    "persona_chain",
    "records",
    "render",
    "scalar",
    "unknown_parent",
]
