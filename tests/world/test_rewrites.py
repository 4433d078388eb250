"""The rules of a personality as values; tests/live/test_rewriting.py has a kernel that follows them."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from decnet import stack
from decnet.catalog import load
from decnet.stack import Options, Personality
from decnet.stack.keys import AnswerKeys, Window
from decnet.world import expressions as nf
from decnet.world import rewrites
from decnet.world.nftables import Rule, Table
from decnet.world.rewrites.fields import put_df, put_ttl, put_window
from decnet.world.sockets import MARK

LINUX = Personality()


def with_(section: str, base: Personality = LINUX, **keys: object) -> Personality:
    return dataclasses.replace(base, **{section: dataclasses.replace(getattr(base, section), **keys)})


def table(personality: Personality, without: frozenset[str] = frozenset()) -> Table:
    return rewrites.table("trial", stack.value(personality), without)


def rules(personality: Personality, chain: str) -> list[bytes]:
    return [b"".join(one.expressions) for one in table(personality).rules if one.chain == chain]


def more(personality: Personality, chain: str) -> list[bytes]:
    """What rules a chain has that Linux's has not."""
    return [one for one in rules(personality, chain) if one not in rules(LINUX, chain)]


def test_a_change_of_what_values_make_is_another_version():
    """What stands on a machine is then seen as another's. After a change: raise `VERSION`, and put the new sum here."""
    digest = hashlib.blake2b(bytes((rewrites.VERSION,)), digest_size=8)
    made = Personality(t2=AnswerKeys(mode="reply"), t3=AnswerKeys(mode="as-syn"), t4=AnswerKeys(mode="drop"))
    for personality in (
        LINUX,
        with_("ip", made, ttl_rst=64, df_rst=False, ipid_tcp="incr", ipid_data="random"),
    ):
        for rule in table(personality).rules:
            digest.update(rule.chain.encode() + b"".join(rule.expressions))
    assert digest.hexdigest() == "37a8fa3577f06f55"


def test_systems_that_differ_have_rules_that_differ():
    values = {stack.value(one.personality) for one in load().oses.values()}
    made = {rewrites.table("trial", value) for value in values}
    assert len(made) == len(values) >= 12


@pytest.mark.parametrize(
    ("personality", "chain", "written"),
    [
        (with_("ip", ttl_rst=32), "resets", put_ttl(32)),
        (with_("ip", ttl_icmp=255), "icmp_out", put_ttl(255)),
        (with_("ip", ttl_udp=30), "udp_out", put_ttl(30)),
        (with_("ip", df_tcp=False), "segments", put_df(set_=False)),
        (with_("ip", df_rst=False), "resets", put_df(set_=False)),
        (with_("ip", df_udp=False), "udp_out", put_df(set_=False)),
        (with_("u1", df=True), "icmp_out", put_df(set_=True)),
        (with_("tcp", win=Window("8192")), "greetings", put_window(8192)),
        (with_("tcp", win_none=Window("floor-mss 65535")), "greetings", put_window(64240)),
        (with_("tcp", win_none=Window("ceil-mss 64000")), "greetings", put_window(64240)),
        (with_("tcp", syn_opts=Options("M,S,T,N,W"), syn_window=Window("29200")), "greetings", put_window(29200)),
        (with_("t2", mode="reply"), "input", nf.reset()),
        (with_("t7", mode="drop"), "input", nf.drop()),
        (with_("t5", mode="drop"), "resets", nf.drop()),
        (with_("u1", mode="drop"), "icmp_out", nf.drop()),
        (with_("ie", mode="drop"), "icmp_out", nf.drop()),
        (with_("ip", ipid_data="random"), "segments", nf.random()),
        (with_("ip", ipid_data="incr"), "segments", nf.jump("ids")),
    ],
)  # fmt: skip
def test_what_a_key_says_is_a_rule(personality: Personality, chain: str, written: bytes):
    found = more(personality, chain)
    assert len([one for one in found if written in one]) >= 1
    assert all(written in one or nf.uses(one, "payload") for one in found)


def test_a_lone_ack_is_answered_by_nobody_only_where_open_and_closed_ports_agree():
    silent = with_("t6", with_("t4", mode="drop"), mode="drop")
    assert any(nf.drop() in one for one in rules(silent, "resets"))
    assert not any(nf.drop() in one for one in rules(with_("t4", mode="drop"), "resets"))


def test_options_are_moved_where_they_have_as_many_bytes_and_left_alone_otherwise():
    moved = with_("tcp", opts_ws=Options("M,N,W,S,E"))
    (rule,) = more(moved, "greetings")
    assert nf.load(nf.TRANSPORT, 28, 4, nf.WORDS) in rule  # Linux's window scale
    assert nf.constant(b"\4\2\0\0", nf.WORDS + 1) in rule
    assert nf.write(nf.TRANSPORT, 24, 8, 16, nf.WORDS) in rule
    longer = with_("tcp", opts_ws=Options("M,N,N,S,N,W,N,N,N,N"))
    assert more(longer, "greetings") == []


def test_what_counts_together_comes_by_one_counter():
    def counters(*, shared: bool) -> list[Rule]:
        counting = with_("ip", ipid_shared=shared, ipid_tcp="incr", ipid_icmp="incr", ipid_data="incr")
        return [one for one in table(counting).rules if nf.uses(b"".join(one.expressions), "numgen")]

    assert [one.chain for one in counters(shared=True)] == ["ids"]
    assert [one.chain for one in counters(shared=False)] == ["ids", "ids_icmp"]


@pytest.mark.parametrize("name", sorted(load().oses))
def test_no_number_of_a_visitors_is_the_mark_that_containment_lets_out(name: str):
    """Of every system: where the last thing that is done with a number is to mark, that mark is taken off again."""
    inbound = rules(load().oses[name].personality, "input")
    marking = [one for one in inbound if one.endswith(nf.load(nf.TRANSPORT, 4, 4) + nf.put_mark())]
    marking += [one for one in inbound if one.endswith(nf.load(nf.TRANSPORT, 8, 4) + nf.put_mark())]
    taken_off = nf.meta(nf.META_MARK, MARK.to_bytes(4, "little")) + nf.constant(bytes(4)) + nf.put_mark()
    assert bool(marking) == (inbound[-1] == taken_off)


@pytest.mark.parametrize("kind", ["numgen", "reject", "socket"])
def test_a_kernel_without_a_kind_of_expression_gets_the_other_rules(kind: str):
    system = load().oses["lwip" if kind == "socket" else "windows10"].personality
    whole, less = table(system), table(system, frozenset({kind}))
    gone = [one for one in whole.rules if one not in less.rules]
    assert gone
    assert all(nf.uses(b"".join(one.expressions), kind) for one in gone)
    assert len(less.rules) + len(gone) == len(whole.rules)


def test_a_value_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a personality has"):
        rewrites.table("trial", b"short")
