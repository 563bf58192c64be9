"""Find the credentials of this process in texts.

Each `Secret` and each setting of `DATA_SHARING` that is named like a credential is registered when it is made
or read, so that no author of an adapter has to remember it. Every text that is kept or shown (outcomes,
exceptions, problems, previews, the ledger, logs) is searched once more as the last step.

Found are: a credential of `SHORTEST` characters or more as it stands; one with eight letters and digits or
more also in any spelling (case, blanks, signs and line breaks do not count), and any `PIECE` letters and
digits of it in a row; each in every reading of the text that `sharecore.escapes` knows.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote

from sharecore.escapes import MOST_READINGS, bare, readings

HIDDEN = "(hidden: it repeats our credentials)"
"""Text shown in place of a text that repeats a credential."""

SHORTEST = 5
"""Shortest credential that is searched, in characters; shorter ones stand in a text by chance."""

PIECE = 12
"""Number of letters and digits in a row that give a credential away."""

_SHORTEST_BARE = 8
_SHORTEST_WORD = 8
_SHORTEST_TOKEN = 12
_MOST_WORDS = 3
_MOST = 1000
"""Largest number of credentials kept; beyond it the older half is forgotten."""

_MOST_CACHED = 4000
"""Longest text whose result is remembered, in characters: reasons repeat, payloads do not."""

_SETTINGS = frozenset({
    "AUTHORIZATION", "APIKEY", "COOKIE", "COOKIES", "CREDENTIAL", "CREDENTIALS", "HEADERS", "KEY", "KEYS",
    "PASS", "PASSPHRASE", "PASSWD", "PASSWORD", "PROXIES", "PROXY", "SECRET", "SECRETS", "TOKEN", "TOKENS",
})  # fmt: skip
"""Words in the name of a setting that holds credentials."""

_NO_SETTINGS = frozenset({"FIELD", "FIELDS", "HEADER", "NAME", "TYPE", "URL"})
"""Last words in the name of a setting that tells the place of a credential, and holds none."""

_PUBLIC_HEADER = re.compile(
    r"accept.*|cache-control|connection|content-.*|date|from|host|origin|referer|user-agent|via|x-forwarded-.*"
    r"|x-requested-with",
    re.IGNORECASE,
)

_USER_INFO = re.compile(r"//[^/\s]*?:([^/?#\s]+|[^/\s]+)@")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#\s]*@)?[^/?#\s]+", re.IGNORECASE)
_NO_CREDENTIAL = re.compile(
    r"(?:application|audio|font|image|multipart|text|video|\*)/[a-z0-9.+*-]+(?:[;,].*)?"
    r"|https?|close|gzip|identity|keep-alive|no-cache|no-store|xmlhttprequest",
    re.IGNORECASE,
)
"""Values of headers that name a way to talk."""

_BETWEEN_FIELDS = re.compile(r"[\s;,]+")
_BETWEEN_WORDS = re.compile(r"[\s;,=&:@\"']+")
_BETWEEN_TOKENS = re.compile(r"[/?&=#;]+")
_HOST_OF_MAIL = re.compile(r"@(?:[a-z0-9-]+\.)+[a-z]{2,}$", re.IGNORECASE)
_PLAIN_WORD = re.compile(r"[a-z_-]{1,19}")


class _Known:
    """The credentials, cut up for the search. Changed under a lock, read without."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}
        self.version = 0
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self.exact: frozenset[str] = frozenset()
        self.bare: dict[int, set[str]] = {size: set() for size in range(_SHORTEST_BARE, PIECE + 1)}

    def forget(self) -> None:
        with self._lock:
            self.texts = {}
            self._clear()
            self.version += 1

    def add(self, text: str) -> None:
        with self._lock:
            if text in self.texts:
                return
            if len(self.texts) >= _MOST:
                # Others search meanwhile: what is kept must not be missing for a moment.
                kept = _Known()
                for each in list(self.texts)[_MOST // 2 :]:
                    kept.add(each)
                self.texts, self.exact, self.bare = kept.texts, kept.exact, kept.bare
            self.texts[text] = None
            self._cut(text)
            self.version += 1

    def _cut(self, text: str) -> None:
        whole, keys = _credentials(text.strip())
        keys |= {each[::-1] for each in keys}  # written backwards
        exact = {each for each in (*whole, *keys) if len(each) >= SHORTEST}
        # Escaped byte by byte, UTF-8 looks like Latin-1.
        self.exact |= exact | {each.encode(errors="replace").decode("latin-1") for each in exact}
        for short in map(bare, keys):
            size = min(len(short), PIECE)
            if size >= _SHORTEST_BARE:
                self.bare[size].update(short[at : at + size] for at in range(len(short) - size + 1))

    def among(self, reading: str) -> bool:
        if any(credential in reading for credential in self.exact):
            return True
        short = bare(reading)
        return any(
            pieces and not pieces.isdisjoint(short[at : at + size] for at in range(len(short) - size + 1))
            for size, pieces in self.bare.items()
        )


_known = _Known()


def register(text: str) -> None:
    """Register a text as a credential from now on: a key, the value of a header or cookie, a secret URL."""
    if text not in _known.texts:
        _known.add(text)


def register_settings(values: Mapping[str, object]) -> None:
    """Register the values of settings that are named like credentials, and the user info of addresses."""
    for key, value in values.items():
        words = str(key).upper().split("_")
        named = not _SETTINGS.isdisjoint(words) and words[-1] not in _NO_SETTINGS
        if key == "HEADERS" and isinstance(value, Mapping):
            value = [text for name, text in value.items() if holds_credential(str(name))]
        for text in _texts(value):
            if named:
                register(text)
            for found in _USER_INFO.findall(text):
                register(found)


def holds_credential(header: str) -> bool:
    """Return whether a header of this name may hold a credential: any that is not known to be public."""
    return _PUBLIC_HEADER.fullmatch(header) is None


def forget() -> None:
    """Forget all credentials, since the settings have changed; those in use come back when revealed."""
    _known.forget()


def repeats_secret(text: str) -> bool:
    """Return whether a text repeats a credential of this process, or a long piece of one, escaped or not."""
    if not _known.texts or not isinstance(text, str):  # an adapter may give anything
        return False
    look = _repeats if len(text) <= _MOST_CACHED else _repeats.__wrapped__
    return look(text, _known.version)


def hide_secrets(text: str) -> str:
    """Return the text, or `HIDDEN` in its place when it repeats a credential."""
    return HIDDEN if repeats_secret(text) else text


@lru_cache(maxsize=1024)
def _repeats(text: str, version: int) -> bool:
    """Return whether a text repeats a credential. `version` changes with each new credential, so that a
    cached answer does not outlive it.
    """
    number = 0
    for reading in readings(text):
        number += 1
        if _known.among(reading):
            return True
    return number > MOST_READINGS


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)


def _credentials(text: str) -> tuple[set[str], set[str]]:
    """Return the credentials in a text: those that count as a whole only, and those that count in any
    spelling.
    """
    place = _ADDRESS.match(text)
    if place:
        return _of_address(place[1] or "", text[place.end() :])
    if _NO_CREDENTIAL.fullmatch(text):
        return set(), set()
    values = " ".join(map(_value, _BETWEEN_FIELDS.split(text)))
    words = {word for word in _BETWEEN_WORDS.split(values) if len(word) >= _SHORTEST_WORD}
    if len(text.split()) > _MOST_WORDS:
        # A phrase, or a note in place of a key: pieces of it stand in other sentences.
        return {text}, {word for word in words if any(character.isdigit() for character in word)}
    keys = {text, *words}
    if text[:6].lower() == "basic ":
        with suppress(ValueError):
            keys.add(b64decode(text[6:]).decode(errors="replace").partition(":")[2])
    return set(), keys


def _value(field: str) -> str:
    """Return the value of `sessionid=...`, whose name is no credential."""
    name, _, value = field.partition("=")
    return value if name.isalpha() and value.strip("=") else field


def _of_address(user_info: str, path: str) -> tuple[set[str], set[str]]:
    """Return the credentials in an address, whose path may be one itself.

    A word of the path that is no token is no credential: `/hooks/T0123456789ab` is one, `hooks` is not. Nor
    is the host of a mail address.
    """
    user, _, password = user_info.removesuffix("@").partition(":")
    tokens = [
        token
        for token in (_HOST_OF_MAIL.sub("", each) for each in _BETWEEN_TOKENS.split(path))
        if (len(token) >= _SHORTEST_TOKEN and not _PLAIN_WORD.fullmatch(token))
        or (len(token) >= _SHORTEST_WORD and any(character.isdigit() for character in token))
    ]
    whole, keys = {path, path.partition("?")[2]}, {password or user, *tokens}
    return whole | set(map(unquote, whole)), keys | set(map(unquote, keys))
