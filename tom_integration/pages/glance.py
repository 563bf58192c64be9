"""The state of a share at one glance: one word, one sentence, and the numbers behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone

from sharecore.addresses import Address
from sharecore.delivery import NEEDS_PERSON, OPEN, State
from sharecore.exceptions import ConfigurationError
from tom_integration import conf, permissions, site, status
from tom_integration.models import Channel, DestinationHealth, Request
from tom_integration.pages import sentences
from tom_integration.pages.figures import Figures, counted
from tom_integration.sending import health


class Mood(StrEnum):
    """What a share is like, for its colour and its word."""

    OK = "ok"
    PARTLY = "partly"
    SENDING = "sending"
    WAITING = "waiting"
    NEEDS_YOU = "needs-you"
    PAUSED = "paused"
    ENDED = "ended"


LABELS: Mapping[Mood, str] = {
    Mood.OK: "Up to date",
    Mood.PARTLY: "Partly shared",
    Mood.SENDING: "Sending",
    Mood.WAITING: "Waiting",
    Mood.NEEDS_YOU: "Action needed",
    Mood.PAUSED: "Paused",
    Mood.ENDED: "Ended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One channel, for people.

    mood is OK only when every record is at the destination with its present content. detail: what happens,
    or what to do, in sentences that stand alone: `common`, equal for all channels of the destination, and
    `own`. kept: what is not there, and why. once: whether it was shared by hand alone, and new
    data are not. sent, total: the records of the present batch of work; 0 of 0 when nothing is open. pending,
    needing, withheld, existing, outdated, delivered: how many records.
    """

    mood: Mood
    own: str = ""
    common: str = ""
    once: bool = False
    kept: str = ""
    sent: int = 0
    total: int = 0
    pending: int = 0
    needing: int = 0
    withheld: int = 0
    existing: int = 0
    outdated: int = 0
    delivered: int = 0
    delivered_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The state in a word or two."""
        return "Done" if self.once and self.mood is Mood.OK else LABELS[self.mood]

    @property
    def detail(self) -> str:
        """What happens, or what to do."""
        return " ".join(filter(None, (self.common, self.own)))

    @property
    def progress(self) -> str:
        """How far the present work is; empty where none goes on and none was done."""
        under_way = self.total and (self.sent or self.mood == Mood.SENDING)
        return f"{self.sent:,} of {self.total:,} sent" if under_way else ""

    @property
    def text(self) -> str:
        """The whole in words, without the numbers that have a place of their own."""
        said = " ".join(filter(None, (self.progress, self.detail, self.kept)))
        return said or self.label

    @property
    def percent(self) -> int:
        """How far the present work is; 100 only when it is done."""
        return min(99, 100 * self.sent // self.total) if self.total else 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What is the same for all channels that are looked at."""

    user: Any
    now: datetime
    advice: str
    unwell: Mapping[str, DestinationHealth]
    introducing: frozenset[int]


def glances(channels: Iterable[Channel], user: Any) -> dict[int, Glance]:
    """How channels stand, by their primary keys. A handful of queries, whatever their number.

    user: who looks; data that they may not see are not counted.
    """
    channels = list(channels)
    figures = counted(channels, user)
    introduced = Request.objects.filter(channel_id__in=[each.pk for each in channels], introduce=True)
    around = _Around(
        user=user,
        now=timezone.now(),
        advice=status.nobody_delivers() if channels else "",
        unwell={row.address: row for row in DestinationHealth.objects.all() if _is_unwell(row)},
        introducing=frozenset(introduced.values_list("channel_id", flat=True)),
    )
    nothing = Figures(Counter())
    return {
        channel.pk: _glance(channel, figures.get((channel.destination, channel.target_id), nothing), around)
        for channel in channels
    }


def _is_unwell(row: DestinationHealth) -> bool:
    """Down, or refusing the credentials that the settings have now."""
    destination = site.destinations().get(site.destination_of(row.address))
    if destination is None:
        return row.failures > 0 and not row.paused
    known = row.health.under(site.credentials_digest(destination))
    return bool(known.failures or known.paused)


def _parts(address: str) -> tuple[str, str]:
    return health.parts(Address.parse(address, [*site.destinations()]))


def _glance(channel: Channel, figures: Figures, around: _Around) -> Glance:
    counts = figures.counts
    pending = sum(counts[state] for state in OPEN)
    sent = 0
    if pending:
        mine = permissions.deliveries_for(around.user, channel).filter(state=State.DELIVERED)
        sent = mine.filter(delivered_at__gte=figures.since).count()
    kept = _kept(channel, figures, around.user)
    mood, own, common = _mood(channel, figures, around, pending)
    if mood is Mood.OK and kept:
        mood = Mood.PARTLY
    return Glance(
        mood=mood,
        own=own,
        common=common,
        once=channel.share_id is None,
        kept=kept,
        sent=sent,
        total=sent + pending if pending else 0,
        pending=pending,
        needing=sum(counts[state] for state in NEEDS_PERSON),
        withheld=counts[State.WITHHELD] + counts[State.UNSUPPORTED],
        existing=figures.existing,
        outdated=figures.outdated,
        delivered=counts[State.DELIVERED],
        delivered_at=figures.delivered_at,
        counts=dict(counts),
    )


def _mood(channel: Channel, figures: Figures, around: _Around, pending: int) -> tuple[Mood, str, str]:
    """The mood, what is said of the channel, and what is said of all channels there."""
    waits = sentences.join(sentences.waiting(pending)) if pending else ""
    unwell = [around.unwell[part] for part in _parts(channel.destination) if part in around.unwell]
    introducing = channel.pk in around.introducing
    if channel.paused:
        return Mood.PAUSED, sentences.paused(channel.paused, pending), ""
    if problem := _misconfigured(channel.destination):
        return Mood.NEEDS_YOU, waits, sentences.join(problem)
    for row in unwell:
        if row.paused:
            return Mood.NEEDS_YOU, waits, sentences.refused(row)
    if reason := site.halted():
        return Mood.PAUSED if conf.paused() else Mood.NEEDS_YOU, waits, reason
    if any(figures.counts[state] for state in NEEDS_PERSON):
        return Mood.NEEDS_YOU, _needing(channel, figures.counts, around.user), ""
    work = bool(pending or introducing or channel.due)
    for row in unwell:
        if row.failures and work:
            own = sentences.join(f"{sentences.waiting(pending)} for the destination") if pending else ""
            return Mood.WAITING, own, sentences.outage(row, around.now)
    if channel.problem and channel.needs_person:
        return Mood.NEEDS_YOU, channel.problem, ""
    if work and around.advice:
        mood = Mood.NEEDS_YOU if pending else Mood.WAITING
        return mood, waits, sentences.join("No worker is running", around.advice)
    return _at_work(channel, figures, around, pending)


def _at_work(channel: Channel, figures: Figures, around: _Around, pending: int) -> tuple[Mood, str, str]:
    """The same where nothing is wrong."""
    now, soonest = around.now, figures.soonest
    if pending and soonest is not None and soonest > now and not figures.counts[State.SENDING]:
        reason = _reason(channel, around.user, State.DUE)
        return Mood.WAITING, sentences.later(pending, soonest, now, reason), ""
    if pending:
        return Mood.SENDING, "", ""
    if channel.pk in around.introducing:
        return Mood.SENDING, "The target itself is being sent.", ""
    if channel.due:
        return Mood.SENDING, "Looking for new data.", ""
    if channel.until is not None and channel.until <= now:
        return Mood.ENDED, f"New data have not been shared since {channel.until:%Y-%m-%d %H:%M} UTC.", ""
    return Mood.OK, "", ""


def _misconfigured(address: str) -> str:
    try:
        site.destinations().resolve(address)
    except ConfigurationError as error:
        return str(error)
    return ""


def _needing(channel: Channel, counts: Counter[str], user: Any) -> str:
    refused, held = counts[State.PARKED], counts[State.HELD]
    said = []
    if refused:
        said.append(f"{sentences.number(refused)} did not arrive{_reason(channel, user, State.PARKED)}")
    if held:
        whom = "it" if held == 1 else "they"
        said.append(f"{sentences.number(held)} may have arrived: look there, then say whether {whom} did")
    return sentences.join(*said)


def _kept(channel: Channel, figures: Figures, user: Any) -> str:
    """What the destination does not have as it is here, and why."""
    counts, said = figures.counts, []
    if number := figures.outdated:
        said.append(sentences.outdated(number, channel.destination))
    if number := counts[State.UNSUPPORTED]:
        why = _reason(channel, user, State.UNSUPPORTED)
        unable = sentences.cannot_store(channel.destination, number)
        said.append(f"{sentences.number(number)} not sent, as {unable}{why}")
    if number := counts[State.WITHHELD]:
        said.append(f"{sentences.number(number)} not sent{_reason(channel, user, State.WITHHELD)}")
    if number := figures.existing:
        said.append(f"{sentences.number(number, 'existing record')} not shared")
    return sentences.join(*said)


def _reason(channel: Channel, user: Any, state: State) -> str:
    """Why one of these is there, in the order of the index: the share's page lists them all."""
    mine = permissions.deliveries_for(user, channel).filter(state=state)
    one = mine.order_by("-next_at", "-delivered_at").values_list("reason", flat=True).first()
    return f": {one}" if one else ""
