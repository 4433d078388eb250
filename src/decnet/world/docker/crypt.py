"""Passwords as /etc/shadow holds them (crypt(5)), by the C library's own crypt(3)."""

from __future__ import annotations

import ctypes
import ctypes.util

from decnet.draw import Draw

_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHA512 = "$6$"
"""Every distro's PAM takes it."""


def hashed(password: str, salt: Draw, scheme: str = "") -> str:
    """A password's hash; the salt is the account's own. Raises OSError without a libcrypt."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    setting = (scheme or _SHA512) + "".join(_LETTERS[byte & 63] for byte in salt.bytes(16)) + "$"
    found: bytes | None = library.crypt(password.encode(), setting.encode())
    if not found or found.startswith(b"*"):
        raise OSError(0, f"crypt(3) knows no {setting[:3]}")
    return found.decode()
