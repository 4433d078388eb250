"""``decnet api`` and ``decnet api token``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.grouped import CommandWithMore
from decnet.cli.options import DURATION, json_option, state_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from decnet.api.inventory import Applied
    from decnet.api.site import Facts

_LOOK_SECONDS = 30.0


@click.group(
    "api",
    cls=CommandWithMore,
    invoke_without_command=True,
    epilog="Example: decnet api --port 8080",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port; 0 is any."
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Certificate (chain), PEM; needed for an address that is not loopback.",
)
@click.option(
    "--tls-key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Its private key, PEM."
)
@state_option
def command(host: str, port: int, tls_cert: Path | None, tls_key: Path | None, state_dir: Path) -> None:
    """Serve the event store over HTTP, read-only, until interrupted.

    A token is needed for everything but /health: `decnet api token new`. As root it serves without any privilege.
    """
    from decnet.api import tokens
    from decnet.errors import DecnetError, UsageError

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(f"{host} is no address", hint="127.0.0.1, ::1 or one of this machine") from None
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("a certificate and its key go together", hint="--tls-cert FILE --tls-key FILE")
    known = tokens.load(state_dir)
    if not address.is_loopback and tls_cert is None:
        raise UsageError(f"{host} is not loopback: it needs TLS", hint="--tls-cert FILE --tls-key FILE")
    if not address.is_loopback and not known:
        raise UsageError(f"{host} is not loopback, and there is no token", hint="decnet api token new NAME")
    try:
        from decnet.api.keeper import serve
        from decnet.api.server import Settings
    except ModuleNotFoundError as error:
        raise DecnetError(
            f"{error.name} is not installed",
            hint="pip install fastapi uvicorn uvloop httptools prometheus-client",
        ) from None
    if not known:
        click.echo("there is no token yet: decnet api token new NAME", err=True)
    settings = Settings(state_dir, host, port, tls_cert, tls_key)
    raise SystemExit(serve(settings, _facts(state_dir), lambda words: click.echo(words, err=True)))


def _facts(state_dir: Path) -> Callable[[], Facts]:
    """Tokens as they are now, and networks: looked at now and then, for that takes a while."""
    import time

    from decnet.api import tokens
    from decnet.api.site import Facts

    networks: tuple[Applied, ...] = ()
    due = 0.0

    def look() -> Facts:
        nonlocal networks, due
        if time.monotonic() >= due:
            networks = _networks(state_dir)
            due = time.monotonic() + _LOOK_SECONDS
        return Facts(tokens.load(state_dir), networks)

    return look


def _networks(state_dir: Path) -> tuple[Applied, ...]:
    from decnet import engine, state
    from decnet.api.inventory import applied
    from decnet.cli.pipeline import world
    from decnet.errors import DecnetError

    found = []
    for about in state.networks(state_dir):
        saved = state.read(state_dir, about.network)
        states: tuple[engine.DecoyStatus, ...] = ()
        try:
            with world(about.network, state_dir) as machine:
                observed = machine.observe(engine.expected(saved))
            states = engine.status(engine.recover(saved, observed), observed).decoys
        except (DecnetError, OSError):
            pass  # who may not look at the machine is told what was applied
        found.append(applied(saved, states))
    return tuple(found)


@command.group("token")
def token() -> None:
    """Make, list and revoke the tokens of the API."""


@token.command("new", epilog="Example: decnet api token new dashboard --expires 90d")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "overview"]),
    default=("read",),
    help="read: everything; overview: networks, decoys and totals, nothing that a visitor typed.",
)
@click.option(
    "--expires", type=DURATION, metavar="AGE", help="How long it lives: 90d, 12h; for good without it."
)
@state_option
def new(name: str, scopes: tuple[str, ...], expires: int | None, state_dir: Path) -> None:
    """Make a token and print it, once: only its digest is kept."""
    from decnet.api import tokens
    from decnet.errors import UsageError
    from decnet.events import safe_text

    if not name or len(name) > 64 or safe_text(name) != name:
        raise UsageError("a name has 1 to 64 printable characters")
    made, secret = tokens.new(state_dir, name, tuple(map(tokens.Scope, scopes)), expires or 0)
    click.echo(secret)
    click.echo(f"{made.name} ({made.id}): keep it, it is shown this once", err=True)


@token.command("list")
@json_option
@state_option
def list_(as_json: bool, state_dir: Path) -> None:
    """List tokens by name, with what they are for and when they end."""
    import msgspec

    from decnet.api import tokens
    from decnet.cli.output import print_json, table
    from decnet.events.store import stamp

    def when(second: int) -> str:
        return f"{stamp(second * 1_000_000)[:19]}Z" if second else "never"

    known = tokens.load(state_dir)
    if as_json:
        records = [
            {"id": one.id, "name": one.name, "scopes": one.scopes, "created": when(one.created),
             "expires": when(one.expires)}
            for one in known
        ]  # fmt: skip
        print_json(msgspec.json.encode({"format_version": 1, "tokens": records}))
        return
    rows = [(one.name, one.id, ", ".join(one.scopes), when(one.created), when(one.expires)) for one in known]
    table(("NAME", "ID", "SCOPES", "CREATED", "EXPIRES"), rows)


@token.command("revoke", epilog="Example: decnet api token revoke dashboard")
@click.argument("name", metavar="NAME|ID")
@state_option
def revoke(name: str, state_dir: Path) -> None:
    """Take a token away; a server that runs refuses it within a second."""
    from decnet.api import tokens

    gone = tokens.revoke(state_dir, name)
    click.echo(f"{gone.name} ({gone.id}) opens nothing any more")
