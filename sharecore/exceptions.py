"""Exceptions of sharecore.

They form a tree::

    SharecoreError
    ├── ConfigurationError          settings are wrong; never caught by delivery
    ├── InvalidRecord               a datum that cannot be expressed as a record
    └── DeliveryError               stops one call of an adapter
        ├── AuthenticationFailed    the destination refuses our credentials (or this topic)
        ├── DestinationError        the destination is not able to take anything now
        ├── TargetRefused           the destination will not take the target itself
        └── PluginError             a plugin broke its contract
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sharecore.secrets import hide_secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that a person has to mend.

    where: the path of the setting or the name of the destination ("DATA_SHARING['x']['BASE_URL']").
    what: what is wrong. hint: what to do about it. fatal: False for a warning.
    """

    where: str
    what: str
    hint: str
    fatal: bool = True

    def __post_init__(self) -> None:
        for name in ("where", "what", "hint"):
            object.__setattr__(self, name, hide_secrets(getattr(self, name)))

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.hint}"


class SharecoreError(Exception):
    """The root of all exceptions of sharecore."""


class ConfigurationError(SharecoreError):
    """Settings are wrong. problems: every one that was found, so that all can be mended at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class InvalidRecord(SharecoreError):
    """A datum cannot be a record. field: which of its fields is wrong; reason: how."""

    def __init__(self, *, field: str, reason: str) -> None:
        self.field = hide_secrets(field)
        self.reason = hide_secrets(reason)
        super().__init__(f"{self.field}: {self.reason}")


def is_wait(value: object) -> bool:
    """Can one wait for so many seconds?"""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


class DeliveryError(SharecoreError):
    """Stops a whole call. Records of which no outcome was yielded before were not sent.

    reason: for the people of the site, hidden when it repeats a credential; no decision hangs on its text.
    """

    def __init__(self, reason: str) -> None:
        self.reason = hide_secrets(str(reason))
        super().__init__(self.reason)


class AuthenticationFailed(DeliveryError):
    """The destination refuses our credentials: nothing is sent there until they change or a check succeeds.

    topic_only: True when only the topic of this address is refused, not the whole destination.
    """

    def __init__(self, reason: str, *, topic_only: bool = False) -> None:
        super().__init__(reason)
        self.topic_only = topic_only


class DestinationError(DeliveryError):
    """The destination cannot take anything now (down, overloaded, not itself). The record is not to blame.

    retry_after: seconds that the destination asked for.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after if is_wait(retry_after) else None


class TargetRefused(DeliveryError):
    """The destination does not take the target, so none of its records, until a person mends something."""


class PluginError(DeliveryError):
    """A plugin broke its contract, for example answered for too few records: a bug for its author."""


def retold(error: SharecoreError) -> SharecoreError:
    """The same as one of our own types: a plugin may raise a type of its own, which does what it likes."""
    match error:
        case ConfigurationError():
            return ConfigurationError(error.problems)
        case InvalidRecord():
            return InvalidRecord(field=error.field, reason=error.reason)
        case AuthenticationFailed():
            return AuthenticationFailed(error.reason, topic_only=bool(error.topic_only))
        case DestinationError():
            return DestinationError(error.reason, retry_after=error.retry_after)
        case TargetRefused():
            return TargetRefused(error.reason)
        case PluginError():
            return PluginError(error.reason)
        case DeliveryError():
            return DeliveryError(error.reason)
    return error
