"""What is said of rules that were found, without a kernel; tests/live/test_containment.py has one."""

from __future__ import annotations

import errno

import pytest

from decnet.world import firewall, nftables

INTACT = {b"ours": (), b"dns": ("udp 198.51.100.53/32 53",)}


@pytest.mark.parametrize(
    ("rules", "egress"),
    [
        (b"ours", ()),
        (b"dns", ("udp 198.51.100.53/32 53",)),
        (b"ours and more", ("altered",)),
        (b"", ("missing",)),
    ],
)
def test_rules_are_told_as_the_egress_that_makes_them(rules, egress):
    assert firewall.seen(rules, INTACT) == egress


def test_every_egress_makes_a_batch_of_its_own():
    egresses = [
        (),
        ("tcp 0.0.0.0/0 *",),
        ("udp 0.0.0.0/0 *",),
        ("tcp ::/0 *",),
        ("icmp 0.0.0.0/0 *",),
        ("tcp 198.51.100.0/24 80",),
        ("tcp 198.51.100.0/25 80",),
        ("tcp 198.51.100.0/24 80-81",),
        ("tcp 198.51.100.0/24 80", "tcp 198.51.100.0/24 81"),
    ]
    made = {nftables.replacement(firewall.table(egress)).data for egress in egresses}
    assert len(made) == len(egresses)


def test_a_port_range_of_one_is_a_port():
    one, other = (
        nftables.replacement(firewall.table((f"tcp 0.0.0.0/0 {port}",))) for port in ("80", "80-80")
    )
    assert one == other


class Refusing:
    """A kernel that answers every question with an error."""

    def __init__(self, number: int):
        self.number = number

    def __call__(self):
        raise OSError(self.number, "refused")


@pytest.mark.parametrize("number", [errno.EPROTONOSUPPORT, errno.EOPNOTSUPP])
def test_a_kernel_without_nf_tables_has_no_rules(monkeypatch, number):
    monkeypatch.setattr(nftables, "FilterSocket", Refusing(number))
    assert firewall.look() == b""


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.EPERM])
def test_what_else_a_kernel_says_is_not_taken_for_that(monkeypatch, number):
    monkeypatch.setattr(nftables, "FilterSocket", Refusing(number))
    with pytest.raises(OSError, match="refused"):
        firewall.look()
