"""A subset of awk (POSIX.1-2017 XCU awk): patterns, fields, arrays, functions of the language, printf; bounded."""

from decnet.services.shell.awk.machine import Awk
from decnet.services.shell.awk.parser import AwkFault, parse

__all__ = ["Awk", "AwkFault", "parse"]
