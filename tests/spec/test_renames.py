"""renamed_from: which decoy keeps whose identity."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from decnet import catalog, ini
from decnet.render import expand
from decnet.services.registry import services
from decnet.spec import Held
from decnet.spec.build import build
from tests.spec.files import BARE, BRIDGE, IDENTITY, codes

OLD = "[web]\nservices = ssh\n"
NEW = "[www]\nrenamed_from = web\nservices = ssh\n"
APPLIED = Held({"web": IPv4Address("198.51.100.77")}, {}, {"web": "web"}, {"web": "00:15:17:00:00:01"})


def network(text: str, held: Held = Held()):  # noqa: B008 (a value)
    return build(
        ini.parse(BRIDGE + text, "network.ini"), catalog.load(), services(), IDENTITY, expand, BARE, held
    )


def one(text: str, held: Held = Held()):  # noqa: B008 (a value)
    (decoy,) = network(text, held).decoys
    return decoy


def drawn(decoy):
    return decoy.mac, decoy.hostname, decoy.uptime, decoy.distro.name, decoy.os.name, decoy.word


def test_all_that_is_drawn_is_drawn_as_before():
    assert drawn(one(NEW)) == drawn(one(OLD))
    assert drawn(one(NEW)) != drawn(one("[www]\nservices = ssh\n"))


def test_services_that_are_drawn_stay():
    before, after = one("[web]\n"), one("[www]\nrenamed_from = web\n")
    assert [each.name for each in before.services] == [each.name for each in after.services]


def test_the_address_stays():
    assert one(NEW, APPLIED).ip == IPv4Address("198.51.100.77")


def test_after_the_apply_the_key_may_go():
    held = Held({"www": IPv4Address("198.51.100.77")}, {}, {"www": "web"})
    without = one("[www]\nservices = ssh\n", held)
    assert without.word == "web"
    assert drawn(without) == drawn(one(OLD))
    assert drawn(one(NEW, held)) == drawn(without)


def test_a_decoy_that_is_renamed_twice_is_still_the_first():
    held = Held({}, {}, {"www": "web"})
    again = one("[shop]\nrenamed_from = www\nservices = ssh\n", held)
    assert again.word == "web"
    later = one("[shop]\nrenamed_from = www\nservices = ssh\n", Held({}, {}, {"shop": "web"}))
    assert later.word == "web"


def test_a_name_that_is_free_again_is_a_new_decoy():
    held = Held({}, {}, {"www": "web"})
    made = {each.name: each for each in network(NEW + "[db]\nservices = ssh\n", held).decoys}
    assert (made["www"].word, made["db"].word) == ("web", "db")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "[www[1:3]]\nrenamed_from = web[1:3]\nservices = ssh\n",
            {"www1": "web1", "www2": "web2", "www3": "web3"},
        ),
        ("[www]\namount = 2\nrenamed_from = web\nservices = ssh\n", {"www-01": "web-01", "www-02": "web-02"}),
    ],
)
def test_a_group_is_renamed_one_by_one(text, names):
    assert {each.name: each.word for each in network(text).decoys} == names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (OLD + NEW, "rename-declared"),
        ("[WEB]\nservices = ssh\n" + NEW, "rename-declared"),
        (NEW + "[shop]\nrenamed_from = web\nservices = ssh\n", "rename-twice"),
        ("[www[1:3]]\nrenamed_from = web[1:2]\nservices = ssh\n", "rename-count"),
        ("[www]\nrenamed_from = web[1:2]\nservices = ssh\n", "rename-count"),
        ("[www]\nrenamed_from = web[1\nservices = ssh\n", "bad-range"),
        ("[www]\nrenamed_from = www\nservices = ssh\n", "rename-declared"),
    ],
)
def test_what_cannot_be(text, code):
    assert codes(text) == [code]


def told(text: str, held: Held) -> list[str]:
    return [each.message for each in network(text, held).warnings]


def test_a_name_that_nobody_had_is_told_where_a_state_knows_better():
    assert told(NEW, Held()) == []
    assert told(NEW, APPLIED) == []
    (message,) = told(NEW, Held({}, {}, {"db": "db"}))
    assert message == 'no decoy "web" was applied: www has nothing to keep'


def test_a_decoy_that_was_applied_stays_what_it_is():
    (message,) = told(NEW, Held({}, {}, {"web": "web", "www": "www"}))
    assert message == "www was applied already, and stays what it is"
    assert one(NEW, Held({}, {}, {"web": "web", "www": "www"})).word == "www"


def test_a_mac_stays_while_its_vendor_is_one_that_the_decoy_may_have():
    intel = Held({}, {}, {"web": "web"}, {"web": "00:15:17:aa:bb:cc"})
    foreign = Held({}, {}, {"web": "web"}, {"web": "b8:27:eb:aa:bb:cc"})
    assert one(OLD, intel).mac == one(NEW, intel).mac == "00:15:17:aa:bb:cc"
    assert one(OLD, foreign).mac == one(OLD).mac
    assert one(OLD + "mac = 02:00:5e:00:00:01\n", intel).mac == "02:00:5e:00:00:01"
