"""What became of each record of a batch, and how it is said."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sharecore.texts import one_line
from tom_integration.access import Place, permitted
from tom_integration.inbox.parse import Arrival, IncomingBatch

logger = logging.getLogger(__name__)
TAKEN = "another datum of this target has the same values of those fields that the TOM keeps unique"


@dataclass(slots=True, kw_only=True)
class Answer:
    """outcome: accepted, revised, duplicate or rejected. field, reason: of a rejection.

    place: the datum; of a rejection the one that is in the way, if it is one. If the account may not view
    that, it is told `otherwise`: what it would be told if there were no such datum.
    """

    outcome: str
    place: Place | None = None
    field: str = ""
    reason: str = ""
    otherwise: Answer | None = None

    def repeated(self) -> Answer:
        """The answer to the same again."""
        return self if self.outcome == "rejected" else replace(self, outcome="duplicate")

    def as_json(self, arrival: Arrival) -> dict[str, Any]:
        """The answer to one record."""
        if self.outcome == "rejected":
            told = {"id": "", "field": self.field, "reason": one_line(self.reason)}
        else:
            told = {"id": "/".join(map(str, self.place)) if self.place else ""}
        return {"key": arrival.key, "outcome": self.outcome, **told}


def rejected(
    field: str, reason: str, place: Place | None = None, *, otherwise: Answer | None = None
) -> Answer:
    """This record is not stored. place: the datum that is in its way."""
    return Answer(outcome="rejected", field=field, reason=reason, place=place, otherwise=otherwise)


def told(answers: Sequence[Answer], batch: IncomingBatch, user: Any) -> list[Answer]:
    """The answers to a batch, of which none tells of a datum that its account may not view.

    Whether such a datum was here before or is stored now, the answer is the same.
    """
    places = {answer.place for answer in answers if answer.place is not None}
    hidden = places - permitted(user, places, "view")
    for answer in answers:
        if answer.place in hidden and answer.outcome == "rejected":
            logger.warning(
                "A datum of the site %r was not stored. The account %s may not view %s %s, and is told "
                "nothing of it: %s: %s",
                batch.site.name,
                user.get_username(),
                *(answer.place or ()),
                answer.field,
                answer.reason,
            )
    stored = Answer(outcome="accepted")
    return [(answer.otherwise or stored) if answer.place in hidden else answer for answer in answers]
