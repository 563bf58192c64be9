"""Say on tomtoolkit's page of a target where it and its data are shared, as far as the user may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import DatabaseError
from django.urls import reverse
from tom_dataproducts.models import SpectroscopyReducedDatum

from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import access, site
from tom_integration.links import link
from tom_integration.models import Delivery, Outbox
from tom_integration.pages import destination_choices, phrases
from tom_integration.pages.share_cause import Cause
from tom_integration.pages.share_status import StatusSummary, summaries

OUTDATED = "outdated"
_URGENCY = (
    State.FAILED, State.NEEDS_REVIEW, OUTDATED, State.UNSUPPORTED, State.TO_APPROVE, State.WITHHELD,
    State.WITHDRAWING, State.WITHDRAWN, State.UNCONFIRMED, State.PENDING, State.SENDING, State.SUBMITTED,
    State.DELIVERED,
)  # fmt: skip
"""The states of places: first those that need a person, then what is not there, then what is on its way."""
MOST_LINKS = 200
"""Links that a table shows at most, since the code of an adapter makes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationLine:
    """Hold what a target's page says of one destination."""

    label: str
    url: str
    summary: StatusSummary
    named: str = ""
    """The name that the destination gave the target; empty for none."""
    reports_only: bool = False
    """True where the destination takes reports alone."""

    @property
    def begins(self) -> str:
        """Return the words before the name of the destination."""
        if self.reports_only:
            return "Reported to"
        return "Shared once with" if self.summary.once else "Shared with"

    @property
    def status(self) -> str:
        """Return the status in a word or two."""
        none_left = self.reports_only and not self.summary.delivered and not self.summary.all_declined
        return "Not sent" if none_left and self.summary.cause is Cause.PARTLY else self.summary.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Hold where one datum is, at one destination."""

    state: str
    """The state of its delivery; `OUTDATED` where the destination has old values."""
    short: str
    """What became of it, in a word or two: `Shared`."""
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """Hold the most urgent of several places of one datum in one line."""

    state: str
    text: str


def worst(places: Sequence[Place]) -> Worst:
    """Return one line for one or more places: `Refused 1 of 3`, `Shared 3 of 3`."""
    first = min(places, key=lambda each: _URGENCY.index(each.state))
    number = sum(each.short == first.short for each in places)
    return Worst(state=first.state, text=f"{first.short} {number} of {len(places)}")


def lines(user: Any, target: Any) -> list[DestinationLine]:
    """Return a line for each destination to which the target is or was shared."""
    outboxes = _outboxes(user, target)
    seen = summaries(outboxes, user)
    return [
        DestinationLine(
            label=site.label(str(each.address)),
            url=reverse("sharing:share-page", args=[each.share_id])
            if each.share_id is not None
            else reverse("sharing:history", args=[each.target_id, each.pk]),
            summary=seen[each.pk],
            named=each.target_name,
            reports_only=site.refusal_of_records(str(each.address)) is not None,
        )
        for each in outboxes
        if each.pk in seen
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportButton:
    """Hold the button with which a report about a target is begun."""

    text: str
    url: str


def report_button(user: Any, target: Any) -> ReportButton | None:
    """Return the button for a user who may report about the target; None where no destination takes reports.

    It leads to the form, or to the share page where there are several destinations.
    """
    try:
        if not access.targets_for_shares(user).filter(pk=target.pk).exists():
            return None
        reporters = destination_choices.reporters(user)
    except DatabaseError:
        return None  # As in `_outboxes`.
    if len(reporters) == 1:
        address = reporters[0].address
        form = reverse("sharing:report-new", args=[target.pk])
        text = f"Report to {site.label(address)}"
        return ReportButton(text=text, url=f"{form}?{urlencode({'destination': address})}")
    page = reverse("targets:share", args=[target.pk])
    return ReportButton(text="Report", url=f"{page}#reports") if reporters else None


def places(user: Any, target: Any, model: str, pks: Iterable[int]) -> Mapping[int, tuple[Place, ...]]:
    """Return where data of a target are, by primary key; empty for a target that is not shared.

    It reads the ledger once for all of them.

    Args:
        user: the user.
        target: the target.
        model: the model of the data.
        pks: the data, those first whose links matter most.
    """
    outboxes = _outboxes(user, target)
    if not outboxes:
        return {}
    ledger = access.of_visible_data(
        user, Delivery.objects.filter(outbox__in=[each.pk for each in outboxes], model=model)
    )
    # A datum that nobody asked for looks like one without a delivery.
    ledger = ledger.exclude(state__in=(State.BASELINE, State.CANCELLED)).defer("identity", "record_id")
    by_pk: dict[int, list[Delivery]] = {}
    for row in ledger.order_by("destination", "topic"):
        by_pk.setdefault(row.datum_pk, []).append(row)
    links = _Links()
    return {pk: tuple(_place(row, links) for row in by_pk.get(pk, ())) for pk in pks}


def spectra(user: Any, target: Any) -> list[dict[str, Any]]:
    """Return the spectra of a shared target, with their places: tomtoolkit only plots them."""
    data = access.visible(user, SpectroscopyReducedDatum.objects.filter(target=target)).order_by("-timestamp")
    rows = list(data.values("pk", "timestamp", "telescope", "instrument", "setup"))
    found = places(user, target, "spectroscopyreduceddatum", [row["pk"] for row in rows])
    return [{**row, "places": found[row["pk"]]} for row in rows] if found else []


def _outboxes(user: Any, target: Any) -> list[Outbox]:
    try:
        if not access.holds(user, "view"):
            return []
        outboxes = access.outboxes_for(user, "view").filter(target_id=target.pk)
        return list(outboxes.order_by("destination", "topic"))
    except DatabaseError:
        return []  # The tables do not exist yet, and a page of the TOM must not fail for that.


class _Links:
    """Ask adapters for links, once for each record there, and no more often than a page can bear."""

    def __init__(self) -> None:
        self._known: dict[tuple[Address, str], str] = {}

    def get(self, address: Address, remote_id: str) -> str:
        """Return the URL of a record's page at the destination; empty when there is none."""
        key = (address, remote_id)
        if key not in self._known:
            if len(self._known) >= MOST_LINKS:
                return ""
            self._known[key] = link(address, remote_id)
        return self._known[key]


def _place(row: Delivery, links: _Links) -> Place:
    url = links.get(row.address, row.remote_id) if row.state == State.DELIVERED and row.remote_id else ""
    state = OUTDATED if row.is_outdated else row.state
    return Place(state=state, short=phrases.short_place(row), text=phrases.place(row), url=url)
