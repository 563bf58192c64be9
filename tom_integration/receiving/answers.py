"""What became of each record of a batch, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tom_integration.receiving.form import Arrival
from tom_integration.receiving.sight import Place
from tom_integration.texts import plain

TAKEN = "another datum of this target has the same values of those fields that the TOM keeps unique"


@dataclass(slots=True, kw_only=True)
class Answer:
    """outcome: accepted, revised, duplicate or rejected. field, reason: of a rejection.

    place: the datum; of a rejection the one that is in the way, if it is one.
    """

    outcome: str
    place: Place | None = None
    field: str = ""
    reason: str = ""

    def repeated(self) -> Answer:
        """The answer to the same again."""
        return self if self.outcome == "rejected" else replace(self, outcome="duplicate")

    def as_json(self, arrival: Arrival) -> dict[str, Any]:
        """The answer to one record."""
        if self.outcome == "rejected":
            told = {"id": "", "field": self.field, "reason": plain(self.reason)}
        else:
            told = {"id": "/".join(map(str, self.place)) if self.place else ""}
        return {"key": arrival.key, "outcome": self.outcome, **told}


def rejected(field: str, reason: str, place: Place | None = None) -> Answer:
    """This record is not stored. place: the datum that is in its way."""
    return Answer(outcome="rejected", field=field, reason=reason, place=place)
