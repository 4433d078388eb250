"""The table of rules that stands in for the programs of a personality where the kernel takes none.

It is beside containment, in the decoy's own namespace, and neither touches the other. Its last chain has no rules: its
name says which value the table is of, and what the kernel made of it, so that a look sees when it is not whole.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
from collections.abc import Mapping, Sequence

from decnet.stack import Personality, value
from decnet.world import expressions, namespaces, nftables, rewrites, sysctls
from decnet.world.nftables import NFPROTO_INET, Chain, FilterSocket, Place, Rule, Standing, Table
from decnet.world.rewrites import Needs

TABLE = "rewriting"
OURS = Place(NFPROTO_INET, TABLE)
_REFLECT = ("net.ipv4.fwmark_reflect", "net.ipv6.fwmark_reflect")
_ACCEPT = ("net.ipv4.tcp_fwmark_accept",)
MODULES: Mapping[str, Sequence[bytes]] = {
    "numgen": (expressions.count(0),),
    "reject": (
        expressions.meta(expressions.META_L4PROTO, b"\x06"),
        expressions.reset(),
    ),
    "socket": (expressions.known_to_a_socket(),),
}
"""Expressions that a kernel may lack, each with what tries it."""


def put(packed: bytes, class_id: str, lacking: frozenset[str]) -> None:
    """Give this thread's namespace the rules of a value, in place of others of ours, in one transaction. 0.5 ms.

    ``lacking`` is what `unable` says. Raises `NetlinkError`, and OSError for a setting.
    """
    made, needs = rewrites.table(TABLE, packed, lacking), rewrites.needs(packed)
    wanted = _settings(needs)
    for key in (*_REFLECT, *_ACCEPT):
        sysctls.write(key, "1" if key in wanted else "0")
    with FilterSocket() as filter_:
        filter_.commit(nftables.replacement(made, [one for one in filter_.tables() if one == OURS]))
        mark = _mark(class_id, needs, filter_.dump()[OURS])
        filter_.commit(nftables.addition(made, Chain(mark)))


def drop() -> None:
    """Take the rules out of this thread's namespace, and what they counted on, where there are any."""
    if OURS in nftables.present():
        with FilterSocket() as filter_:
            filter_.commit(nftables.removal(OURS))
        for key in (*_REFLECT, *_ACCEPT):
            sysctls.write(key, "0")


def seen(standing: Mapping[Place, Standing]) -> str:
    """The class id of the value whose rules are in this thread's namespace, hex; empty without them, or when not whole."""
    ours = standing.get(OURS)
    if ours is None or not ours.chains:
        return ""
    mark = nftables.chain_name(ours.chains[-1])
    class_id, flags = mark.partition("_")[0], mark.rpartition("_")[2]
    needs = Needs("r" in flags, "a" in flags)
    if mark != _mark(class_id, needs, Standing(ours.chains[:-1], ours.rules)):
        return ""
    return class_id if all(sysctls.read(key) == "1" for key in _settings(needs)) else ""


@functools.cache
def unable() -> frozenset[str] | None:
    """Kinds of expressions that the kernel has not; None when it can write nothing at all. Once a process, 10 ms.

    Raises PermissionError without CAP_SYS_ADMIN.
    """
    if not _takes(rewrites.table(TABLE, value(Personality()), frozenset(MODULES))):
        return None
    return frozenset(name for name, parts in MODULES.items() if not _takes(_trial(parts)))


def words() -> str:
    """How a decoy gets on without programs, for a person: what follows on why it has none."""
    lacking = unable()
    if lacking is None:
        return "nor can nftables rewrite"
    without = f" without {', '.join(sorted(lacking))}" if lacking else ""
    return f"rewritten by nftables{without}"


def _settings(needs: Needs) -> Sequence[str]:
    return (*_REFLECT * needs.reflect, *_ACCEPT * needs.accept)


def _mark(class_id: str, needs: Needs, standing: Standing) -> str:
    digest = hashlib.blake2b(bytes((rewrites.VERSION,)), digest_size=8)
    for one in (*standing.chains, *standing.rules):
        digest.update(one)
    return f"{class_id}_{digest.hexdigest()}_{'r' * needs.reflect}{'a' * needs.accept}"


def _trial(parts: Sequence[bytes]) -> Table:
    return Table(TABLE, (), (Chain("input", nftables.NF_INET_LOCAL_IN),), (Rule("input", parts),))


def _takes(table: Table) -> bool:
    """Whether the kernel takes a table, tried in a namespace that goes at once."""

    def work() -> None:
        with FilterSocket() as filter_:
            filter_.commit(nftables.replacement(table))

    try:
        namespaces.in_new(work)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM)) from error
        return False
    return True
