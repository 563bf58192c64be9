"""Faults of a network and of a receiver, and a plan that says which request meets which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any, Self


class Fault(StrEnum):
    """What can happen to one request; all but the first group leave the client without a usable answer."""

    LATENCY = "latency"  # forwarded after a wait
    REFUSED = "refused"  # forwarded; whoever comes in the seconds after it finds nobody listening

    RESET_BEFORE = "reset before"  # the receiver never saw it
    RESET_AFTER = "reset after"  # the receiver did it, its answer is lost
    TRUNCATED = "truncated"  # the receiver did it, half of its answer comes
    BLACK_HOLE = "black hole"  # the receiver never saw it, and nothing comes for a while
    HELD = "held"  # the receiver did it, and nothing comes for a while
    DRIP = "drip"  # the receiver did it, its answer comes in pieces over a while

    BUSY_SECONDS = "busy, seconds"  # 429 with `Retry-After` in seconds, not forwarded
    BUSY_DATE = "busy, date"  # 429 with `Retry-After` as a date, not forwarded
    SERVER_ERROR = "server error"  # 500, not forwarded
    HTML = "html"  # 200 with a page for people, not forwarded
    WRONG_JSON = "wrong json"  # 200 with JSON that means nothing, not forwarded


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which requests meet which fault, the same for the same seed.

    first: what the first requests meet, None for nothing. rate: the share, from 0 to 1, of all later ones
    that meet a fault, drawn from `faults`. only: the beginning of the request line of those that are meant
    ("POST /api/reduceddatums/"); others pass, and do not count. seconds: how long a wait lasts.
    """

    seed: int = 0
    first: tuple[Fault | None, ...] = ()
    rate: float = 0.0
    faults: tuple[Fault, ...] = tuple(Fault)
    only: str = ""
    seconds: float = 1.0

    def fault(self, number: int) -> Fault | None:
        """What the request of this number, counted from 0, meets."""
        if number < len(self.first):
            return self.first[number]
        chance = Random(f"{self.seed} {number}")  # noqa: S311 - to be repeated, not to be secret
        return chance.choice(self.faults) if chance.random() < self.rate else None

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read a plan; ValueError names a fault, TypeError a key that does not exist."""
        plain = dict(values)
        for name in {"first", "faults"} & plain.keys():
            plain[name] = tuple(None if each is None else Fault(each) for each in plain[name])
        return cls(**plain)
