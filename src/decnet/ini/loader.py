"""A file and all that it includes, as one document."""

from __future__ import annotations

import gc
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from decnet.errors import InvalidInput, Problem, Span
from decnet.ini.inherit import cycles
from decnet.ini.model import Document, Section
from decnet.ini.names import fold, quote
from decnet.ini.parser import MAX_PROBLEMS, Parser, duplicate_section
from decnet.ini.reading import MAX_BYTES, Unreadable, read_text
from decnet.ini.resolve import lookup
from decnet.ini.text import items

GENERAL = "general"
INCLUDE = "include"
MAX_FILES = 1000
MAX_DEPTH = 32
MAX_TOTAL = 4 * MAX_BYTES


def load(path: Path | str, env: str = "") -> Document:
    """The document of a file, with everything that ``[general] include`` names.

    An included file may hold a ``[general]`` with an ``include`` of its own and no other key. Each file is read
    once. At most 16 MB and 500,000 lines a file, 64 MB in all, 1,000 files, 32 deep.
    Raises `InvalidInput` with every problem of every file.
    """
    with _uncollected():
        loader = _Loader(fold(env))
        loader.read(Path(path), Span(str(path), 0), ())
        document = Document(str(path), loader.sections, fold(env))
        problems = (*loader.problems, *cycles(document))
    if problems:
        raise InvalidInput(problems)
    return document


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector: these values have no cycles, and its passes cost a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Loader:
    def __init__(self, env: str) -> None:
        self.env = env
        self.sections: dict[str, Section] = {}
        self.problems: list[Problem] = []
        self._seen: set[str] = set()
        self._characters = 0

    def read(self, path: Path, where: Span, stack: tuple[str, ...]) -> None:
        """Add a file's sections, and those of its includes after them."""
        try:
            identity = os.path.realpath(path)
        except ValueError:  # a NUL in the name; opening it says so
            identity = str(path)
        if identity in stack:
            message = f"{quote(str(path))} includes itself" + (
                " by way of others" if stack[-1] != identity else ""
            )
            self._problem("include-cycle", message, where, "narrow the pattern, or remove the line")
            return
        if identity in self._seen:
            return
        self._seen.add(identity)
        if len(self._seen) > MAX_FILES or len(stack) > MAX_DEPTH:
            limit = f"more than {MAX_FILES} files" if len(stack) <= MAX_DEPTH else f"deeper than {MAX_DEPTH}"
            self._problem("too-large", f"includes reach {limit}", where)
            return
        try:
            text = read_text(path, where)
        except Unreadable as error:
            problem = error.problem
            missing = stack and not path.exists()
            self.problems.append(
                Problem("include-missing", problem.message, where, "paths are relative to the including file")
                if missing
                else problem
            )
            return
        self._characters += len(text)
        if self._characters > MAX_TOTAL or len(self.problems) >= MAX_PROBLEMS:
            self._problem(
                "too-large", f"the files have more than {MAX_TOTAL // 1024 // 1024} MB in all", where
            )
            return
        parser = Parser(text, str(path))
        self.problems += parser.problems
        own = {section.key: section for section in parser.sections}
        for section in parser.sections:
            self._add(section, included=bool(stack))
        if GENERAL in own:
            self._include(Document(str(path), own, self.env), own[GENERAL], (*stack, identity))

    def _problem(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.problems.append(Problem(code, message, span, hint))

    def _add(self, section: Section, *, included: bool) -> None:
        if included and section.key == GENERAL and all(option.key == INCLUDE for option in section.options):
            return
        before = self.sections.setdefault(section.key, section)
        if before is not section:
            self.problems.append(duplicate_section(section, before))

    def _include(self, document: Document, general: Section, stack: tuple[str, ...]) -> None:
        try:
            found = lookup(document, (general,), INCLUDE)
        except InvalidInput as error:
            self.problems += error.problems
            return
        base = Path(document.file).parent
        for item in items(found.text) if found else ():
            pattern = base / item.raw
            if not glob.has_magic(item.raw):
                self.read(pattern, item.span, stack)
                continue
            if not glob.has_magic(str(pattern.parent)) and not pattern.parent.is_dir():
                message = f"there is no directory {quote(str(pattern.parent))}"
                self._problem(
                    "include-missing", message, item.span, "paths are relative to the including file"
                )
            names = glob.iglob(_escaped(base, item.raw), recursive=True)  # noqa: PTH207 (Path.glob refuses absolute patterns)
            for name in sorted(islice(names, MAX_FILES + 1)):
                if not Path(name).is_dir():
                    self.read(Path(name), item.span, stack)


def _escaped(base: Path, pattern: str) -> str:
    """The pattern below a directory whose own name may hold brackets and stars."""
    return pattern if Path(pattern).is_absolute() else str(Path(glob.escape(str(base))) / pattern)
