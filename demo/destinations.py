"""Where TOM A shares to: each destination is started, named in A's settings, and counted in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hermes_count import compare_with_log
from night import BROKER, SURVEYS
from realtoms import PATIENT_SQLITE, Comparison, Tom, User, compare, make_tom
from realtoms.compare import Row
from stand_ins import StandIn

_HERMES_TOKEN = "0123456789abcdef0123456789abcdef01234567"  # the one that the stand-in knows
_TOPIC = "hermes.test"
DISCOVERIES = "hermes.discoveries"
"""The topic of HERMES on which the candidates are published; its messages are not counted here."""

SHARER = User(username="sharer", password="sharer-of-the-demo")


@dataclass(frozen=True, kw_only=True)
class Count:
    """How a destination stands. not_expressible: data that it has no way to hold; not in the comparison."""

    comparison: Comparison
    not_expressible: int = 0


class Destination(ABC):
    """One destination. label: for people. address: as a continuous share names it."""

    label: str
    address: str

    @abstractmethod
    def entry(self) -> dict[str, object]:
        """Return its entry in `DATA_SHARING` of TOM A."""

    @abstractmethod
    def start(self) -> None:
        """Start it, also again after `stop`."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it; what it has stays."""

    @abstractmethod
    def count(self, database: str, targets: Sequence[str]) -> Count:
        """Compare what it has with the data in the database of TOM A; the first target is shared with all."""


class TomB(Destination):
    """A stock TOM, made for this."""

    label = "TOM B"
    address = "tom-b"

    def __init__(self, folder: Path, admin: User) -> None:
        self.tom: Tom = make_tom(folder / "tom-b", name="TOM B", users=[admin, SHARER], code=PATIENT_SQLITE)

    def entry(self) -> dict[str, object]:
        return self.tom.sharing_entry(SHARER.username)

    def start(self) -> None:
        self.tom.serve(options=["--preload"])  # twice in this story: it starts faster so

    def stop(self) -> None:
        self.tom.stop()

    def count(self, database: str, targets: Sequence[str]) -> Count:
        return Count(comparison=compare(database, self.tom.database, targets, stays=_of_a_broker))


def _of_a_broker(row: Row) -> bool:
    """Return whether the rule, which shares own data only, keeps a row at home."""
    return bool(row["source_name"] == BROKER)


class Hermes(Destination):
    """A stand-in for HERMES: a process of its own that answers as HERMES does, and logs what it published."""

    label = "HERMES"
    address = f"hermes:{_TOPIC}"

    def __init__(self, folder: Path) -> None:
        self._log = folder / "hermes-published.jsonl"
        options = ("--log", str(self._log), "--writable-topics", f"{_TOPIC},{DISCOVERIES}")
        self.stand_in = StandIn("hermes_server.py", folder, *options)

    def entry(self) -> dict[str, object]:
        return {
            "DISPLAY_NAME": "HERMES (stand-in)",
            "BASE_URL": self.stand_in.url,
            "HERMES_API_KEY": _HERMES_TOKEN,
            "DEFAULT_AUTHORS": "The demo",
            "USER_TOPICS": [_TOPIC, DISCOVERIES],
            "EDITS": "retract",
            # the samples name neither their telescope nor their unit: a site has to say them
            "DEFAULT_TELESCOPE": "unknown telescope",
            # they do name their surveys, which count as this site's own here
            "OWN_SOURCES": list(SURVEYS),
            "DEFAULT_BRIGHTNESS_UNIT": "AB mag",
            "BATCH_WINDOW_SECONDS": 1,
        }

    def start(self) -> None:
        self.stand_in.start()

    def stop(self) -> None:
        self.stand_in.stop()

    def count(self, database: str, targets: Sequence[str]) -> Count:
        comparison, without_table = compare_with_log(database, self._log, targets[0], _TOPIC)
        return Count(comparison=comparison, not_expressible=len(without_table))
