import pytest

from decnet.ini import expand


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", "web"),
        ("web[01:05]", "web01 web02 web03 web04 web05"),
        ("web[1:3]", "web1 web2 web3"),
        ("web[:2]", "web0 web1 web2"),
        ("web[0:2]", "web0 web1 web2"),
        ("web[00:02]", "web00 web01 web02"),
        ("web[8:11]", "web8 web9 web10 web11"),
        ("web[08:11]", "web08 web09 web10 web11"),
        ("web[1:9:3]x", "web1x web4x web7x"),
        ("n[a:c]", "na nb nc"),
        ("n[A:E:2]", "nA nC nE"),
        ("[a:b][1:2]", "a1 a2 b1 b2"),
        ("rack-[a:b]-node[1:5:2]", " ".join(f"rack-{r}-node{n}" for r in "ab" for n in (1, 3, 5))),
        ("one[5:5]", "one5"),
    ],
)
def test_what_a_range_stands_for(name: str, expected: str) -> None:
    assert " ".join(expand(name)) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("w[5:1]", "ends before it starts"),
        ("w[c:a]", "ends before it starts"),
        ("w[1:5:0]", "step"),
        ("w[01:100]", "equally long"),
        ("w[a:Z]", "upper and lower"),
        ("w[1:c]", "is no range"),
        ("w[]", "is no range"),
        ("w[1]", "is no range"),
        ("w[1:]", "is no range"),
        ("w[1-5]", "is no range"),
        ("w[-1:5]", "is no range"),
        ("w[1:2", "do not match"),
        ("w1:2]", "do not match"),
        ("w[[1:2]]", "do not match"),
        ("w[1:65537]", "65537 names"),
        ("w[1:999999999][1:999999999][1:999999999]", "at most 65536"),
    ],
)
def test_what_is_no_range(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand(name)


def test_the_largest_range() -> None:
    names = expand("w[0:255]-[0:255]")
    assert (len(names), names[-1]) == (65_536, "w255-255")
