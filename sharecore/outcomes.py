"""Outcomes: the fate of one record in one call. They are values; no decision depends on their text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeGuard, get_args

from sharecore.exceptions import is_wait
from sharecore.identity import fingerprint
from sharecore.plugin_errors import contained
from sharecore.records import Record, Report
from sharecore.secrets import hide_secrets, repeats_secret
from sharecore.texts import one_line
from sharecore.times import in_utc

TICKET_LENGTH = 200
"""Longest ticket, in characters."""
TARGET_NAME_LENGTH = 100
"""Longest name of a target, in characters, as in tomtoolkit 3.1.0."""


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= longest and value.isprintable()


def _is_aware(value: object) -> TypeGuard[datetime]:
    return isinstance(value, datetime) and value.utcoffset() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _There:
    """An answer about a record that is at the destination."""

    remote_id: str | None = None
    """Name of the record at the destination; None where there is none, or where it repeats a credential."""
    target_name: str | None = None
    """Name that the destination gave the target, for people ("AT 2026abc"), of 1 to 100 characters; None
    where it gave none, or where it repeats a credential.
    """

    def __post_init__(self) -> None:
        for name in ("remote_id", "target_name"):
            value = getattr(self, name)
            if isinstance(value, str) and repeats_secret(value):
                object.__setattr__(self, name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(_There):
    """The destination has stored the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(_There):
    """The destination had the record already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reasoned:
    """An answer with a reason."""

    reason: str
    """Explanation for people, hidden when it repeats a credential. Cut after 500 characters; control
    characters become blanks.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", one_line(self.reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(_Reasoned):
    """The destination refused this record for good."""

    field: str | None = None
    """Field of the record that is to blame; None where the destination does not say."""

    def __post_init__(self) -> None:
        _Reasoned.__post_init__(self)
        if isinstance(self.field, str):
            object.__setattr__(self, "field", hide_secrets(self.field))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported(_Reasoned):
    """The destination has no way to express this record; it was not sent."""

    feature: str
    """Short stable word for the missing ability, such as "flux-unit"."""

    def __post_init__(self) -> None:
        _Reasoned.__post_init__(self)
        object.__setattr__(self, "feature", hide_secrets(self.feature))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred(_Reasoned):
    """The record is certainly not stored; another try is worth it."""

    retry_after: float | None = None
    """Seconds that the destination asked for; None where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed(_Reasoned):
    """The record was sent, but no answer tells whether it was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The destination has taken the record for processing, and says later what became of it: an answer of
    `Adapter.deliver` and `Adapter.deliver_file`, and of `Adapter.follow` for "not yet".
    """

    ticket: str
    """Text under which `Adapter.follow` asks, of 1 to 200 characters that can be printed; records may share
    one. Never a credential: what repeats one is no ticket.
    """
    ask_after: float
    """Seconds until the destination may have an answer: from 1 s to a day, or the nearest of the two."""

    def __post_init__(self) -> None:
        if isinstance(self.ticket, str) and repeats_secret(self.ticket):
            object.__setattr__(self, "ticket", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld(_Reasoned):
    """The site itself does not let the record go there. Given by the framework or by the hook
    `sharecore_withhold`, never by an adapter.
    """

    until: datetime | None = None
    """Time from which the record may go, in UTC; None where the reason does not end by itself."""

    def __post_init__(self) -> None:
        _Reasoned.__post_init__(self)
        if _is_aware(self.until):
            object.__setattr__(self, "until", in_utc(self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Present(_There):
    """The destination has the record that was looked up; an answer of `find` and `find_report` only."""

    content: Record | Report | str
    """Content at the destination, as `sharecore.fingerprint` of the stored record; a record stands for its
    fingerprint.

    For a destination that keeps no fingerprint, compare with the record in the batch: give that record where
    the content is the same, and an empty text where it differs or is not shown.
    """

    def __post_init__(self) -> None:
        _There.__post_init__(self)
        if isinstance(self.content, Record | Report):
            object.__setattr__(self, "content", fingerprint(self.content))


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The destination does not have the record that was looked up, or a second delivery changes nothing
    there.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The destination does not show the record any more; an answer of `Adapter.withdraw` only."""


Outcome = Accepted | Duplicate | Rejected | Unsupported | Deferred | Unconfirmed | Submitted
"""The answers that an adapter may give for a record."""

Result = Outcome | Withheld
"""The fate of a record: an outcome, or withheld by the site."""

Found = Present | Absent | Rejected | Unsupported | Deferred | Unconfirmed
"""The answers that an adapter may give when a record is looked up."""

Withdrawal = Withdrawn | Rejected | Unsupported | Deferred | Unconfirmed
"""The answers that an adapter may give when a record is withdrawn."""

_NO_TICKET = "(no ticket)"
_TYPES = dict.fromkeys((*get_args(Result), *get_args(Found), *get_args(Withdrawal)))
_RULES: dict[str, tuple[Callable[[object], bool], str, object]] = {
    "remote_id": (lambda value: isinstance(value, str | None), "a text or None", None),
    "field": (lambda value: isinstance(value, str | None), "a text or None", None),
    "feature": (lambda value: isinstance(value, str), "a text", ""),
    "content": (lambda value: isinstance(value, str), "a record or a text", ""),
    "retry_after": (lambda value: value is None or is_wait(value), "seconds or None", None),
    "target_name": (
        lambda value: value is None or _is_text(value, TARGET_NAME_LENGTH),
        f"a text of 1 to {TARGET_NAME_LENGTH} printable characters or None",
        None,
    ),
    "ticket": (
        lambda value: _is_text(value, TICKET_LENGTH),
        f"a text of 1 to {TICKET_LENGTH} printable characters that repeats no credential",
        _NO_TICKET,
    ),
    "ask_after": (is_wait, "seconds", 60.0),
    "until": (lambda value: value is None or _is_aware(value), "a time with a time zone or None", None),
}


def own(answer: object) -> object:
    """Return an outcome as one of our own types, where a plugin derived its own; anything else as it is."""
    if type(answer) in _TYPES:
        return answer
    with contained():
        for ours in _TYPES:
            if isinstance(answer, ours):
                return ours(**{each.name: getattr(answer, each.name) for each in fields(ours)})
    return answer


def within_contract(answer: Found | Result) -> tuple[Found | Result, list[str]]:
    """Return the answer of a plugin with fields as the contract has them, and a complaint for each wrong
    field.

    The answer counts all the same; a whole number for a name is written as text. Without a valid ticket
    nothing can be asked, so that `Submitted` becomes `Unconfirmed`.
    """
    changes: dict[str, Any] = {}
    complaints: list[str] = []
    for name, (valid, rule, instead) in _RULES.items():
        value = getattr(answer, name, instead)
        if not valid(value):
            named = name in ("remote_id", "ticket") and type(value) is int
            changes[name] = str(value) if named else instead
            complaints.append(f"{name} must be {rule}, got a {type(value).__name__}")
    if changes.get("ticket") == _NO_TICKET:
        return Unconfirmed(reason="taken for processing, under a ticket that cannot be kept"), complaints
    return (replace(answer, **changes) if changes else answer), complaints
