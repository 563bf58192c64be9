"""The state of a share at one glance: one word, one sentence, and the numbers behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Count, Max, Min
from django.utils import timezone

from sharecore.addresses import Address
from sharecore.delivery import NEEDS_PERSON, OPEN, State
from sharecore.exceptions import ConfigurationError
from tom_integration import conf, permissions, site, status
from tom_integration.models import Channel, DestinationHealth, Request
from tom_integration.pages import sentences
from tom_integration.sending import health


class Mood(StrEnum):
    """What a share is like, for its colour and its word."""

    OK = "ok"
    SENDING = "sending"
    WAITING = "waiting"
    NEEDS_YOU = "needs-you"
    PAUSED = "paused"
    ENDED = "ended"


LABELS: Mapping[Mood, str] = {
    Mood.OK: "Up to date",
    Mood.SENDING: "Sending",
    Mood.WAITING: "Waiting",
    Mood.NEEDS_YOU: "Needs you",
    Mood.PAUSED: "Paused",
    Mood.ENDED: "Ended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One channel, for people.

    detail: what happens, or what to do, in sentences that stand alone. once: whether it was shared by hand
    alone, and new data are not. kept: what stays here, and why. sent, total: the records of the present
    batch of work; 0 of 0 when nothing is open. pending, needing, withheld, delivered: how many records.
    """

    mood: Mood
    detail: str
    once: bool = False
    kept: str = ""
    sent: int = 0
    total: int = 0
    pending: int = 0
    needing: int = 0
    withheld: int = 0
    delivered: int = 0
    delivered_at: datetime | None = None

    @property
    def label(self) -> str:
        """The state in a word or two."""
        return "Done" if self.once and self.mood is Mood.OK else LABELS[self.mood]

    @property
    def progress(self) -> str:
        """How far the present work is, for who watches it; empty where none goes on and none was done."""
        under_way = self.total and (self.sent or self.mood == Mood.SENDING)
        return f"{self.sent:,} of {self.total:,} sent" if under_way else ""

    @property
    def text(self) -> str:
        """The whole in words, without the numbers that have a place of their own."""
        return " ".join(filter(None, (self.progress, self.detail))) or self.label

    @property
    def percent(self) -> int:
        """How far the present work is; 100 only when it is done."""
        return min(99, 100 * self.sent // self.total) if self.total else 100


@dataclass(slots=True)
class _Figures:
    counts: Counter[str]
    since: datetime | None = None
    soonest: datetime | None = None
    delivered_at: datetime | None = None


def glances(channels: Iterable[Channel], user: Any) -> dict[int, Glance]:
    """How channels stand, by their primary keys. A handful of queries, whatever their number.

    user: who looks; data that they may not see are not counted.
    """
    channels = list(channels)
    now = timezone.now()
    figures = _figures(channels, user)
    known = {row.address: row for row in DestinationHealth.objects.all()}
    advice = status.nobody_delivers() if channels else ""
    introduced = Request.objects.filter(channel_id__in=[each.pk for each in channels], introduce=True)
    introducing = set(introduced.values_list("channel_id", flat=True))
    return {
        channel.pk: _glance(
            channel,
            figures.get((channel.destination, channel.target_id), _Figures(Counter())),
            [
                known[part]
                for part in _parts(channel.destination)
                if part in known and _is_unwell(known[part])
            ],
            advice,
            channel.pk in introducing,
            user,
            now,
        )
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


def _figures(channels: list[Channel], user: Any) -> dict[tuple[str, int], _Figures]:
    rows = permissions.visible_deliveries(user, channels).order_by()
    grouped = rows.values("destination", "target_id", "state").annotate(
        number=Count("pk"), since=Min("created"), soonest=Min("next_at"), latest=Max("delivered_at")
    )
    figures: dict[tuple[str, int], _Figures] = {}
    for row in grouped:
        each = figures.setdefault((row["destination"], row["target_id"]), _Figures(Counter()))
        each.counts[row["state"]] = row["number"]
        each.delivered_at = max(filter(None, (each.delivered_at, row["latest"])), default=None)
        if row["state"] in OPEN:
            each.since = min(filter(None, (each.since, row["since"])))
            each.soonest = min(filter(None, (each.soonest, row["soonest"])), default=None)
    return figures


def _glance(
    channel: Channel,
    figures: _Figures,
    unwell: list[DestinationHealth],
    advice: str,
    introducing: bool,
    user: Any,
    now: datetime,
) -> Glance:
    counts = figures.counts
    pending = sum(counts[state] for state in OPEN)
    needing = sum(counts[state] for state in NEEDS_PERSON)
    withheld = counts[State.WITHHELD] + counts[State.UNSUPPORTED]
    sent = 0
    if pending:
        mine = permissions.deliveries_for(user, channel)
        sent = mine.filter(state=State.DELIVERED, delivered_at__gte=figures.since).count()
    mood, detail = _mood(channel, figures, unwell, advice, introducing, pending, needing, user, now)
    return Glance(
        mood=mood,
        detail=detail,
        once=channel.share_id is None,
        kept=_kept(channel, withheld, user),
        sent=sent,
        total=sent + pending if pending else 0,
        pending=pending,
        needing=needing,
        withheld=withheld,
        delivered=counts[State.DELIVERED],
        delivered_at=figures.delivered_at,
    )


def _mood(
    channel: Channel,
    figures: _Figures,
    unwell: list[DestinationHealth],
    advice: str,
    introducing: bool,
    pending: int,
    needing: int,
    user: Any,
    now: datetime,
) -> tuple[Mood, str]:
    if channel.paused:
        return Mood.PAUSED, sentences.paused(channel.paused, pending)
    if problem := _misconfigured(channel.destination):
        return Mood.NEEDS_YOU, problem
    for row in unwell:
        if row.paused:
            return Mood.NEEDS_YOU, sentences.refused(row)
    if conf.paused():
        return Mood.PAUSED, site.halted()
    if reason := site.halted():
        return Mood.NEEDS_YOU, reason
    if needing:
        return Mood.NEEDS_YOU, _needing(channel, figures.counts, user)
    for row in unwell:
        if row.failures and (pending or introducing):
            return Mood.WAITING, sentences.outage(row, pending, now)
    if channel.problem and channel.needs_person:
        return Mood.NEEDS_YOU, channel.problem
    if pending and advice:
        return Mood.NEEDS_YOU, f"Nobody is delivering. {advice}"
    if pending and figures.soonest is not None and figures.soonest > now and not _in_hand(figures):
        return Mood.WAITING, sentences.later(pending, figures.soonest, now, _reason(channel, user, State.DUE))
    if pending:
        return Mood.SENDING, ""
    if introducing:
        return Mood.SENDING, "The target itself is being made known there."
    if channel.until is not None and channel.until <= now:
        return Mood.ENDED, f"New data are shared no longer since {channel.until:%Y-%m-%d %H:%M} UTC."
    return Mood.OK, ""


def _in_hand(figures: _Figures) -> bool:
    return bool(figures.counts[State.SENDING])


def _misconfigured(address: str) -> str:
    try:
        site.destinations().resolve(address)
    except ConfigurationError as error:
        return str(error)
    return ""


def _needing(channel: Channel, counts: Counter[str], user: Any) -> str:
    parked, held = counts[State.PARKED], counts[State.HELD]
    said = []
    if parked:
        said.append(f"{sentences.number(parked)} did not arrive{_reason(channel, user, State.PARKED)}")
    if held:
        whom = "it" if held == 1 else "they"
        said.append(f"{sentences.number(held)} may have arrived: look there, then say whether {whom} did")
    return sentences.join(*said)


def _kept(channel: Channel, withheld: int, user: Any) -> str:
    if not withheld:
        return ""
    said = f"{sentences.number(withheld)} withheld{_reason(channel, user, State.WITHHELD, State.UNSUPPORTED)}"
    return sentences.join(said)


def _reason(channel: Channel, user: Any, *states: State) -> str:
    """Why the newest of these is there: one stands for the others, the share's page lists them all."""
    mine = permissions.deliveries_for(user, channel)
    latest = mine.filter(state__in=states).order_by("-pk").first()
    return f": {latest.reason}" if latest is not None and latest.reason else ""
