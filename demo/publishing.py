"""What two people publish while TOM B is down: a report that is approved, and messages that are put right.

Each claim is checked against what the stand-ins for TNS and HERMES hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from candidates import Candidate
from destinations import DISCOVERIES
from people import Person
from screen import Screen
from stand_ins import StandIn, Tns

HURRIED = """
# A demonstration has no minutes: sharecore asks sooner than it does elsewhere.
import sharecore_tns.adapter
from sharecore_hermes.adapter import HermesAdapter

HermesAdapter.settle_time = 5.0
sharecore_tns.adapter.FIRST = sharecore_tns.adapter.LATER = 3.0
"""
"""Goes to the settings of TOM A."""
PATIENCE = 40.0
"""Seconds after which what has not come true counts as untrue."""
_NEW = 18.9
"""The corrected brightness, in AB mag."""
_REASON = "a cosmic ray"


class Untrue(Exception):
    """A check failed: what would come next shows nothing."""


class Messages:
    """What the stand-in for HERMES has published on the topic, in order."""

    def __init__(self, hermes: StandIn) -> None:
        self._hermes = hermes

    def all(self) -> list[dict[str, Any]]:
        """Return all messages."""
        return [each for each in self._hermes.holds()["messages"] if each["topic"] == DISCOVERIES]

    def of(self, brightness: float) -> list[dict[str, Any]]:
        """Return those with a detection of this brightness."""

        def has(line: dict[str, Any]) -> bool:
            rows = line["message"]["data"].get("photometry") or ()
            return any(row.get("brightness") == brightness for row in rows)

        return [line for line in self.all() if has(line)]


def share(candidate: Candidate, observer: Person) -> int:
    """Share a candidate with HERMES; return the primary key of the share.

    Its last limit was there before, and so stays at home: a message with it could not be retracted for the
    correction of a detection alone.
    """
    candidate.limit()
    wanted = {"target": candidate.target_id, "destination": f"hermes:{DISCOVERIES}"}
    return int(observer.post("targets/persistentshare/", json=wanted)["id"])


class Publishing:
    """The story of a candidate.

    checks: each claim, and whether it came true.
    """

    def __init__(
        self, screen: Screen, candidate: Candidate, people: tuple[Person, Person], tns: Tns, hermes: StandIn
    ) -> None:
        self.checks: list[tuple[str, bool]] = []
        self._screen = screen
        self._candidate = candidate
        self._observer, self._approver = people
        self._tns = tns
        self._hermes = hermes
        self._messages = Messages(hermes)
        self._share = 0
        self._told = False

    @property
    def true(self) -> bool:
        """Return whether all has been told, and every claim came true."""
        return self._told and all(true for _, true in self.checks)

    def counts(self) -> dict[str, int]:
        """Return how many claims were checked, and how many of them are untrue."""
        return {"checked": len(self.checks), "untrue": sum(not true for _, true in self.checks)}

    def run(self) -> None:
        """Play it, up to the first check that fails."""
        with suppress(Untrue):
            self._tell()
            self._told = True

    def _tell(self) -> None:
        name, there = self._candidate.name, self._messages
        self._screen.step(f"Meanwhile the observer shares {name} with HERMES, and it is detected twice")
        self._share = share(self._candidate, self._observer)
        first = self._candidate.detect()
        self._check("HERMES has a message with the first detection", lambda: len(there.of(first)) == 1)
        second = self._candidate.detect()
        self._check("HERMES has another with the second", lambda: len(there.of(second)) == 1)
        report = self._report()

        self._screen.step(f"{name} is detected again: HERMES publishes it, and the answer is lost")
        self._hermes.tell(lose=1)
        third = self._candidate.detect()
        self._check("TOM A does not know whether it arrived", lambda: self._state(2) == "unconfirmed")

        self._screen.step(f"The observer corrects the first detection: {_NEW} mag, not {first:g}")
        self._observer.edit("photometryreduceddatum", self._detections()[0]["datum_pk"], brightness=_NEW)
        self._check("HERMES has a message with the new value", lambda: len(there.of(_NEW)) == 1)
        (old,), (new,) = there.of(first), there.of(_NEW)
        references = str(new["message"]["data"].get("references"))
        self._check("it refers to the old one", lambda: old["uuid"] in references)
        self._check("the old one is retracted", lambda: there.of(first)[0]["retracted"])

        self._screen.step(f"The observer withdraws the second: {_REASON}")
        chosen = {"deliveries": [self._detections()[1]["id"]], "withdraw": True, "reason": _REASON}
        self._observer.post(f"targets/persistentshare/{self._share}/withdraw/", json=chosen)
        self._check("its message is retracted", lambda: there.of(second)[0]["retracted"])

        self._screen.step("Nobody does anything more")
        self._check("TOM A asked the archive: the third one arrived", lambda: self._state(2) == "delivered")
        self._check("it was published once", lambda: len(there.of(third)) == 1)
        self._check("TNS has answered", lambda: self._of(report)["state"] == "delivered")
        self._check("it was not done at the first question", lambda: max(self._stored("asked").values()) > 1)
        named = self._of(report)["target_name"]
        self._check(f"the name that it gave is on the pages: {named}", lambda: self._has_object(named))

    def _report(self) -> int:
        """Report the candidate with what the form suggests, and approve; return the report's primary key."""
        self._screen.step("The observer reports it to TNS")
        path = f"targets/{self._candidate.target_id}/reports/"
        (form, *_) = self._observer.get(f"{path}forms/", destination=self._tns.address)
        values = {each["name"]: each["initial"] for each in form["fields"] if each["initial"] is not None}
        asked = {"destination": self._tns.address, "form": form["name"], "values": values, "send": True}
        report = int(self._observer.post(path, json=asked)["id"])
        self._check("it waits for approval", self._waiting)
        self._check("TNS has nothing of it", lambda: not self._stored("reports"))

        self._screen.step("The approver reads exactly what would be sent, and approves it")
        (one,) = self._waiting()
        seen = self._approver.get(f"targets/shareapproval/{one['id']}/")
        chosen = [{"id": seen["id"], "content": seen["content"]}]
        self._approver.post("targets/shareapproval/approve/", json={"deliveries": chosen})
        self._check("TNS has the report", lambda: len(self._stored("reports")) == 1)
        return report

    def _waiting(self) -> list[dict[str, Any]]:
        """Return what waits for the approver."""
        found = self._approver.get("targets/shareapproval/", target=self._candidate.target_id)
        rows: list[dict[str, Any]] = found["results"]
        return rows

    def _of(self, report: int) -> dict[str, Any]:
        """Return what TOM A says of the report."""
        said: dict[str, Any] = self._observer.get(f"targets/{self._candidate.target_id}/reports/{report}/")
        return said

    def _stored(self, what: str) -> Any:
        return self._tns.holds()[what]

    def _has_object(self, name: str) -> bool:
        prefix, objname, *_ = name.split()
        there = self._stored("objects").get(objname)
        return bool(there) and there["name_prefix"] == prefix

    def _detections(self) -> list[dict[str, Any]]:
        """Return what TOM A says of each detection, in their order."""
        path = f"targets/persistentshare/{self._share}/deliveries/"
        found = self._observer.get(path, kind="photometry", ordering="timestamp")
        rows: list[dict[str, Any]] = found["results"]
        return rows

    def _state(self, number: int) -> str:
        rows = self._detections()
        return str(rows[number]["state"]) if number < len(rows) else ""

    def _check(self, claim: str, holds: Callable[[], object]) -> None:
        """Wait until the claim holds, and note whether it did. Untrue if it never does."""
        deadline = time.monotonic() + PATIENCE
        while not (true := bool(holds())) and time.monotonic() < deadline:
            self._screen.progress(f"{claim}?")
            time.sleep(0.2)
        self.checks.append((claim, true))
        self._screen.note(f"{claim}: {'yes' if true else 'NO'}")
        if not true:
            raise Untrue
