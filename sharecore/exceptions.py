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
from typing import Self

from sharecore.secrets import hide_secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem that a person has to solve."""

    where: str
    """Path of the setting, or name of the destination ("DATA_SHARING['x']['BASE_URL']")."""
    what: str
    """Description of the fault."""
    hint: str
    """Advice on what to do."""
    fatal: bool = True
    """False for a warning."""

    def __post_init__(self) -> None:
        for name in ("where", "what", "hint"):
            object.__setattr__(self, name, hide_secrets(getattr(self, name)))

    @classmethod
    def of_setting(cls, path: str, key: str, what: str, hint: str, *, fatal: bool = True) -> Self:
        """Return a problem of one setting of a destination.

        Args:
            path: path of the entry, `Section.path`.
            key: name of the setting in it.
            what: description of the fault, such as "is missing".
            hint: advice on what to do.
            fatal: False for a warning.
        """
        return cls(where=f"{path}[{key!r}]", what=what, hint=hint, fatal=fatal)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.hint}"


class SharecoreError(Exception):
    """The root of all exceptions of sharecore."""


class ConfigurationError(SharecoreError):
    """Raised for wrong settings.

    Attributes:
        problems: all problems that were found, so that a person can solve them at once.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class InvalidRecord(SharecoreError):
    """Raised for a datum that cannot be a record.

    Attributes:
        field: name of the wrong field.
        reason: rule that the value breaks, for people.
    """

    def __init__(self, *, field: str, reason: str) -> None:
        self.field = hide_secrets(field)
        self.reason = hide_secrets(reason)
        super().__init__(f"{self.field}: {self.reason}")


def is_wait(value: object) -> bool:
    """Return whether a value is a finite number of seconds, zero or more."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


class DeliveryError(SharecoreError):
    """Raised to stop a whole call. Records without an outcome before it were not sent.

    Attributes:
        reason: explanation for the people of the site, hidden when it repeats a credential. No decision
            depends on its text.
    """

    def __init__(self, reason: str) -> None:
        self.reason = hide_secrets(str(reason))
        super().__init__(self.reason)


class AuthenticationFailed(DeliveryError):
    """Raised when the destination refuses the credentials: nothing is sent there until they change or a check
    succeeds.

    Attributes:
        topic_only: True when only the topic of this address is refused, not the whole destination.
    """

    def __init__(self, reason: str, *, topic_only: bool = False) -> None:
        super().__init__(reason)
        self.topic_only = topic_only


class DestinationError(DeliveryError):
    """Raised when the destination takes nothing now (down, overloaded, broken). The record is not to blame.

    Attributes:
        retry_after: seconds that the destination asked for; None where it did not.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after if is_wait(retry_after) else None


class TargetRefused(DeliveryError):
    """Raised when the destination does not take the target, so none of its records, until a person acts."""


class PluginError(DeliveryError):
    """Raised when a plugin breaks its contract, for example by too few answers: a bug for its author."""


def retold(error: SharecoreError) -> SharecoreError:
    """Return the same exception as one of our own types: methods of a type of a plugin may misbehave."""
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
