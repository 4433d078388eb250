import pytest

from decnet.errors import InvalidInput
from decnet.ini import format_text

UGLY = """\ufeff

# about this file
   [general]   # the network

Name=office;x
  ; about nets


NET :  192.0.2.0/24   ; documentation


; about dc01
[ dc01:_windows :  _audited ]
Services[Prod-EU]=ssh,
\t  "a ; b"   # both
  ; and
  http

motd =
      "dear
        ; user
      of this

      host"
[web[01:05]]
"""
PRETTY = """\
# about this file
[general] # the network
name = office;x
; about nets

net = 192.0.2.0/24 ; documentation

; about dc01
[dc01 : _windows : _audited]
services[prod_eu] = ssh,
    "a ; b" # both
    ; and
    http

motd =
    "dear
      ; user
    of this

    host"

[web[01:05]]
"""


def test_the_canonical_layout() -> None:
    assert format_text(UGLY) == PRETTY
    assert format_text(UGLY.replace("\n", "\r\n")) == PRETTY


def test_what_is_canonical_stays() -> None:
    assert format_text(PRETTY) == PRETTY
    assert format_text("") == ""
    assert format_text("\n\n") == ""
    assert format_text("; only a comment") == "; only a comment\n"


def test_a_wrong_file_is_not_formatted() -> None:
    with pytest.raises(InvalidInput) as caught:
        format_text("[a]\njunk\n", "n.ini")
    assert caught.value.problems[0].span.line == 2
