"""Summarize the status of a share: one word, one sentence, and the numbers behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import TextChoices, prefetch_related_objects
from django.utils import timezone

from sharecore.delivery import NEEDS_PERSON, OPEN, RELEASE, State
from sharecore.exceptions import ConfigurationError
from tom_integration import access, conf, site, site_status
from tom_integration.models import DestinationHealth, OneTimeShare, Outbox
from tom_integration.pages import phrases
from tom_integration.pages.counts import Figures, counted
from tom_integration.worker import breaker


class ShareStatus(TextChoices):
    """Name the status of a share, which gives its colour, with a label for people."""

    OK = "ok", "Up to date"
    PARTLY = "partly", "Partly shared"
    SENDING = "sending", "Sending"
    WAITING = "waiting", "Waiting"
    NEEDS_YOU = "needs-you", "Action needed"
    PAUSED = "paused", "Paused"
    ENDED = "ended", "Ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSummary:
    """Hold the status of one outbox, for people."""

    status: ShareStatus
    """OK only when every record is at the destination with its present content."""
    own: str = ""
    """The events and actions of this outbox, in sentences that stand alone."""
    common: str = ""
    """The events and actions that are the same for all outboxes of the destination."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """Hold what is the same for all outboxes of a page."""

    user: Any
    now: datetime
    advice: str
    """What to do when no worker runs; else empty."""
    unwell: Mapping[breaker.Part, DestinationHealth]
    """Destinations and topics that are down or paused."""
    introducing: frozenset[int]
    """Outboxes whose target itself is to be sent."""


def summaries(outboxes: Iterable[Outbox], user: Any) -> dict[int, StatusSummary]:
    """Return the status summaries of outboxes by primary key, without data that the user may not see.

    This takes a handful of queries for any number of outboxes.
    """
    outboxes = list(outboxes)
    prefetch_related_objects(outboxes, "rule")
    figures = counted(outboxes, user)
    introduced = OneTimeShare.objects.filter(outbox__in=[each.pk for each in outboxes], introduce=True)
    around = _Around(
        user=user,
        now=timezone.now(),
        advice=site_status.nobody_delivers() if outboxes else "",
        unwell={
            (row.destination, row.topic): row for row in DestinationHealth.objects.all() if _is_unwell(row)
        },
        introducing=frozenset(introduced.values_list("outbox_id", flat=True)),
    )
    nothing = Figures(Counter())
    return {outbox.pk: _summary(outbox, figures.get(outbox.pk, nothing), around) for outbox in outboxes}


def _is_unwell(row: DestinationHealth) -> bool:
    """Return True when a destination is down, or refuses the present credentials."""
    destination = site.destinations().get(row.destination)
    if destination is None:
        return row.failures > 0 and not row.paused
    known = row.health.under(site.credentials_digest(destination))
    return bool(known.failures or known.paused)


def _summary(outbox: Outbox, figures: Figures, around: _Around) -> StatusSummary:
    counts = figures.counts
    pending = sum(counts[state] for state in OPEN)
    sent = 0
    if pending:
        mine = access.deliveries_for(around.user, outbox).filter(state=State.DELIVERED)
        # A delivered row has no next try: naming it makes this one range of the index.
        sent = mine.filter(next_at=None, delivered_at__gte=figures.since).count()
    kept = _kept(outbox, figures, around.user)
    share_status, own, common = _status_of(outbox, figures, around, pending)
    if share_status is ShareStatus.OK and kept:
        share_status = ShareStatus.PARTLY
    return StatusSummary(
        status=share_status,
        own=own,
        common=common,
        once=outbox.share_id is None,
        kept=kept,
        sent=sent,
        total=sent + pending if pending else 0,
        pending=pending,
        needing=sum(counts[state] for state in NEEDS_PERSON),
        withheld=counts[State.WITHHELD] + counts[State.UNSUPPORTED] - figures.later,
        later=figures.later,
        existing=figures.existing,
        outdated=figures.outdated,
        delivered=counts[State.DELIVERED],
        delivered_at=figures.delivered_at,
        counts=dict(counts),
    )


def _status_of(
    outbox: Outbox, figures: Figures, around: _Around, pending: int
) -> tuple[ShareStatus, str, str]:
    """Return the status, the text about the outbox, and the text about all outboxes of the destination."""
    waits = phrases.join(phrases.waiting(pending)) if pending else ""
    unwell = [around.unwell[part] for part in breaker.parts(outbox.address) if part in around.unwell]
    work = bool(pending or outbox.pk in around.introducing or outbox.look_now or outbox.replay)
    if outbox.pause:
        return ShareStatus.PAUSED, phrases.paused(outbox.pause, pending), ""
    if work or outbox.share_id is not None:  # A finished one-time share needs no destination any more.
        if problem := _misconfigured(str(outbox.address)):
            return ShareStatus.NEEDS_YOU, waits, phrases.join(problem)
        for row in unwell:
            if row.paused:
                return ShareStatus.NEEDS_YOU, waits, phrases.refused(row)
        if reason := site.halted():
            return ShareStatus.PAUSED if conf.settings().paused else ShareStatus.NEEDS_YOU, waits, reason
    if any(figures.counts[state] for state in NEEDS_PERSON):
        return ShareStatus.NEEDS_YOU, _needing(outbox, figures.counts, around.user), ""
    for row in unwell:
        if row.failures and work:
            own = phrases.join(f"{phrases.waiting(pending)} for the destination") if pending else ""
            return ShareStatus.WAITING, own, phrases.outage(row, around.now)
    if outbox.problem and outbox.needs_person:
        return ShareStatus.NEEDS_YOU, outbox.problem, ""
    if work and around.advice:
        share_status = ShareStatus.NEEDS_YOU if pending else ShareStatus.WAITING
        return share_status, waits, phrases.join("No worker is running", around.advice)
    return _at_work(outbox, figures, around, pending)


def _at_work(outbox: Outbox, figures: Figures, around: _Around, pending: int) -> tuple[ShareStatus, str, str]:
    """Return the same as `_status_of` when there is no problem."""
    now, soonest = around.now, figures.soonest
    if pending and soonest is not None and soonest > now and not figures.counts[State.SENDING]:
        reason = _reason(outbox, around.user, State.PENDING)
        return ShareStatus.WAITING, phrases.later(pending, soonest, now, reason), ""
    if pending:
        return ShareStatus.SENDING, "", ""
    if outbox.pk in around.introducing:
        return ShareStatus.SENDING, "The target itself is being sent.", ""
    if outbox.replay:
        return ShareStatus.SENDING, "What arrived is about to be sent again, where it is missing.", ""
    if outbox.look_now:
        return ShareStatus.SENDING, "Looking for new data.", ""
    if outbox.ends_at is not None and outbox.ends_at <= now:
        since = f"New data have not been shared since {outbox.ends_at:%Y-%m-%d %H:%M} UTC."
        return ShareStatus.ENDED, since, ""
    return ShareStatus.OK, "", ""


def _misconfigured(address: str) -> str:
    try:
        site.destinations().resolve(address)
    except ConfigurationError as error:
        return str(error)
    return ""


def _needing(outbox: Outbox, counts: Counter[str], user: Any) -> str:
    refused, in_review = counts[State.FAILED], counts[State.NEEDS_REVIEW]
    said = []
    if refused:
        said.append(f"{phrases.number(refused)} did not arrive{_reason(outbox, user, State.FAILED)}")
    if in_review:
        whom = "it" if in_review == 1 else "they"
        said.append(f"{phrases.number(in_review)} may have arrived: look there, then say whether {whom} did")
    return phrases.join(*said)


def _kept(outbox: Outbox, figures: Figures, user: Any) -> str:
    """Return which records the destination does not have as they are here, and why."""
    counts, said = figures.counts, []
    if number := figures.outdated:
        said.append(phrases.outdated(number, str(outbox.address)))
    if number := counts[State.UNSUPPORTED]:
        why = _reason(outbox, user, State.UNSUPPORTED)
        unable = phrases.cannot_store(str(outbox.address), number)
        said.append(f"{phrases.number(number)} not sent, as {unable}{why}")
    if number := figures.later:
        said.append(phrases.go_later(number, figures.first, figures.last))
    if number := counts[State.WITHHELD] - figures.later:
        said.append(f"{phrases.number(number)} not sent{_reason(outbox, user, State.WITHHELD)}")
    if number := figures.existing:
        said.append(f"{phrases.number(number, 'existing record')} not shared")
    return phrases.join(*said)


def _reason(outbox: Outbox, user: Any, state: State) -> str:
    """Return the reason of one delivery in this state, the first in the index; the share's page lists all."""
    mine = access.deliveries_for(user, outbox).filter(state=state).exclude(field=RELEASE)
    one = mine.order_by("-next_at", "-delivered_at").values_list("reason", flat=True).first()
    return f": {one}" if one else ""
