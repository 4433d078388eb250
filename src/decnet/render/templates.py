"""Jinja2, held short: sandboxed, strict, deterministic, with errors that say where."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

import decnet
from decnet.draw import Draw
from decnet.errors import InvalidInput, Problem, Span

INSTALLED = Path(decnet.__file__).parent / "templates"
SITE = Path("/etc/decnet/templates")
SUFFIX = ".j2"
FILE_LIMIT = 1024 * 1024
"""Bytes of one template file."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a service's folders: its path in the bundle, and its template or its bytes."""

    path: str
    template: jinja2.Template | None
    content: bytes


class Templates:
    """The template folders: ``overlays`` win over /etc/decnet/templates, that over what is installed."""

    def __init__(self, overlays: Sequence[Path] = ()) -> None:
        self._roots = [root for root in (*overlays, SITE, INSTALLED) if root.is_dir()]
        self._environment = _environment(jinja2.FileSystemLoader([str(root) for root in self._roots]))
        self._folders: dict[tuple[str, ...], tuple[_File, ...]] = {}

    def render(self, folders: tuple[str, ...], context: Mapping[str, Any], span: Span) -> dict[str, bytes]:
        """Every file of the folders, path → bytes; a later folder wins over an earlier one.

        Raises `InvalidInput` with the template's place; ``span``, the INI line that led to it, is named beside it.
        """
        files = self._folders.get(folders)
        if files is None:
            files = self._folders[folders] = tuple(self._load(folders, span))
        rendered: dict[str, bytes] = {}
        names = {**self._environment.globals, **context}
        for file in files:
            if file.template is None:
                rendered[file.path] = file.content
                continue
            try:
                rendered[file.path] = self._render(file.template, names).encode()
            except Exception as error:  # noqa: BLE001 (a template may raise anything: its author is told where)
                raise InvalidInput((_problem(error, file.template, span),)) from None
        return rendered

    def _render(self, template: jinja2.Template, names: dict[str, Any]) -> str:
        """As `jinja2.Template.render`, which makes a copy of all names for each file: a third of its time."""
        environment = self._environment
        context = environment.context_class(environment, names, template.name, template.blocks)
        try:
            return environment.concat(template.root_render_func(context))
        except Exception:  # noqa: BLE001 (raised again, with the template's own lines in its traceback)
            environment.handle_exception()

    def _load(self, folders: Iterable[str], span: Span) -> list[_File]:
        found: dict[str, _File] = {}
        for folder in folders:
            for path, source in sorted(self._listing(folder).items()):
                if path.endswith(SUFFIX):
                    target = path.removesuffix(SUFFIX)
                    found[target] = _File(target, self._compile(f"{folder}/{path}", span), b"")
                else:
                    found[path] = _File(path, None, _content(source, span))
        return list(found.values())

    def _listing(self, folder: str) -> dict[str, Path]:
        listing: dict[str, Path] = {}
        for root in reversed(self._roots):
            base = root / folder
            listing.update({str(p.relative_to(base)): p for p in base.rglob("*") if p.is_file()})
        return listing

    def _compile(self, name: str, span: Span) -> jinja2.Template:
        try:
            return self._environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            place = Span(error.filename or name, error.lineno, text=_line(error.filename or "", error.lineno))
            problem = Problem("template-syntax", error.message or "syntax error", place, related=(span,))
            raise InvalidInput((problem,)) from None
        except UnicodeDecodeError as error:
            raise InvalidInput(
                (_unusable("bad-encoding", self._where(name), f"is not UTF-8: {error.reason}", span),)
            ) from None

    def _where(self, name: str) -> str:
        return next((str(root / name) for root in self._roots if (root / name).is_file()), name)


def expand(pattern: str, context: Mapping[str, Any]) -> str:
    """A one-line Jinja pattern of the INI file (``WS-{{ n }}``). Raises `ValueError` with what is wrong in it."""
    if "{" not in pattern:
        return pattern
    try:
        return _pattern(pattern).render(context)
    except Exception as error:  # noqa: BLE001 (a pattern may raise anything: it becomes a problem with a place)
        raise ValueError(str(error)) from None


@cache
def _pattern(pattern: str) -> jinja2.Template:
    return _environment(None).from_string(pattern)


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, with a short way for our own values: their public attributes are what templates are given."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr[:1] != "_" and (type(obj) is Draw or hasattr(type(obj), "__dataclass_fields__")):
            return True
        return super().is_safe_attribute(obj, attr, value)


def _environment(loader: jinja2.BaseLoader | None) -> _Sandbox:
    return _Sandbox(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _content(source: Path, span: Span) -> bytes:
    try:
        if source.stat().st_size > FILE_LIMIT:
            raise InvalidInput(
                (_unusable("too-large", str(source), f"has more than {FILE_LIMIT // 1024} KB", span),)
            )
        return source.read_bytes()
    except OSError as error:
        raise InvalidInput(
            (_unusable("unreadable", str(source), f"cannot be read: {error.strerror}", span),)
        ) from None


def _unusable(code: str, file: str, why: str, span: Span) -> Problem:
    return Problem(code, f"the template file {why}", Span(file, 0), f"rendered for {span}", (span,))


def _problem(error: Exception, template: jinja2.Template, span: Span) -> Problem:
    """The innermost template line of an error's traceback, and the INI line that led there."""
    file, line = template.filename or str(template.name), 1
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.endswith(SUFFIX):
            file, line = frame.filename, frame.lineno or 1
    undefined = isinstance(error, jinja2.UndefinedError)
    return Problem(
        code="undefined-variable" if undefined else "template-error",
        message=str(error) or type(error).__name__,
        span=Span(file, line, text=_line(file, line)),
        hint=f"rendered for {span}",
        related=(span,),
    )


def _line(file: str, number: int) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace").splitlines()[number - 1]
    except (OSError, IndexError):
        return ""
