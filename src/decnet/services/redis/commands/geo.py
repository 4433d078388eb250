"""Places on the map, kept as 52-bit geohashes in the scores of a sorted set (geo.c, geohash.c)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option, real
from decnet.services.redis.commands.sortedsets import zadd
from decnet.services.redis.dataset import SortedSet
from decnet.services.redis.reply import NO_ARRAY, Raw, Refused
from decnet.services.redis.table import command

LATITUDE, LONGITUDE = 85.05112878, 180.0
STEPS = 26
EARTH = 6372797.560856
"""Radius in metres."""
_UNITS = {"M": 1.0, "KM": 1000.0, "FT": 0.3048, "MI": 1609.34}
_BASE32 = b"0123456789bcdefghjkmnpqrstuvwxyz"
UNKNOWN_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI"


def _spread(value: int) -> int:
    return int(f"{value:b}", 4)


def _gathered(value: int) -> int:
    return int(f"{value:052b}"[1::2], 2)


def geohash(longitude: float, latitude: float, bound: float = LATITUDE) -> int:
    """Both as 26 bits each, interleaved, longitude first."""
    x = int((longitude + LONGITUDE) / (2 * LONGITUDE) * (1 << STEPS))
    y = int((latitude + bound) / (2 * bound) * (1 << STEPS))
    top = (1 << STEPS) - 1
    return _spread(min(x, top)) << 1 | _spread(min(y, top))


def position(score: float) -> tuple[float, float]:
    """Longitude and latitude of the middle of a geohash's cell."""
    bits = int(score) & ((1 << 52) - 1)
    x, y = _gathered(bits >> 1), _gathered(bits)
    cell = float(1 << STEPS)
    west, east = -LONGITUDE + x / cell * 360.0, -LONGITUDE + (x + 1) / cell * 360.0
    south, north = -LATITUDE + y / cell * 2 * LATITUDE, -LATITUDE + (y + 1) / cell * 2 * LATITUDE
    return (west + east) / 2, (south + north) / 2


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres along the surface (haversine)."""
    lon1, lat1, lon2, lat2 = map(math.radians, (*one, *other))
    v = math.sin((lon2 - lon1) / 2)
    if v == 0.0:
        return EARTH * abs(lat2 - lat1)
    u = math.sin((lat2 - lat1) / 2)
    return 2.0 * EARTH * math.asin(math.sqrt(u * u + math.cos(lat1) * math.cos(lat2) * v * v))


def _place(longitude: bytes, latitude: bytes) -> tuple[float, float]:
    x, y = real(longitude), real(latitude)
    if not (-LONGITUDE <= x <= LONGITUDE and -LATITUDE <= y <= LATITUDE):
        raise Refused(f"ERR invalid longitude,latitude pair {x:.6f},{y:.6f}")
    return x, y


def _human(call: Call, value: float) -> Any:
    """A coordinate as addReplyHumanLongDouble prints it: 17 decimals, no zeros at the end."""
    text = f"{value:.17f}".rstrip("0").rstrip(".").encode()
    return Raw(b",%b\r\n" % text) if call.client.out.resp3 else text


def _pair(call: Call, place: tuple[float, float]) -> list[Any]:
    return [_human(call, place[0]), _human(call, place[1])]


@command("geoadd")
def geoadd(call: Call) -> Any:
    args, at = call.args, 2
    while at < len(args) and option(args[at]) in {"NX", "XX", "CH"}:
        at += 1
    rest = args[at:]
    if not rest or len(rest) % 3 or {"NX", "XX"} <= {option(word) for word in args[2:at]}:
        raise Refused(SYNTAX)
    words = list(args[:at])
    for x, y, member in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        words += [b"%d" % geohash(*_place(x, y)), member]
    call.args = words
    return zadd(call)


def _scores(call: Call) -> dict[bytes, float]:
    value = call.find(SortedSet)
    return value.scores if value is not None else {}


@command("geopos")
def geopos(call: Call) -> Any:
    from_member = _scores(call)
    return [
        _pair(call, position(from_member[member])) if member in from_member else NO_ARRAY
        for member in call.args[2:]
    ]


@command("geohash")
def geohash_(call: Call) -> Any:
    scores = _scores(call)
    told: list[bytes | None] = []
    for member in call.args[2:]:
        if member not in scores:
            told.append(None)
            continue
        # The public geohash counts latitudes from -90 to 90 and has 55 bits, of which 52 are known.
        bits = geohash(*position(scores[member]), bound=90.0)
        told.append(bytes(_BASE32[bits >> (52 - (i + 1) * 5) & 31] for i in range(10)) + b"0")
    return told


@command("geodist")
def geodist(call: Call) -> Any:
    args = call.args
    if len(args) > 5:
        raise Refused(SYNTAX)
    unit = _unit(args[4]) if len(args) == 5 else 1.0
    scores = _scores(call)
    if args[2] not in scores or args[3] not in scores:
        return None
    return b"%.4f" % (distance(position(scores[args[2]]), position(scores[args[3]])) / unit)


def _unit(text: bytes) -> float:
    unit = _UNITS.get(option(text))
    if unit is None:
        raise Refused(UNKNOWN_UNIT)
    return unit


@dataclass(slots=True)
class _Query:
    """What GEOSEARCH and GEORADIUS look for; lengths in metres."""

    center: tuple[float, float] | None = None
    radius: float | None = None
    box: tuple[float, float] | None = None
    unit: float = 1.0
    sort: str = ""
    count: int = 0
    any: bool = False
    shows: set[str] = field(default_factory=set)
    store: bytes | None = None
    store_distances: bool = False


def _length(text: bytes, what: str) -> float:
    value = real(text, f"ERR need numeric {what}")
    if value < 0:
        raise Refused(
            f"ERR {what} cannot be negative" if what == "radius" else "ERR height or width cannot be negative"
        )
    return value


def _member(scores: dict[bytes, float], member: bytes, *, known: bool) -> tuple[float, float] | None:
    if member in scores:
        return position(scores[member])
    if known:
        raise Refused("ERR could not decode requested zset member")
    return None


def _options(call: Call, query: _Query, at: int, scores: dict[bytes, float]) -> None:  # noqa: C901, PLR0912 (one branch an option)
    args, name = call.args, call.spec.name
    search = name.startswith("geosearch")
    while at < len(args):
        word, left = option(args[at]), len(args) - at - 1
        if word in {"WITHDIST", "WITHHASH", "WITHCOORD"}:
            query.shows.add(word)
        elif word in {"ASC", "DESC"}:
            query.sort = word
        elif word == "ANY":
            query.any = True
        elif word == "COUNT" and left:
            query.count = number(args[at + 1])
            if query.count <= 0:
                raise Refused("ERR COUNT must be > 0")
            at += 1
        elif word in {"STORE", "STOREDIST"} and left and not search and not name.endswith("_ro"):
            query.store, query.store_distances = args[at + 1], word == "STOREDIST"
            at += 1
        elif word == "STOREDIST" and name == "geosearchstore":
            query.store_distances = True
        elif word == "FROMMEMBER" and left and search and query.center is None:
            query.center = _member(scores, args[at + 1], known=bool(scores))
            query.center = query.center or (0.0, 0.0)
            at += 1
        elif word == "FROMLONLAT" and left >= 2 and search and query.center is None:
            query.center = _place(args[at + 1], args[at + 2])
            at += 2
        elif word == "BYRADIUS" and left >= 2 and search and query.radius is None and query.box is None:
            query.radius, query.unit = _length(args[at + 1], "radius"), _unit(args[at + 2])
            at += 2
        elif word == "BYBOX" and left >= 3 and search and query.radius is None and query.box is None:
            query.box = _length(args[at + 1], "width"), _length(args[at + 2], "height")
            query.unit = _unit(args[at + 3])
            at += 3
        else:
            raise Refused(SYNTAX)
        at += 1
    if query.any and not query.count:
        raise Refused("ERR the ANY argument requires COUNT argument")
    if (query.store is not None) and query.shows:
        raise Refused(
            f"ERR {'GEOSEARCHSTORE' if search else 'STORE option in GEORADIUS'} is not compatible with "
            "WITHDIST, WITHHASH and WITHCOORD options"
        )
    if search and query.center is None:
        raise Refused(f"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}")
    if search and query.radius is None and query.box is None:
        raise Refused(f"ERR exactly one of BYRADIUS and BYBOX can be specified for {name}")


def _within(query: _Query, place: tuple[float, float]) -> float | None:
    """Metres from the centre, or None where that is outside."""
    center = query.center or (0.0, 0.0)
    if query.radius is not None:
        far = distance(center, place)
        return far if far <= query.radius * query.unit else None
    width, height = query.box or (0.0, 0.0)
    if distance((place[0], place[1]), (place[0], center[1])) > height * query.unit / 2:
        return None
    if distance((center[0], place[1]), place) > width * query.unit / 2:
        return None
    return distance(center, place)


def _found(query: _Query, scores: list[tuple[float, bytes]]) -> list[tuple[float, float, bytes]]:
    """Metres, score, member of all that is inside, as sorted and as many as asked."""
    rows = []
    for score, member in scores:
        far = _within(query, position(score))
        if far is not None:
            rows.append((far, score, member))
            if query.any and len(rows) >= query.count:
                break
    if query.sort or (query.count and not query.any):
        rows.sort(key=lambda row: row[0], reverse=query.sort == "DESC")
    return rows[: query.count] if query.count else rows


def _answer(call: Call, query: _Query, value: SortedSet | None) -> Any:
    rows = _found(query, value.order if value is not None else [])
    if query.store is not None:
        kept = SortedSet(
            (member, far / query.unit if query.store_distances else score) for far, score, member in rows
        )
        call.db.delete(query.store)
        if len(kept):
            call.db.put(query.store, kept)
        return len(kept)
    if not query.shows:
        return [member for _, _, member in rows]
    told = []
    for far, score, member in rows:
        row: list[Any] = [member]
        if "WITHDIST" in query.shows:
            row.append(b"%.4f" % (far / query.unit))
        if "WITHHASH" in query.shows:
            row.append(int(score))
        if "WITHCOORD" in query.shows:
            row.append(_pair(call, position(score)))
        told.append(row)
    return told


@command("geosearch", "geosearchstore")
def geosearch(call: Call) -> Any:
    storing = call.spec.name == "geosearchstore"
    source = call.args[2 if storing else 1]
    value = call.find(SortedSet, source)
    query = _Query(store=call.args[1] if storing else None)
    _options(call, query, 3 if storing else 2, value.scores if value is not None else {})
    return _answer(call, query, value)


@command("georadius", "georadius_ro", "georadiusbymember", "georadiusbymember_ro")
def georadius(call: Call) -> Any:
    args, by_member = call.args, "bymember" in call.spec.name
    value = call.find(SortedSet)
    scores = value.scores if value is not None else {}
    query, at = _Query(), 5 if by_member else 6
    if by_member:
        query.center = _member(scores, args[2], known=value is not None)
    else:
        query.center = _place(args[2], args[3])
    query.radius, query.unit = _length(args[at - 2], "radius"), _unit(args[at - 1])
    _options(call, query, at, scores)
    return _answer(call, query, value)
