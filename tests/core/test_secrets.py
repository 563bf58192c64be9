"""A credential is recognised in any text, in any usual disguise; other texts stay as they are."""

from __future__ import annotations

import copy
import html
import json
import logging
import pickle
import quopri
import unicodedata
from base64 import b32encode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import sharecore.secrets
from sharecore import (
    Accepted,
    AuthenticationFailed,
    ConfigurationError,
    Deferred,
    DestinationError,
    Duplicate,
    InvalidRecord,
    PluginError,
    Present,
    Preview,
    Problem,
    Rejected,
    Secret,
    Section,
    TargetRefused,
    Topic,
    Unconfirmed,
    Unsupported,
    Withheld,
)
from sharecore.secrets import HIDDEN, PIECE, hide_secrets, register, repeats_secret

KEY = "b7F3a91c+/Xy0123456789ab-defQWERT_uiopzz"
PASSWORD = "Tr0ub4dor&3=%"


def every(form: Callable[[str], str]) -> Callable[[str], str]:
    """Each character in this form."""
    return lambda text: "".join(map(form, text))


def json_unicode(text: str) -> str:
    return every(lambda c: f"\\u{ord(c):04x}")(text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "JSON": lambda text: json.dumps(text),
    "JSON, slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON, each letter": json_unicode,
    "JSON, upper-case digits": every(lambda c: f"\\u{ord(c):04X}"),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"detail": text})),
    "JSON letters in JSON": lambda text: json.dumps(json_unicode(text)),
    "JSON, each second letter": lambda text: "".join(
        json_unicode(c) if at % 2 or c == "\\" else c for at, c in enumerate(text)
    ),
    "code points": every(lambda c: f"\\u{{{ord(c):x}}}"),
    "long code points": every(lambda c: f"\\U{ord(c):08x}"),
    "hexadecimal escapes": every(lambda c: f"\\x{ord(c):02x}"),
    "octal escapes": every(lambda c: f"\\{ord(c):03o}"),
    "percent": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent, each letter": every(lambda c: f"%{ord(c):02x}"),
    "percent, each second letter": lambda text: "".join(
        f"%{ord(c):02X}" if at % 2 else quote(c, safe="") for at, c in enumerate(text)
    ),
    "HTML": html.escape,
    "HTML decimal": every(lambda c: f"&#{ord(c)};"),
    "HTML hexadecimal": every(lambda c: f"&#x{ord(c):x};"),
    "HTML of percent": lambda text: every(lambda c: f"&#{ord(c)};")(quote(text, safe="")),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode(),
    "backwards": lambda text: text[::-1],
    "with tags": lambda text: "<wbr>".join(_lines(html.escape(text), 6)),
    "base64 of UTF-16": lambda text: b64encode(text.encode("utf-16le")).decode(),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64, first shift": lambda text: b64encode(b"x" + text.encode()).decode(),
    "base64, second shift": lambda text: b64encode(b"xy" + text.encode()).decode(),
    "base64 begun late": lambda text: b64encode(b"user:" + text.encode()).decode()[1:],
    "base64 glued": lambda text: "token" + b64encode(text.encode()).decode(),
    "base32": lambda text: "key " + b32encode(text.encode()).decode(),
    "base32 in small letters": lambda text: b32encode(text.encode()).decode().lower(),
    "numbers of bytes": lambda text: json.dumps({"type": "Buffer", "data": list(text.encode())}),
    "full-width letters": lambda text: "".join(
        chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text
    ),
    "base64 for URLs": lambda text: urlsafe_b64encode(b"u:" + text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: b64encode(b64encode(text.encode())).decode(),
    "base64 in JSON in percent": lambda text: quote(json.dumps(b64encode(text.encode()).decode())),
    "base64 in lines": lambda text: "\n".join(_lines(b64encode(b"sharer:" + text.encode()).decode(), 7)),
    "code points of Unicode": lambda text: " ".join(f"U+{ord(c):04X}" for c in text),
    "code points in braces": every(lambda c: f"\\x{{{ord(c):x}}}"),
    "Java, two letters u": every(lambda c: f"\\uu{ord(c):04x}"),
    "names of letters": every(lambda c: f"\\N{{{unicodedata.name(c)}}}" if c > " " else c),
    "colours of a terminal": lambda text: "\x1b[1;31m".join(text),
    "base64 in a list": lambda text: json.dumps(_lines(b64encode(text.encode()).decode(), 5)),
    "base64 with dots": lambda text: "...".join(_lines(b64encode(text.encode()).decode(), 7)),
    "bytes of JavaScript": lambda text: json.dumps(dict(enumerate(text.encode()))),
    "calls for each byte": lambda text: "||".join(f"CHR({each})" for each in text.encode()),
    "numbers of bytes with dots": lambda text: ".".join(map(str, text.encode())),
    "octal numbers": lambda text: ", ".join(map(oct, text.encode())),
    "binary digits": lambda text: " ".join(f"{each:08b}" for each in text.encode()),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex(":").upper(),
}
"""How servers write what they were sent."""

SPELLINGS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "in lines": lambda text: "\n".join(_lines(text, 5)),
    "with blanks": lambda text: " ".join(_lines(text, 4)),
    "escaped line breaks": lambda text: "\\n".join(_lines(text, 6)),
    "the first half": lambda text: text[: len(text) // 2],
    "the second half": lambda text: text[len(text) // 2 :],
}
"""How a long credential is found as well."""


def _lines(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("secret", [KEY, PASSWORD, "hunter2", "s/e+c=r", "päßwörter"])
def test_a_credential_is_found_in_each_encoding(secret: str, encoding: str) -> None:
    Secret(secret)
    if not secret.isascii() and encoding.startswith(
        ("hexadecimal escapes", "percent, each", "base64 of UTF")
    ):
        return  # these are for ASCII
    for text in (
        ENCODINGS[encoding](secret),
        f"403: who are you, {ENCODINGS[encoding](secret)}?",
        json.dumps({"detail": f"no ({ENCODINGS[encoding](secret)})"}),
    ):
        assert repeats_secret(text), text
        assert hide_secrets(text) == HIDDEN


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_long_one_is_found_in_each_spelling(spelling: str) -> None:
    Secret(KEY)
    for encoding in (form for name, form in ENCODINGS.items() if name != "backwards"):
        text = f"Bad token {encoding(SPELLINGS[spelling](KEY))}."
        assert repeats_secret(text), text


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=5, max_size=60)
ordinary = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)


def outcomes_of(text: str) -> list[Any]:
    return [
        Rejected(reason=text, field=text),
        Unsupported(reason=text, feature=text),
        Deferred(reason=text),
        Unconfirmed(reason=text),
        Withheld(reason=text),
        Accepted(remote_id=text),
        Duplicate(remote_id=text),
        Present(content="", remote_id=text),
    ]


def exceptions_of(text: str) -> list[Exception]:
    return [
        ConfigurationError([Problem(where=text, what=text, hint=text)]),
        InvalidRecord(field=text, reason=text),
        *(kind(text) for kind in (AuthenticationFailed, DestinationError, TargetRefused, PluginError)),
    ]


def _fields(values: Any) -> str:
    return "\n".join(str(text) for value in values for text in asdict(value).values())


PLACES: dict[str, Callable[[str], str]] = {
    "outcomes": lambda text: _fields(outcomes_of(text)),
    "exceptions": lambda text: "\n".join(
        f"{each} {each.args} {getattr(each, 'reason', '')}" for each in exceptions_of(text)
    ),
    "problems": lambda text: _fields([Problem(where=text, what=text, hint=text)]),
    "topics": lambda text: _fields([Topic(name=text, note=text)]),
    "previews": lambda text: _fields([Preview(content_type="text/plain", body=text, note=text)]),
    "a log": lambda text: _logged(lambda logger: logger.warning("Said: %s", text)),
    "a log whose arguments do not fit": lambda text: _logged(lambda logger: logger.warning("Said", text)),
    "a log of an exception": lambda text: _logged(lambda logger: logger.warning(ValueError(text))),
    "a log by name": lambda text: _logged(lambda logger: logger.warning("%(it)s", {"it": text})),
    "a log of another package": lambda text: _logged(lambda logger: logger.warning("%s", text), "lamp"),
    "a traceback of another package": lambda text: _logged(
        lambda logger: _raise(logger, text), "django.request"
    ),
    "a traceback": lambda text: _logged(lambda logger: _raise(logger, text)),
}
"""What is kept or shown of a text that came from elsewhere."""


def _raise(logger: logging.Logger, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("it failed")


def _logged(log: Callable[[logging.Logger], None], name: str = "sharecore_lamp.lights") -> str:
    seen: list[str] = []

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(repr((record.msg, record.args)))  # what `handleError` shows
            with suppress(TypeError):
                seen.append(self.format(record))

    logger, reader = logging.getLogger(name), Reader()
    logger.addHandler(reader)
    logger.propagate = False
    try:
        log(logger)
    finally:
        logger.removeHandler(reader)
        logger.propagate = True
    assert seen
    return "".join(seen)


@given(
    secret=secrets,
    encoding=st.sampled_from(list(ENCODINGS.values())),
    place=st.sampled_from(list(PLACES)),
    before=ordinary,
    after=ordinary,
)
def test_nothing_that_is_kept_or_shown_repeats_a_credential(
    secret: str, encoding: Callable[[str], str], place: str, before: str, after: str
) -> None:
    told = encoding(secret)
    assume("://" not in secret and told not in PLACES[place]("nothing"))
    Secret(secret)
    # a blank keeps what stands beside an escape from changing what it says
    assert told not in PLACES[place](f"{before} {told} {after}")


HOLDERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a header of two words": ({"HEADERS": {"X-Gate": f"{KEY} word"}}, [KEY]),
    "a cookie": ({"HEADERS": {"Cookie": "sid=gatekeeper; a=b"}}, ["gatekeeper"]),
    "a bearer": ({"HEADERS": {"Authorization": f"Bearer {KEY}"}}, [KEY]),
    "a header of Basic": (
        {"HEADERS": {"Authorization": f"Basic {b64encode(b'sharer:hunter2').decode()}"}},
        ["hunter2", "wrong login sharer:hunter2"],
    ),
    "a proxy": ({"PROXIES": {"https": "http://someone:hunter2@proxy:3128"}}, ["hunter2"]),
    "a proxy, percent": ({"PROXIES": {"https": "http://x:hunt%2Fer2@proxy"}}, ["hunt/er2", "hunt%2Fer2"]),
    "an address": ({"BASE_URL": "https://sharer:hunter2@tom.example.org/"}, ["hunter2"]),
    "a setting nobody reads as a secret": ({"PARTNER_TOKEN": KEY}, [KEY]),
    "a list of keys": ({"SECRET": [KEY, PASSWORD]}, [KEY, PASSWORD]),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_settings_named_like_credentials_are_known_once_they_are_read(holder: str) -> None:
    values, found = HOLDERS[holder]
    Section("partner", values)
    for text in found:
        assert repeats_secret(f"HTTP 403, {text} is wrong")


ADDRESS = "https://hooks.example.org/services/T0123456/B0123456/XyZabcdefghijklmnopqrstu?key=tiny"


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        "no route to /services/T0123456/B0123456/XyZabcdefghijklmnopqrstu?key=tiny",
        "XyZabcdefghijklmnopqrstu",
        "404: xyzabcdefghijk",
        "key=tiny",
        "/services/T0123456/B0123456/",
    ],
)
def test_a_secret_address_is_found_by_its_path_and_its_tokens(text: str) -> None:
    Secret(ADDRESS)
    assert repeats_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HTTP 400, magnitude: A valid number is required.",
        "hooks.example.org does not answer",
        "services are down; try https://hooks.example.org/status",
        "DATA_SHARING['partner']['API_KEY'] is missing. Copy it from your profile page.",
        "user 'sharer' with its password was refused",
        "topic hermes.test of sharer",
        "application/json; charset=utf-8",
        "Copy the API token from your profile page there",
        "2026-11-28T12:00:00.123456Z 6f0d3a52-8d1e-4c55-9f6e-0d1c2b3a4958",
        "".join(b64encode(sha256(bytes([n])).digest()).decode() for n in range(99)),
        HIDDEN,
        "\N{LATIN SMALL LETTER LONG S}" * 9,  # counts as ASCII where case does not count
        "\N{KELVIN SIGN}" * 9,
        "\N{ARABIC-INDIC DIGIT THREE} " * 9,
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    for secret in (ADDRESS, KEY, PASSWORD, "a", "abcd", "", "http://proxy.example.org:3128"):
        Secret(secret)
    Section("z", {"API_KEY": "the token on your profile page there"})
    Section(
        "x",
        {
            "USERNAME": "sharer",
            "PASSWORD": "hunter2",
            "HEADERS": {"Accept": "application/json", "X-Forwarded-Proto": "https"},
        },
    )
    assert hide_secrets(text) == text


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"HEADERS": {"Cookie": "csrftoken=k3yk3yk3yk3y; sessionid=gatekeeper9"}},
            "csrftoken missing: sessionid",
        ),
        ({"HEADERS": {"User-Agent": "sharecore"}}, "an error in sharecore"),
        ({"HEADERS": {"Host": "tom.example.org"}}, "tom.example.org does not answer"),
        ({"HEADERS": {"Accept-Language": "en-US"}}, "en-US is not offered"),
        (
            {"PASSWORD_FIELD": "password", "TOKEN_URL": "/api/token-auth/"},
            "the password is sent to /api/token-auth/",
        ),
        ({"API_KEY_HEADER": "X-Api-Key"}, "the header X-Api-Key is missing"),
    ],
)
def test_settings_that_only_tell_where_a_credential_stands_hide_nothing(
    settings: dict[str, Any], text: str
) -> None:
    section = Section("x", settings)
    section.mapping("HEADERS")
    assert hide_secrets(text) == text


def test_a_word_in_a_secret_address_hides_nothing() -> None:
    Secret("https://hub.example.org/notifications/photometry-limit/T0123456789ab")
    assert not repeats_secret("2 notifications of a photometry-limit")
    assert repeats_secret("no such hook: T0123456789ab")


@given(ordinary, ordinary)
def test_a_payload_is_shown_as_it_is(one: str, other: str) -> None:
    Secret(KEY)
    body = json.dumps([{"name": one, "magnitude": 18.2, "note": other, "id": "a" * 32}] * 20, indent=2)
    assert Preview(content_type="application/json", body=body).body == body


def test_what_makes_more_readings_than_can_be_looked_at_is_hidden() -> None:
    Secret(KEY)
    seed = "".join(f"&amp;#{n}; %25{n:02x} \\\\u00{n:02x} " for n in range(16, 99))
    for _ in range(3):
        seed = b64encode(seed.encode()).decode() + json_unicode(seed)
    assert isinstance(repeats_secret(seed), bool)


def test_the_oldest_are_forgotten_until_they_are_used_again() -> None:
    first = Secret(KEY)
    for number in range(3000):
        register(f"{number:040d}")
    assert not repeats_secret(KEY)
    first.reveal()
    assert repeats_secret(KEY)


def test_while_the_oldest_are_forgotten_the_others_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread hides a text while one gives a credential too many."""
    real, found = sharecore.secrets._credentials, []

    def look_meanwhile(text: str) -> Any:
        found.append(repeats_secret(f"{len(found)}: {KEY}"))
        return real(text)

    for number in range(900):
        register(f"{number:040d}")
    Secret(KEY)
    monkeypatch.setattr(sharecore.secrets, "_credentials", look_meanwhile)
    for number in range(900, 1100):
        register(f"{number:040d}")
    assert len(found) > 500
    assert all(found)


def test_a_piece_is_as_long_as_is_documented() -> None:
    Secret("abcdefghijklmnopqrstuvwxyz")
    assert repeats_secret(f"it begins with {'abcdefghijklmnopqrstuvwxyz'[:PIECE]}")
    assert not repeats_secret(f"it begins with {'abcdefghijklmnopqrstuvwxyz'[: PIECE - 1]}")


@dataclass
class Config:
    key: Secret


def test_no_copy_and_no_file_holds_a_secret() -> None:
    secret = Secret(KEY)
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    assert KEY not in repr(asdict(Config(secret)))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(Config(secret), protocol)
    for show in (vars, json.dumps, lambda each: each.__getstate__(), lambda each: f"{each:>80}"):
        with pytest.raises(TypeError):
            show(secret)
