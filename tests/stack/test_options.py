"""TCP options as profiles write them."""

import pytest

from decnet.stack.options import ABSENT, Options


@pytest.mark.parametrize(
    ("text", "raw", "places"),
    [
        ("M", "02040000", (2, ABSENT, ABSENT)),
        ("M,N,W,N,N,S", "020400000103030001010402", (2, 7, ABSENT)),
        ("M,S,T,N,W", "020400000402080a000000000000000001030300", (2, 19, 8)),
        ("M,N,W,N,N,T,S,E,E", "02040000010303000101080a000000000000000004020000", (2, 7, 12)),
        ("M,S", "0204000004020000", (2, ABSENT, ABSENT)),
        ("none", "", (ABSENT, ABSENT, ABSENT)),
    ],
)
def test_options_are_bytes_with_places_to_fill_in(text, raw, places):
    encoded = Options.parse(text).encode_options()
    assert (encoded.raw.hex(), encoded[1:]) == (raw, places)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("M,X", "'X' is no option; known: M, W, S, T, N, E"),
        ("M,M", "the option M is there twice"),
        ("N,T", "M and T begin at an even byte: put N in front"),
        ("M,S,T,W" + ",N" * 30, "52 bytes of options; a header has room for 40"),
    ],
)
def test_wrong_options_say_what_is_wrong(text, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        Options.parse(text)
