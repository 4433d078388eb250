"""What the keys of a personality may say each alone, but not together, or not to any effect. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from decnet.errors import Problem, Span
from decnet.ini import Text
from decnet.stack import Personality
from decnet.stack.keys import Window

_QUOTE = 56
"""An ICMP error with the header and 8 bytes of what it answers (RFC 792): no system quotes less."""
_SPREAD = 9 / 8
"""Steps of sequence numbers lie up to so much of `isn.dev` from the mean."""
_SETS = ("none", "w", "s", "ws", "t", "wt", "st", "wst")
_OPEN = ("t2", "t3", "null_open", "fin_open", "xmas_open")
_CLOSED = ("t4", "t5", "t6", "t7")


def contradictions(made: Personality, texts: Mapping[str, Text], where: Span) -> Iterator[Problem]:
    """``texts`` are the keys that this profile gives itself, such as ``tcp.mss``; ``where`` is its section."""

    def wrong(key: str, said: str, hint: str = "") -> Problem:
        near = (text.span for name, text in texts.items() if name.startswith(key.partition(".")[0] + "."))
        return Problem(
            "bad-value", f"{key}: {said}", texts[key].span if key in texts else next(near, where), hint
        )

    for findings in (_options(made), _windows(made), _isn(made, texts), _answers(made, texts)):
        for finding in findings:
            yield wrong(*finding)
    if 0 < made.u1.ipl < _QUOTE:
        yield wrong("u1.ipl", f"{made.u1.ipl} bytes hold no quotation; it is 0 or at least {_QUOTE}")
    if "tcp.ts_hz" in texts and not made.tcp.timestamps:
        yield wrong("tcp.ts_hz", "has no effect without time stamps", "say tcp.timestamps = yes")


def _options(made: Personality) -> Iterator[tuple[str, ...]]:
    """Options that announce what the kernel is told not to do, or that nobody reads."""
    tcp = made.tcp
    able = {"w": tcp.wscale is not None, "s": tcp.sack, "t": tcp.timestamps}
    told = {f"tcp.opts_{name}": getattr(tcp, f"opts_{name}") for name in _SETS}
    for name in _SETS:
        features = frozenset(name if name != "none" else "")
        key = f"tcp.opts_{name}"
        if all(able[letter] for letter in features):  # else never the case on such a host
            wanted = frozenset(letter.upper() for letter in features)
            if told[key].features != wanted:
                yield key, f"has to have {' and '.join(sorted(wanted)) or 'none of W, S, T'}"
    if tcp.syn_opts is not None:
        told["tcp.syn_opts"] = tcp.syn_opts
        wanted = frozenset(letter.upper() for letter, has in able.items() if has)
        if tcp.syn_opts.features not in (wanted, wanted - {"T"}):  # time stamps may go unoffered
            listed = " and ".join(sorted(wanted)) or "none of W, S, T"
            yield "tcp.syn_opts", f"has to have {listed}{', T or not' if 'T' in wanted else ''}"
    for key, options in told.items():
        if set(options.partition("E")[2]) - set("E,"):
            yield key, "nobody reads what follows E, the end of the list"


def _windows(made: Personality) -> Iterator[tuple[str, ...]]:
    tcp = made.tcp
    for name in ("win", *(f"win_{one}" for one in _SETS), "syn_window"):
        window: Window | None = getattr(tcp, name)
        if window is None:
            continue
        if window.size == 0:
            yield f"tcp.{name}", "a window of 0 lets nobody send"
        elif window.startswith("floor-mss") and window.size < tcp.mss:
            yield f"tcp.{name}", f"no multiple of the MSS, {tcp.mss}, is in {window.size}"


def _isn(made: Personality, texts: Mapping[str, Text]) -> Iterator[tuple[str, ...]]:
    isn = made.isn
    if isn.mode != "sequence":
        for name in ("mean", "dev", "gcd", "tick"):
            if f"isn.{name}" in texts:
                yield f"isn.{name}", "has no effect on the kernel's numbers", "say isn.mode = sequence"
    elif isn.dev * _SPREAD > isn.mean:
        yield "isn.dev", f"steps would go back: at most {int(isn.mean / _SPREAD)} with a mean of {isn.mean}"
    elif isn.gcd > 1 and isn.gcd > isn.mean - int(isn.dev * _SPREAD):
        yield "isn.gcd", "is larger than the smallest step"


def _answers(made: Personality, texts: Mapping[str, Text]) -> Iterator[tuple[str, ...]]:
    for name in (*_OPEN, *_CLOSED):
        mode = getattr(made, name).mode
        if mode == "as-syn" and name in _CLOSED:
            yield f"{name}.mode", "only a SYN to an open port begins a connection", "t2 and t3 may say as-syn"
        if mode == "reply":
            continue
        for key in ("flags", "seq", "ack", "win", "ttl", "df"):
            if f"{name}.{key}" in texts:
                yield f"{name}.{key}", f"has no effect with mode {mode}", f"say {name}.mode = reply"
