"""Passwords as /etc/shadow holds them (crypt(5)), by the C library's own crypt(3)."""

from __future__ import annotations

import ctypes
import ctypes.util
import threading

from decnet.draw import Draw

_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_one_at_a_time = threading.Lock()
"""crypt(3) has one place for its result, and decoys are made by several threads."""
_SHA512 = "$6$"
"""Every distro's PAM takes it."""


def hashed(password: str, salt: Draw, scheme: str = "") -> str:
    """A password's hash; the salt is the account's own. Raises OSError without a libcrypt."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    setting = (scheme or _SHA512) + "".join(_LETTERS[byte & 63] for byte in salt.bytes(16)) + "$"
    with _one_at_a_time:
        found: bytes | None = library.crypt(password.encode(), setting.encode())
    if not found or found.startswith(b"*"):
        raise OSError(0, f"crypt(3) knows no {setting[:3]}")
    return found.decode()
