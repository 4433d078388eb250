"""md5sum and kin, base64, xxd, hexdump, od, cksum, openssl's small corner."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import textwrap
import zlib
from itertools import pairwise

from decnet.services.shell.run import Run, UsageFault, program


@program("md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum")
async def digest(run: Run) -> int:
    found, names = run.options("cbtqwz", ("check", "quiet", "status", "tag"))
    algorithm = {"b2sum": "blake2b"}.get(run.name, run.name.removesuffix("sum"))
    if found.keys() & {"c", "check"}:
        return await _check(run, names, algorithm)
    seen = 0
    async for name, data in run.inputs(names):
        seen += 1
        await run.out(f"{await _hash(run, algorithm, data)}  {name}\n")
    return int(seen < len(names or ["-"]))


async def _hash(run: Run, algorithm: str, data: bytes) -> str:
    made = hashlib.new(algorithm, usedforsecurity=False)
    for start in range(0, len(data), 262_144):
        made.update(data[start : start + 262_144])
        await run.session.budget.spend(50)
    return made.hexdigest()


async def _check(run: Run, names: list[str], algorithm: str) -> int:
    bad = 0
    async for line in run.text_lines(names):
        match = re.fullmatch(r"([0-9a-f]+) [ *](.+)", line)
        if match is None:
            continue
        data = b"".join([data async for _, data in run.inputs([match[2]])])
        right = await _hash(run, algorithm, data) == match[1]
        bad += not right
        await run.out(f"{match[2]}: {'OK' if right else 'FAILED'}\n")
    if bad:
        await run.complain(f"WARNING: {bad} computed checksum{'s' * (bad > 1)} did NOT match")
    return int(bool(bad))


@program("cksum", "sum", "crc32")
async def checksum(run: Run) -> int:
    async for name, data in run.inputs(run.args):
        await run.out(f"{zlib.crc32(data)} {len(data)}{'' if name == '-' else ' ' + name}\n")
    return 0


@program("base64", "base32")
async def encode(run: Run) -> int:
    found, names = run.options("diw:D", ("decode", "wrap=", "ignore-garbage"))
    data = b"".join([data async for _, data in run.inputs(names[:1])])
    if found.keys() & {"d", "D", "decode"}:
        text = re.sub(rb"\s", b"", data)
        try:
            made = base64.b64decode(text, validate=True) if run.name == "base64" else base64.b32decode(text)
        except (binascii.Error, ValueError):
            clean = re.match(rb"[A-Za-z0-9+/]*", text)
            whole = clean[0] if clean else b""
            await run.write(base64.b64decode(whole[: len(whole) // 4 * 4]))
            return await run.complain("invalid input")
        await run.write(made)
        return 0
    encoded = (base64.b64encode(data) if run.name == "base64" else base64.b32encode(data)).decode()
    width = found.get("w", found.get("wrap", "76"))
    if not width.isdigit():
        raise UsageFault(f"invalid wrap size: ‘{width}’")
    if width == "0":
        await run.out(encoded)
        return 0
    size = int(width[:6])
    await run.lines(encoded[n : n + size] for n in range(0, len(encoded), size))
    return 0


def _shown(block: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 else "." for b in block)


@program("xxd")
async def xxd(run: Run) -> int:
    found, names = run.options("pril:s:c:g:ub", ())
    data = b"".join([data async for _, data in run.inputs(names[:1])])
    if "r" in found:
        text = data.decode("latin-1")
        if "p" not in found:
            text = "\n".join(re.sub(r"^[0-9a-f]+:\s*", "", line).split("  ")[0] for line in text.splitlines())
        digits = re.sub(r"[^0-9a-fA-F]", "", text)
        await run.write(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        return 0
    skip = int(found.get("s", "0")[:9]) if found.get("s", "0").isdigit() else 0
    limit = int(found["l"][:9]) if found.get("l", "").isdigit() else len(data)
    data = data[skip : skip + limit]
    if "p" in found:
        await run.lines(textwrap.wrap(data.hex(), 60))
        return 0
    width = (
        int(found.get("c", "16")[:3])
        if found.get("c", "16").isdigit() and int(found.get("c", "16")[:3])
        else 16
    )
    for start in range(0, len(data), width):
        block = data[start : start + width]
        pairs = " ".join(block[n : n + 2].hex() for n in range(0, len(block), 2))
        await run.out(f"{start + skip:08x}: {pairs:<{width // 2 * 5}} {_shown(block)}\n")
    return 0


@program("hexdump", "hd", "od")
async def hexdump(run: Run) -> int:
    flags = "".join(arg[1:] for arg in run.args if arg.startswith("-"))
    names = [arg for arg in run.args if not arg.startswith("-") and not re.fullmatch(r"\d+|x1|c|n|An", arg)]
    data = b"".join([data async for _, data in run.inputs(names)])
    octal = run.name == "od"
    for start in range(0, len(data), 16):
        block = data[start : start + 16]
        if run.name == "hd" or "C" in flags:
            left, right = " ".join(f"{b:02x}" for b in block[:8]), " ".join(f"{b:02x}" for b in block[8:])
            await run.out(f"{start:08x}  {left:<23}  {right:<23}  |{_shown(block)}|\n")
        elif octal and "c" in flags:
            names_of = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
            await run.out(
                f"{start:07o}"
                + "".join(f"{names_of.get(b, chr(b) if 32 <= b < 127 else f'{b:03o}'):>4}" for b in block)
                + "\n"
            )
        elif (octal and "x1" in run.args) or "tx1" in flags:
            head = "" if "A" in flags else f"{start:07o}"
            await run.out(head + "".join(f" {b:02x}" for b in block) + "\n")
        else:
            words = [int.from_bytes(block[n : n + 2], "little") for n in range(0, len(block), 2)]
            await run.out(
                (f"{start:07o}" if octal else f"{start:07x}")
                + "".join(f" {w:06o}" if octal else f" {w:04x}" for w in words)
                + "\n"
            )
    if data and not (octal and "A" in flags):
        await run.out(
            f"{len(data):08x}\n"
            if run.name == "hd" or "C" in flags
            else f"{len(data):07o}\n"
            if octal
            else f"{len(data):07x}\n"
        )
    return 0


@program("openssl")
async def openssl(run: Run) -> int:
    args = run.args
    if args[:1] == ["version"]:
        await run.out("OpenSSL 3.0.14 4 Jun 2024 (Library: OpenSSL 3.0.14 4 Jun 2024)\n")
        return 0
    if args[:1] == ["rand"]:
        count = int(args[-1]) if args[-1].isdigit() and len(args[-1]) < 6 else 16
        data = run.machine.draw.bytes(count)
        await run.out(data.hex() + "\n" if "-hex" in args else base64.b64encode(data).decode() + "\n")
        return 0
    if args[:1] in (["md5"], ["sha256"], ["sha1"], ["dgst"]):
        name = next(
            (a.lstrip("-") for a in args if a.lstrip("-") in ("md5", "sha1", "sha256", "sha512")), "sha256"
        )
        data = await run.all(run.stdin)
        await run.out(f"{name.upper()}(stdin)= {await _hash(run, name, data)}\n")
        return 0
    if args[:1] == ["s_client"]:
        target = next((value for flag, value in pairwise(args) if flag == "-connect"), "")
        run.session.note_download("openssl", target)
        await run.err(
            "40C7B2F5997F0000:error:8000006E:system library:BIO_connect:Connection timed out:../crypto/bio/bio_sock2.c:125:calling connect()\nconnect:errno=110\n"
        )
        return 1
    await run.err(f"Invalid command '{(args or [''])[0]}'; type \"help\" for a list.\n")
    return 1
