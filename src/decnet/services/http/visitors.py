"""Who is signed in: sessions by cookie, bounded, and the credentials that requests carry."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import string
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import parse_qsl

import msgspec

from decnet.services.accounts import Credential
from decnet.services.http.message import Request
from decnet.services.http.site import Cookie, Login

SESSIONS = 2048
"""Sessions that one site remembers; the one least used goes first."""
ALPHABETS = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "alnum": string.ascii_lowercase + string.digits,
    "Alnum": string.ascii_letters + string.digits,
    "b64": string.ascii_letters + string.digits + "-_",
    "digit": string.digits,
}


class Sessions:
    """Session ids that the site gave out, and who is signed in under each."""

    def __init__(self, cookie: Cookie | None, seed: bytes) -> None:
        self.cookie = cookie
        self._seed = seed
        self._users: OrderedDict[str, str] = OrderedDict()

    def of(self, request: Request) -> str:
        """The valid session id that a request carries, or an empty text."""
        if self.cookie is None:
            return ""
        for value in request.head.all("cookie"):
            for pair in value.split(";"):
                name, _, text = pair.strip().partition("=")
                if name == self.cookie.name and text in self._users:
                    self._users.move_to_end(text)
                    return text
        return ""

    def start(self, user: str = "") -> str:
        """A new session."""
        shape = self.cookie.shape if self.cookie else "hex:32"
        glue = self.cookie.glue if self.cookie else ""
        session = glue.join(_random(part) for part in shape.split("-"))
        self._users[session] = user
        while len(self._users) > SESSIONS:
            self._users.popitem(last=False)
        return session

    def end(self, session: str) -> None:
        """Forget a session."""
        self._users.pop(session, None)

    def user(self, session: str) -> str:
        """Who is signed in, or an empty text."""
        return self._users.get(session, "")

    def token(self, session: str, length: int = 64) -> str:
        """A token against forged requests: the same for one session, another for each."""
        return hashlib.blake2b(session.encode(), key=self._seed, digest_size=64).hexdigest()[:length]

    def field(self, session: str) -> tuple[str, str]:
        """The Set-Cookie field of a session."""
        cookie = self.cookie
        if cookie is None:
            raise ValueError("the site has no session cookie")
        return "Set-Cookie", f"{cookie.name}={session}{cookie.attributes}"


def _random(part: str) -> str:
    alphabet, _, length = part.partition(":")
    if alphabet not in ALPHABETS:
        return part
    return "".join(secrets.choice(ALPHABETS[alphabet]) for _ in range(int(length)))


def accepted(users: Iterable[Credential], name: str, password: str) -> bool:
    """Whether these credentials let somebody in. User names ignore case, a domain before or behind does not count."""
    bare = name.rpartition("\\")[2].partition("@")[0].lower()
    return any(bare == user.name.lower() and password == user.password for user in users)


def basic(request: Request) -> tuple[str, str] | None:
    """Name and password of HTTP Basic (RFC 7617), or None without them."""
    scheme, _, text = request.head.get("authorization").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.decode("utf-8", "replace").partition(":")
    return (name, password) if colon else None


def submitted(request: Request, login: Login) -> tuple[str, str] | None:
    """Name and password from a form, a query or a JSON object, or None without them."""
    values = _members(request)
    if login.user not in values and login.secret not in values:
        return None
    return values.get(login.user, ""), values.get(login.secret, "")


def _members(request: Request) -> dict[str, str]:
    """Members of query and body, at most 100 of each; the last of a name counts."""
    sample = request.body.sample
    members: dict[str, str] = {}
    texts = [request.query]
    if sample.lstrip()[:1] == b"{":
        try:
            decoded = msgspec.json.decode(sample)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            decoded = {}
        members.update({name: str(value) for name, value in list(decoded.items())[:100]})
    else:
        texts.append(sample.decode("latin-1"))
    for text in texts:
        try:
            members.update(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
        except ValueError:
            continue
    return members
