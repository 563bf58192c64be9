"""Undo the escapes of a text, so that a credential is recognised in any usual disguise."""

from __future__ import annotations

import html
import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress

MOST_READINGS = 200
"""Largest number of readings: a text that somebody wrote to be read has no more."""

_DEEPEST = 6
"""Number of escapes, one within another, that are undone."""

_BACKSLASH = re.compile(
    r"\\(?:(?-i:U)([0-9a-f]{8})|u+([0-9a-f]{4})|[ux]\{([0-9a-f]{1,6})\}|x([0-9a-f]{2})|([0-7]{3})"
    r"|(?-i:N)\{([^{}]{1,90})\}|(.))",
    re.DOTALL | re.IGNORECASE,
)
_CODE_POINT = re.compile(r"U\+([0-9a-f]{4,6})\b\s?", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PERCENT = re.compile(r"(?:%|=|0x)(?:u([0-9a-fA-F]{4})|([0-9a-fA-F]{2}))")
_TAG = re.compile(r"<[^<>]{1,200}>")
_BLANK = re.compile(r"\s+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{6,}")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_BASE32 = re.compile(r"[a-z2-7]{8,}", re.ASCII | re.IGNORECASE)  # not the Kelvin sign
_NUMBER = re.compile(r"0x[0-9a-f]{1,2}\b|0o[0-7]{1,3}\b|[01]{8}\b|\d{1,3}(?!\d)", re.IGNORECASE)
_FEWEST_BYTES = 5
_HEX = re.compile(r"[0-9a-f]{10,}")
_LEGIBLE = re.compile(rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]){5,}")
_NOT_BARE = re.compile(r"[^a-z0-9]+")
_URLSAFE = str.maketrans("-_", "+/")
_DIGITS_OF_BASE32 = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")


def bare(text: str) -> str:
    """Return the ASCII letters, in lower case, and digits of a text: blanks, signs and case do not count."""
    return _NOT_BARE.sub("", text.lower())


def readings(text: str) -> Iterator[str]:
    """Yield the text and each further reading of it.

    Undone, also one within another, are the escapes of JSON and of programming languages, percent signs,
    quoted-printable, HTML entities and tags, colours of terminals, base64 (of both alphabets, broken into
    pieces, begun anywhere), base32, the numbers of bytes or characters, hexadecimal digits, and other shapes
    of letters such as full-width ones. One more than `MOST_READINGS` means that there could be others.
    """
    waiting, seen = [(text, 0)], {text}
    while waiting:
        reading, depth = waiting.pop()
        yield reading
        if depth < _DEEPEST:
            for further in (*_unescaped(reading), *_decoded(reading)):
                if further and further not in seen and len(seen) <= MOST_READINGS:
                    seen.add(further)
                    waiting.append((further, depth + 1))


def _unescaped(text: str) -> Iterator[str]:
    if not text.isascii():
        yield unicodedata.normalize("NFKC", text)
    if "&" in text:
        yield html.unescape(text)
    if "<" in text:
        yield _TAG.sub("", text)
    if "%" in text or "=" in text or "0x" in text:
        yield _PERCENT.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    if "\x1b" in text:
        yield _COLOUR.sub("", text)
    if "U+" in text or "u+" in text:
        yield _CODE_POINT.sub(lambda found: _letter(found[1]), text)
    if "\\" in text:
        yield _BACKSLASH.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    *hexadecimal, octal, name, other = found.groups()
    if digits := next(filter(None, hexadecimal), None):
        return _letter(digits)
    if name:
        with suppress(KeyError):
            return unicodedata.lookup(name)
        return str(found[0])
    return chr(int(octal, 8)) if octal else {"n": "\n", "r": "\r", "t": "\t"}.get(other, other)


def _letter(digits: str) -> str:
    return chr(min(int(digits, 16), 0x10FFFF))


def _decoded(text: str) -> Iterator[str]:
    """Yield the content of base64 and its like, as far as it is text: ASCII and Latin letters."""
    safe = _BLANK.sub("", text).translate(_URLSAFE)
    for runs in (_BASE64.findall(safe), [_NOT_BASE64.sub("", safe)]):
        for start in range(4):
            # "A" fills up a last group that is incomplete.
            whole = [run[start:] + "A" * (-len(run[start:]) % 4) for run in runs]
            yield _legible(map(b64decode, whole))
    runs = _BASE32.findall(_BLANK.sub("", text))
    for start in range(8):
        whole = [run[start:] + "A" * (-len(run[start:]) % 8) for run in runs]
        yield _legible(map(_from_base32, whole))
    numbers = [_number(each) for each in _NUMBER.findall(text)]
    if len(numbers) >= _FEWEST_BYTES:
        # Each second one, since JavaScript writes bytes as {"0": 77, "1": 65}.
        for some in (numbers, numbers[::2], numbers[1::2]):
            yield _legible([bytes(each for each in some if each < 256)])
    runs = _HEX.findall(bare(text))
    for start in range(2):
        yield _legible(bytes.fromhex(run[start : len(run) - (len(run) - start) % 2]) for run in runs)


def _from_base32(run: str) -> bytes:
    """Return the bytes of whole groups; the function of the standard library takes ten times as long."""
    number = int(run.lower().translate(_DIGITS_OF_BASE32) or "0", 32)
    return number.to_bytes(len(run) * 5 // 8, "big")


def _number(text: str) -> int:
    if len(text) == 8:  # binary digits
        return int(text, 2)
    return int(text, 0 if text[1:2].lower() in ("x", "o") else 10)


def _legible(pieces: Iterable[bytes]) -> str:
    return b" ".join(run for piece in pieces for run in _LEGIBLE.findall(piece.replace(b"\0", b""))).decode()
