"""``[custom-NAME]``: services of the user's own."""

import pytest

from decnet.services import Port
from tests.spec.files import codes, decoys, problems

HONEY = "[custom-honey]\nbinary = example/honey:1\nports = 8080, 9000\n"


def customs(text):
    return {name: decoy.customs for name, decoy in decoys(text).items()}


def test_a_service_of_ones_own_is_named_like_any_other():
    found = decoys(HONEY + "[a]\nservices = redis, honey\n[b]\nservices = custom-honey, honey\n")
    assert [one.name for one in found["a"].services] == ["redis"]
    assert [one.name for one in found["a"].customs] == [one.name for one in found["b"].customs] == ["honey"]
    assert found["a"].customs[0].ports == (Port(8080), Port(9000))
    assert found["b"].services == ()


def test_every_key_reaches_what_is_run():
    (one,) = customs(
        "[custom-honey]\nbinary = registry.example:5000/team/honey:1\nports = 53\nprotocol = udp\n"
        "exec = sh -c \"echo 'a b'; exec served\"\nenv = B=2, A=x y\n"
        "volumes = /srv/b/:/etc/b, /srv/a:/a:ro\nhealthcheck = served --check\nmemory = 64M\npids = 9\n"
        "[w]\nservices = honey\n"
    )["w"]
    program = one.program
    assert one.ports == (Port(53, "udp"),)
    assert program.image == "registry.example:5000/team/honey:1"
    assert program.command == ("sh", "-c", "echo 'a b'; exec served")
    assert program.env == ("A=x y", "B=2")
    assert program.volumes == (("/srv/a", "/a"), ("/srv/b", "/etc/b"))
    assert program.health == ("served", "--check")
    assert (program.memory, program.pids) == (64 << 20, 9)


def test_it_is_inherited_and_varied_like_any_other():
    found = customs(
        HONEY + "[_base]\nservices = honey\n[_base.honey]\nenv = LEVEL=high\n"
        "[a : _base]\n[a.honey]\nports = 81\n[b : _base]\namount = 2\n[b-02.honey]\nexec = other\n[c]\nservices = honey\n"
    )
    ports = {name: [port.number for port in one.ports] for name, (one,) in found.items()}
    assert ports == {"a": [81], "b-01": [8080, 9000], "b-02": [8080, 9000], "c": [8080, 9000]}
    assert {name: one.program.env for name, (one,) in found.items()} == {
        **dict.fromkeys(("a", "b-01", "b-02"), ("LEVEL=high",)),
        "c": (),
    }
    assert [name for name, (one,) in found.items() if one.program.command] == ["b-02"]


def test_an_archetype_of_the_file_may_have_it():
    text = HONEY + "[archetype-trap]\nbase = linux-server\nservices = redis, honey\n[w]\narchetype = trap\n"
    assert [one.name for one in customs(text)["w"]] == ["honey"]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("binary = Example/Honey\nports = 1", "bad-image"),
        ("binary = honey --port 1\nports = 1", "bad-image"),
        ("exec = sh -c 'oops\nports = 1", "bad-command"),
        ("exec = x\nports = 1\nhealthcheck = echo \\", "bad-command"),
        ("binary = honey", "missing-key"),
        ("ports = 1", "missing-key"),
        ("binary = honey\nports = 0", "bad-range"),
        ("binary = honey\nports = 1\nenv = LEVEL", "bad-env"),
        ("binary = honey\nports = 1\nenv = 1A=x", "bad-env"),
        ("binary = honey\nports = 1\nvolumes = /srv", "bad-volume"),
        ("binary = honey\nports = 1\nvolumes = conf:/etc/x", "bad-volume"),
        ("binary = honey\nports = 1\nvolumes = /srv:/x:rw", "bad-volume"),
        ("binary = honey\nports = 1\nvolumes = /a:/x, /b:/x", "bad-volume"),
        ("binary = honey\nports = 1\nvolumes = /var/run:/x", "bad-volume"),
        ("binary = honey\nports = 1\nvolumes = /run/docker.sock:/x", "bad-volume"),
        ("binary = honey\nports = 1\nvolumes = /sys/kernel:/x", "bad-volume"),
        ("binary = honey\nports = 1\nvolumes = /srv:/proc/x", "bad-volume"),
        ("binary = honey\nports = 1\nprotocol = sctp", "unknown-choice"),
        ("binary = honey\nports = 1\nmemory = 1K", "bad-range"),
        ("binary = honey\nports = 1\nimage = x", "unknown-key"),
    ],
)
@pytest.mark.parametrize("services", ["x", "redis"], ids=["used", "unused"])
def test_what_cannot_be_is_told_once(keys, code, services):
    assert codes(f"[w]\nservices = {services}\n[custom-x]\n{keys}\n") == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[custom-redis]\nbinary = x\nports = 1\n[w]\nservices = redis\n", "name-taken"),
        ("[custom-a.b]\nbinary = x\nports = 1\n[w]\nservices = redis\n", "bad-name"),
        (HONEY + "[w]\nservices = hony\n", "unknown-service"),
        (HONEY + "[w]\nservices = honey\n[w.honey]\nsite = x\n", "unknown-key"),
        (HONEY + "[w]\nservices = honey, redis\n[w.honey]\nports = 6379\n", "port-used-twice"),
        (HONEY + "[w]\nservices = honey\n[w.honey]\nports = 80, 80\n", "port-used-twice"),
    ],
)
def test_what_does_not_fit_together(text, code):
    assert codes(text) == [code]


def test_the_place_and_a_hint():
    (problem,) = problems("[custom-x]\nbinary = x\nports = 1\nenv = A=1, LEVEL\n[w]\nservices = x\n", head="")
    assert (problem.span.line, problem.span.column) == (4, 12)
    assert "env = LEVEL=info" in problem.hint
