"""Summarize the status of a share: one word, one sentence, and the numbers behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, QuerySet, TextChoices, prefetch_related_objects

from sharecore.addresses import Address
from sharecore.delivery import NEEDS_PERSON, OPEN, RELEASE, State
from sharecore.exceptions import ConfigurationError
from tom_integration import access, site, site_status
from tom_integration.models import Delivery, Outbox
from tom_integration.pages import phrases
from tom_integration.pages.counts import Figures, counted
from tom_integration.pages.share_cause import NEEDING, OF_DESTINATION, OF_SITE, Around, Cause

_LOOKED_AT = 200
"""The deliveries of one state whose reasons are compared: to compare all of a large ledger takes too long."""


class ShareStatus(TextChoices):
    """Name the status of a share, which gives its colour, with a label for people: the most urgent first."""

    NEEDS_YOU = "needs-you", "Action needed"
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Sending"
    PAUSED = "paused", "Paused"
    PARTLY = "partly", "Partly shared"
    ENDED = "ended", "Ended"
    OK = "ok", "Up to date"


STATUS: Mapping[Cause, ShareStatus] = {
    **dict.fromkeys(NEEDING, ShareStatus.NEEDS_YOU),
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
    """The destination that refuses us, whose card has the button that ends it; empty for none."""
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
        return "Done" if self.once and self.status is ShareStatus.OK else str(self.status.label)

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
        own=_own(outbox, figures, cause, pending - counts[State.SUBMITTED], around),
        common=common(cause, outbox.address, around),
        refusing=outbox.destination if cause is Cause.REFUSED else "",
        once=outbox.share_id is None,
        kept=_kept(outbox, figures, around),
        sent=figures.sent,
        total=figures.sent + pending if pending else 0,
        pending=pending,
        needing=sum(counts[state] for state in NEEDS_PERSON),
        to_approve=counts[State.TO_APPROVE],
        withheld=counts[State.WITHHELD] + counts[State.UNSUPPORTED] - figures.later,
        later=figures.later,
        existing=figures.existing,
        outdated=figures.outdated,
        delivered=counts[State.DELIVERED],
        delivered_at=figures.delivered_at,
        counts=dict(counts),
    )


def common(cause: Cause, address: Address, around: Around) -> str:
    """Return the text about a cause that is the same for all outboxes of the destination, or of the TOM."""
    match cause:
        case Cause.MISCONFIGURED:
            return phrases.join(_misconfigured(address))
        case Cause.REFUSED if row := around.refusing(address):
            return phrases.refused(row)
        case Cause.DOWN if row := around.failing(address):
            return phrases.outage(row, around.now)
        case Cause.SWITCHED_OFF | Cause.HALTED:
            return site.halted()
        case Cause.NO_WORKER | Cause.NO_LOOK:
            return phrases.join("No worker is running", site_status.how_to_deliver())
    return ""


def _own(outbox: Outbox, figures: Figures, cause: Cause, pending: int, around: Around) -> str:
    """Return the text about this outbox alone."""
    match cause:
        case Cause.PAUSED:
            return phrases.paused(outbox.pause, pending)
        case Cause.RECORDS:
            return _needing(outbox, figures.counts, around.user)
        case Cause.DOWN:
            return phrases.join(f"{phrases.waiting(pending)} for the destination") if pending else ""
        case Cause.STOPPED:
            return outbox.problem
        case Cause.DELAYED:
            asked = phrases.delayed(str(outbox.address), around.delays[outbox.destination], around.now)
            return phrases.join(phrases.waiting(pending) if pending else "", asked)
        case Cause.LATER if figures.soonest is not None:
            reason = _reason(outbox, around.user, State.PENDING)
            return phrases.later(pending, figures.soonest, around.now, reason)
        case Cause.INTRODUCING:
            return "The target itself is being sent."
        case Cause.REPLAYING:
            return "What arrived is about to be sent again, where it is missing."
        case Cause.LOOKING:
            return "Looking for new data."
        case Cause.ENDED if outbox.ends_at is not None:
            return f"New data have not been shared since {outbox.ends_at:%Y-%m-%d %H:%M} UTC."
    held = cause in OF_DESTINATION | OF_SITE and pending
    return phrases.join(phrases.waiting(pending)) if held else ""


def _misconfigured(address: Address) -> str:
    try:
        site.destinations().resolve(str(address))
    except ConfigurationError as error:
        return str(error)
    return ""


def _needing(outbox: Outbox, counts: Counter[str], user: Any) -> str:
    refused, in_review = counts[State.FAILED], counts[State.NEEDS_REVIEW]
    said = []
    if refused:
        said.append(f"{phrases.number(refused)} did not arrive{_reasons(outbox, user, State.FAILED)}")
    if in_review:
        whom = "it" if in_review == 1 else "they"
        said.append(f"{phrases.number(in_review)} may have arrived: look there, then say whether {whom} did")
    return phrases.join(*said)


def _kept(outbox: Outbox, figures: Figures, around: Around) -> str:
    """Return which records the destination does not have as they are here, and why."""
    counts, said, user = figures.counts, [], around.user
    if number := counts[State.SUBMITTED]:
        said.append(phrases.submitted(number, str(outbox.address), figures.answer_at, around.now))
    if number := counts[State.TO_APPROVE]:
        said.append(phrases.to_approve(number))
    if number := figures.outdated:
        said.append(phrases.outdated(number, str(outbox.address)))
    if number := counts[State.UNSUPPORTED]:
        why = _reasons(outbox, user, State.UNSUPPORTED)
        unable = phrases.cannot_store(str(outbox.address), number)
        said.append(f"{phrases.number(number)} not sent, as {unable}{why}")
    if number := figures.later:
        said.append(phrases.go_later(number, figures.first, figures.last))
    if number := counts[State.WITHHELD] - figures.later:
        said.append(f"{phrases.number(number)} not sent{_reasons(outbox, user, State.WITHHELD)}")
    said.append(phrases.withdrawn(counts[State.WITHDRAWN], counts[State.WITHDRAWING]))
    if number := figures.existing:
        said.append(f"{phrases.number(number, 'existing record')} not shared")
    return phrases.join(*said)


def _reason(outbox: Outbox, user: Any, state: State) -> str:
    """Return the reason of one delivery in this state, the first in the index; the share's page lists all."""
    one = _in_state(outbox, user, state).values_list("reason", flat=True).first()
    return f": {one}" if one else ""


def _reasons(outbox: Outbox, user: Any, state: State) -> str:
    """Return the reason of all deliveries in this state, or one of several, and how many there are."""
    rows = _in_state(outbox, user, state)[: _LOOKED_AT + 1]
    found = rows.aggregate(rows=Count("pk"), reasons=Count("reason", distinct=True), one=Max("reason"))
    return phrases.because(found["one"] or "", found["reasons"], all_known=found["rows"] <= _LOOKED_AT)


def _in_state(outbox: Outbox, user: Any, state: State) -> QuerySet[Delivery]:
    mine = access.deliveries_for(user, outbox).filter(state=state).exclude(field=RELEASE)
    return mine.order_by("-next_at", "-delivered_at")
