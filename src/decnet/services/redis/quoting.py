"""Words from the wire as redis quotes them in MONITOR and in its logs."""

from __future__ import annotations


def quoted(arg: bytes) -> str:
    r"""A word as it is where that is plain, otherwise in double quotes with ``\xNN`` escapes (sdscatrepr)."""
    if arg and arg.isalnum():
        return arg.decode("latin-1")
    text = arg.decode("latin-1")
    if text.isascii() and text.isprintable() and text and not any(c in " \"'\\" for c in text):
        return text
    return '"' + representation(arg) + '"'


def representation(arg: bytes) -> str:
    """The inside of redis' quoted form."""
    return "".join(_SHOWN[byte] for byte in arg)


_SHOWN = [chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in range(256)]
_SHOWN[0x22], _SHOWN[0x5C] = '\\"', "\\\\"
_SHOWN[10], _SHOWN[13], _SHOWN[9], _SHOWN[7], _SHOWN[8] = "\\n", "\\r", "\\t", "\\a", "\\b"
