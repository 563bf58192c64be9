"""Answer for each record of a batch what became of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sharecore.texts import one_line
from tom_integration.access import permitted
from tom_integration.inbox.parse import Arrival, IncomingBatch
from tom_integration.mapping.shareable_rows import RowKey

logger = logging.getLogger(__name__)
TAKEN = "another datum of this target has the same values of those fields that the TOM keeps unique"


@dataclass(slots=True, kw_only=True)
class Answer:
    """Hold the answer to one record."""

    outcome: str
    """accepted, revised, duplicate or rejected."""
    place: RowKey | None = None
    """The datum; of a rejection the datum in the way, if there is one."""
    field: str = ""
    """The field to blame for a rejection."""
    reason: str = ""
    """The reason of a rejection."""
    otherwise: Answer | None = None
    """The answer to an account that may not view the datum in the way: that without this datum."""

    def repeated(self) -> Answer:
        """Return the answer to the same record, sent again."""
        return self if self.outcome == "rejected" else replace(self, outcome="duplicate")

    def as_json(self, arrival: Arrival) -> dict[str, Any]:
        """Return the answer as a member of the response."""
        if self.outcome == "rejected":
            told = {"id": "", "field": self.field, "reason": one_line(self.reason)}
        else:
            told = {"id": "/".join(map(str, self.place)) if self.place else ""}
        return {"key": arrival.key, "outcome": self.outcome, **told}


def rejected(
    field: str, reason: str, place: RowKey | None = None, *, otherwise: Answer | None = None
) -> Answer:
    """Return a rejection; `place` is the datum in the way, `otherwise` the answer without that datum."""
    return Answer(outcome="rejected", field=field, reason=reason, place=place, otherwise=otherwise)


def told(answers: Sequence[Answer], batch: IncomingBatch, user: Any) -> list[Answer]:
    """Return the answers to a batch, without a trace of data that its account may not view.

    The answer is the same whether such a datum was here before or is stored now.
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
