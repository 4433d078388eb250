"""A site: what an app shows at which path, whom it lets in, and which cookies it sets.

A site is a ``site.toml`` among the rendered files, next to the pages it names. `load` turns both into a `Site`.
"""

from __future__ import annotations

import mimetypes
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from decnet.draw import Draw
from decnet.services.http.message import Validators

INDEX = "site.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a path answers with: a file of the bundle, a text, a redirect or the server's own error page.

    ``dynamic`` fills ``$user``, ``$token`` and the like into the body and is always so for a text; a file that is not
    dynamic has an ETag and can be asked for in ranges. ``chunked``: sent without a length.
    """

    status: int = 200
    file: str = ""
    text: str = ""
    type: str = ""
    location: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    dynamic: bool = False
    chunked: bool = False

    @property
    def static(self) -> bool:
        """Whether it is a plain file on the server's disk."""
        return bool(self.file) and not self.dynamic and self.status == 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Credentials in a form, a query or a JSON object: the names of their two members, and what follows.

    ``delay`` is the seconds that checking a password takes (the cost of its hash, or a pause after a failure).
    """

    user: str
    secret: str
    accepted: Answer
    refused: Answer
    delay: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Answer):
    """A path (``/dir/*`` for all below it) with its answer, and who may see it.

    ``guard`` is ``basic`` or ``session``; ``login`` is tried for a request that carries its members.
    """

    path: str
    methods: tuple[str, ...] = ()
    guard: str = ""
    realm: str = ""
    login: Login | None = None
    leave: bool = False
    """Ends the session."""
    member: str = ""
    """The page in its place for somebody who is signed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """The app's session cookie. ``shape`` is ``alphabet:length`` or a text, several joined by ``-``.

    ``glue`` stands between the parts in the cookie; ``always``: set on any page that is not a static file.
    """

    name: str
    shape: str = "hex:32"
    glue: str = "-"
    attributes: str = "; path=/"
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The file ``site.toml``.

    ``certificate`` is a style of `decnet.services.tls`; ``release`` the version that the server's own pages show;
    ``errors`` are by status; ``headers`` come with all that is not a static file.
    """

    server: str
    certificate: str = "debian"
    release: str = ""
    routes: tuple[Route, ...] = ()
    errors: Mapping[str, Answer] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    cookie: Cookie | None = None
    denied: Answer | None = None
    """For a page behind a session; the default sends 403."""


class Site:
    """An index with its pages, ready to look paths up in."""

    def __init__(self, index: Index, files: Mapping[str, bytes], seed: bytes, installed: float) -> None:
        self.index = index
        self._files = files
        self._exact: dict[str, list[Route]] = {}
        self._below: list[Route] = []
        for route in index.routes:
            if route.path.endswith("*"):
                self._below.append(route)
            else:
                self._exact.setdefault(route.path, []).append(route)
        self._below.sort(key=lambda route: -len(route.path))
        self._modified = {
            name: int(installed) + Draw(seed, "modified", name).integer(0, 5400) for name in files
        }

    def find(self, path: str, method: str) -> tuple[Route | None, bool]:
        """The route of a path for a method, and whether the path is known for any method."""
        routes = [*self._exact.get(path, ()), *(r for r in self._below if path.startswith(r.path[:-1]))]
        fitting = "GET" if method == "HEAD" else method
        for route in routes:
            if not route.methods or fitting in route.methods:
                return route, True
        return None, bool(routes)

    def directory(self, path: str) -> bool:
        """Whether the path, with a slash after it, is one of the site's directories."""
        return f"{path}/" in self._exact

    def page(self, answer: Answer) -> bytes:
        """The bytes of an answer's body, before anything is filled in."""
        return self._files[answer.file] if answer.file else answer.text.encode()

    def type(self, answer: Answer) -> str:
        """The media type of an answer."""
        if answer.type:
            return answer.type
        if answer.file:
            return mimetypes.types_map.get("." + answer.file.rpartition(".")[2], "application/octet-stream")
        return "text/html" if answer.text else ""

    def validators(self, answer: Answer) -> Validators:
        """Size and time of a static file."""
        return Validators(len(self._files[answer.file]), self._modified[answer.file])


def load(files: Mapping[str, bytes], seed: bytes, installed: float) -> Site:
    """The site among the rendered files. Raises `ValueError` when its index or a page is missing or malformed."""
    index = msgspec.convert(tomllib.loads(files[INDEX].decode()), Index)
    for answer in _answers(index):
        if answer.file and answer.file not in files:
            raise ValueError(f"{INDEX} names the page {answer.file!r}, which is not among the templates")
    return Site(index, files, seed, installed)


def _answers(index: Index) -> list[Answer]:
    found: list[Answer] = [*index.routes, *index.errors.values()]
    for route in index.routes:
        if route.login:
            found += [route.login.accepted, route.login.refused]
    return found
