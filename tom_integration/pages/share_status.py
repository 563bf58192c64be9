"""Summarize the status of a share: one word, one sentence, and the numbers behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import TextChoices, prefetch_related_objects

from sharecore.delivery import NEEDS_PERSON, OPEN, State
from tom_integration import site
from tom_integration.models import Outbox
from tom_integration.pages import status_reasons
from tom_integration.pages.counts import Figures, counted
from tom_integration.pages.find_causes import Around
from tom_integration.pages.share_cause import NEEDING, Cause


class ShareStatus(TextChoices):
    """Name the status of a share, which gives its colour, with a label for people: the most urgent first."""

    ACTION_NEEDED = "action-needed", "Action needed"
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Sending"
    PAUSED = "paused", "Paused"
    PARTLY = "partly", "Partly shared"
    ENDED = "ended", "Ended"
    OK = "ok", "Up to date"


STATUS: Mapping[Cause, ShareStatus] = {
    **dict.fromkeys(NEEDING, ShareStatus.ACTION_NEEDED),
    Cause.PAUSED: ShareStatus.PAUSED,
    Cause.SWITCHED_OFF: ShareStatus.PAUSED,
    Cause.DOWN: ShareStatus.WAITING,
    Cause.NO_LOOK: ShareStatus.WAITING,
    Cause.DELAYED: ShareStatus.WAITING,
    Cause.LATER: ShareStatus.WAITING,
    Cause.ANSWER: ShareStatus.WAITING,
    Cause.APPROVAL: ShareStatus.WAITING,
    Cause.SENDING: ShareStatus.SENDING,
    Cause.INTRODUCING: ShareStatus.SENDING,
    Cause.REPLAYING: ShareStatus.SENDING,
    Cause.LOOKING: ShareStatus.SENDING,
    Cause.ENDED: ShareStatus.ENDED,
    Cause.PARTLY: ShareStatus.PARTLY,
    Cause.OK: ShareStatus.OK,
}
"""The status that each cause is."""


def causes_of(*statuses: str) -> list[Cause]:
    """Return the causes of these statuses."""
    return [cause for cause, status in STATUS.items() if status in statuses]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSummary:
    """Hold the status of one outbox, for people."""

    status: ShareStatus
    """OK only when every record is at the destination with its present content."""
    cause: Cause = Cause.LOOKING
    own: str = ""
    """The events and actions of this outbox, in sentences that stand alone."""
    common: str = ""
    """The events and actions that are the same for all outboxes of the destination."""
    refusing: str = ""
    """The destination that refuses us, or cannot be used, whose card says more; empty for none."""
    kept: str = ""
    """The records that are not at the destination as they are here, and the reasons."""
    once: bool = False
    """True for one-time shares only, without a continuous share."""
    sent: int = 0
    """Records of the present batch of work that have arrived."""
    total: int = 0
    """All records of the present batch of work; 0 when nothing is open."""
    pending: int = 0
    needing: int = 0
    """Records that need a person."""
    to_approve: int = 0
    """Records that wait for approval."""
    withheld: int = 0
    """Records that are not sent, but for those that wait for their release."""
    later: int = 0
    """Records that wait for their release."""
    all_declined: bool = False
    """True when there are records, and a person declined to send each of them."""
    existing: int = 0
    """Records that were there before the share."""
    outdated: int = 0
    """Records of which the destination has old values."""
    delivered: int = 0
    delivered_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """Records by state of their delivery."""

    @property
    def label(self) -> str:
        """Return the status in a word or two."""
        if self.all_declined:
            return "Declined"
        return "Done" if self.once and self.status is ShareStatus.OK else str(self.status.label)

    @property
    def asking(self) -> int:
        """Return the records that this user has to do something about: also approve, for who may."""
        return self.needing + (self.to_approve if self.cause is Cause.TO_APPROVE else 0)

    @property
    def detail(self) -> str:
        """Return the events and actions as one text."""
        return " ".join(filter(None, (self.common, self.own)))

    @property
    def progress(self) -> str:
        """Return the progress of the present work in words; empty when no work goes on."""
        under_way = self.total and (self.sent or self.status == ShareStatus.SENDING)
        return f"{self.sent:,} of {self.total:,} sent" if under_way else ""

    @property
    def text(self) -> str:
        """Return the whole summary in words, without the numbers that have columns of their own."""
        said = " ".join(filter(None, (self.progress, self.detail, self.kept)))
        return said or self.label

    @property
    def percent(self) -> int:
        """Return the progress of the present work; 100 only when it is done."""
        return min(99, 100 * self.sent // self.total) if self.total else 100


NEW = StatusSummary(status=ShareStatus.WAITING, own="It starts when a worker looks next.")
"""The summary of a share without an outbox, which was made in bulk."""


def summaries(
    outboxes: Iterable[Outbox], user: Any, around: Around | None = None
) -> dict[int, StatusSummary]:
    """Return the status summaries of outboxes by primary key, without data that the user may not see.

    This takes a handful of queries for any number of outboxes.

    Args:
        outboxes: the outboxes.
        user: the user.
        around: what was read before for the same page.
    """
    outboxes = list(outboxes)
    if not outboxes:
        return {}
    prefetch_related_objects(outboxes, "rule")
    figures = counted(outboxes, user)
    around = around or Around.read(user)
    found = around.annotated(Outbox.objects.filter(pk__in=[each.pk for each in outboxes]))
    causes = {pk: Cause(cause) for pk, cause in found.values_list("pk", "cause")}
    nothing = Figures(Counter())
    return {
        outbox.pk: _summary(outbox, figures.get(outbox.pk, nothing), causes[outbox.pk], around)
        for outbox in outboxes
        if outbox.pk in causes  # else it was deleted meanwhile
    }


def _summary(outbox: Outbox, figures: Figures, cause: Cause, around: Around) -> StatusSummary:
    counts = figures.counts
    pending = sum(counts[state] for state in OPEN)
    return StatusSummary(
        status=STATUS[cause],
        cause=cause,
        own=status_reasons.own(outbox, figures, cause, counts[State.PENDING] + counts[State.SENDING], around),
        common=status_reasons.common(cause, outbox.address, around),
        refusing=outbox.destination if cause is Cause.REFUSED or _is_broken(outbox, cause) else "",
        once=outbox.share_id is None,
        kept=status_reasons.kept(outbox, figures, around),
        sent=figures.sent,
        total=figures.sent + pending if pending else 0,
        pending=pending,
        # What waits for a person to correct a share needs one as much as what was refused.
        needing=sum(counts[state] for state in NEEDS_PERSON) + (pending if cause is Cause.STOPPED else 0),
        to_approve=counts[State.TO_APPROVE],
        withheld=counts[State.WITHHELD] + counts[State.UNSUPPORTED] - figures.later,
        later=figures.later,
        all_declined=0 < figures.declined == counts.total() - counts[State.CANCELLED],
        existing=figures.existing,
        outdated=figures.outdated,
        delivered=counts[State.DELIVERED],
        delivered_at=figures.delivered_at,
        counts=dict(counts),
    )


def _is_broken(outbox: Outbox, cause: Cause) -> bool:
    """Return True when the settings of the destination are wrong, as its card says."""
    return cause is Cause.MISCONFIGURED and outbox.destination in site.destinations().broken
