"""What became of each record of a batch, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tom_integration.receiving.form import Arrival
from tom_integration.receiving.known import Place
from tom_integration.texts import plain

TAKEN = "another datum of this target has the same values of those fields that the TOM keeps unique"


@dataclass(slots=True, kw_only=True)
class Answer:
    """outcome: accepted, revised, duplicate or rejected. place: the datum. field, reason: of a rejection."""

    outcome: str
    place: Place | None = None
    field: str = ""
    reason: str = ""

    def repeated(self) -> Answer:
        """The answer to the same again."""
        return self if self.outcome == "rejected" else replace(self, outcome="duplicate")

    def as_json(self, arrival: Arrival) -> dict[str, Any]:
        """The answer to one record."""
        name = "/".join(map(str, self.place)) if self.place else ""
        answer = {"key": arrival.key, "outcome": self.outcome, "id": name}
        if self.outcome == "rejected":
            answer |= {"field": self.field, "reason": plain(self.reason)}
        return answer


def rejected(field: str, reason: str) -> Answer:
    """This record is not stored."""
    return Answer(outcome="rejected", field=field, reason=reason)
