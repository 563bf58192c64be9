"""Write the sentences of status summaries; each stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sharecore.addresses import Address
from sharecore.delivery import RELEASE, State
from sharecore.texts import number as number
from sharecore.times import day, in_utc, minute
from tom_integration import site
from tom_integration.models import Delivery, DestinationHealth, Limited

STATES: Mapping[str, str] = {
    State.BASELINE: "Existing, not shared",
    State.PENDING: "Waiting to be sent",
    State.TO_APPROVE: "Waits for approval",
    State.SENDING: "Being sent",
    State.SUBMITTED: "Sent, waiting for an answer",
    State.DELIVERED: "Delivered",
    State.UNCONFIRMED: "Being looked up",
    State.NEEDS_REVIEW: "May have arrived",
    State.WITHHELD: "Not sent: kept here",
    State.FAILED: "Refused",
    State.CANCELLED: "Cancelled",
    State.WITHDRAWING: "Being withdrawn",
    State.WITHDRAWN: "Withdrawn",
}
"""The states of a delivery in words; that of `unsupported` contains the name of the destination."""


def state(state: str, address: str, records: int = 1) -> str:
    """Return the state of so many deliveries to a destination in words."""
    if state == State.PENDING and _asks_for_approval(Address.parse(address).name):
        return "Waiting"  # Some may be approved, and some have to be.
    if state == State.TO_APPROVE and records != 1:
        return "Wait for approval"
    if state == State.UNSUPPORTED:
        return f"Not sent: {cannot_store(address, records)}"
    return STATES[state]


def of_delivery(row: Delivery) -> str:
    """Return the state of one delivery in words."""
    if row.state == State.WITHHELD and row.field == RELEASE:
        return "Sent later"
    if row.state == State.PENDING and _asks_for_approval(row.destination):
        approved = row.approved and row.approved == row.asked
        return STATES[State.PENDING] if approved else "Will wait for approval"
    return state(row.state, str(row.address))


def _asks_for_approval(destination: str) -> bool:
    known = site.destinations().get(destination)
    return known is not None and known.approval


def place(row: Delivery) -> str:
    """Return where one datum is, in a few words."""
    label = site.label(str(row.address))
    if row.is_outdated:
        return f"Old values at {label}"
    if row.state == State.WITHHELD and row.field == RELEASE and row.next_at is not None:
        return f"To be sent to {label} on {in_utc(row.next_at):%Y-%m-%d}"
    return f"{_PLACES.get(State(row.state), 'Not shared with')} {label}"


def short_place(row: Delivery) -> str:
    """Return what became of one datum in a word or two, to stand before a number of destinations."""
    if row.is_outdated:
        return "Old values"
    later = row.state == State.WITHHELD and row.field == RELEASE
    return "Sent later" if later else _SHORT.get(State(row.state), "Not shared")


_PLACES: Mapping[State, str] = {
    State.PENDING: "Waiting for",
    State.TO_APPROVE: "Waits for approval to",
    State.SENDING: "Waiting for",
    State.SUBMITTED: "Being processed by",
    State.UNCONFIRMED: "Waiting for",
    State.DELIVERED: "Shared with",
    State.NEEDS_REVIEW: "May have arrived at",
    State.FAILED: "Refused by",
    State.WITHDRAWING: "Being withdrawn from",
    State.WITHDRAWN: "Withdrawn from",
}
_SHORT: Mapping[State, str] = {
    State.PENDING: "Waiting",
    State.TO_APPROVE: "Waits for approval",
    State.SENDING: "Waiting",
    State.SUBMITTED: "In process",
    State.UNCONFIRMED: "Waiting",
    State.DELIVERED: "Shared",
    State.NEEDS_REVIEW: "May have arrived",
    State.FAILED: "Refused",
    State.WITHDRAWING: "Being withdrawn",
    State.WITHDRAWN: "Withdrawn",
}


def paused(reason: str, pending: int) -> str:
    """Return who paused a share, and how many records wait."""
    return join(f"{reason[:1].upper()}{reason[1:]}", waiting(pending) if pending else "")


def refused(row: DestinationHealth) -> str:
    """Return that a destination or topic refuses what we send, and what to do."""
    said = f"{site.label(str(row))} refuses what we send: {row.paused}"
    return join(said, "Correct that, then press Check now on the page of destinations")


def outage(row: DestinationHealth, now: datetime) -> str:
    """Return that a destination fails, the time of the next try, and the last error."""
    when = "it is being tried now"
    if row.open_until is not None and row.open_until > now:
        when = f"the next try is at {clock(row.open_until, now)}"
    label = site.label(str(row))
    said = f"{label} does not answer" if row.failures > 1 else f"The last call to {label} failed"
    return join(f"{said}; {when}", f"Last error: {row.last_error}")


def cannot_store(address: str, records: int) -> str:
    """Return that a destination cannot store so many records."""
    return f"{site.label(address)} cannot store {'it' if records == 1 else 'them'}"


def because(reason: str, reasons: int, *, all_known: bool) -> str:
    """Return the end of a sentence on records: their reason, or one of several.

    Args:
        reason: one reason; empty for none.
        reasons: the number of different reasons that are known.
        all_known: whether the reasons of all these records are known.
    """
    if not reason:
        return ""
    if reasons > 1:
        return f", for {f'{reasons:,}' if all_known else 'several'} reasons, such as: {reason}"
    return f": {reason}" if all_known else f", for example: {reason}"


def outdated(records: int, address: str) -> str:
    """Return that so many records were edited after delivery to a destination that takes no edits."""
    label = site.label(address)
    return f"{number(records)} edited here after delivery: {label} takes no edits and has the old values"


def stay_edited(records: int) -> str:
    """Return that so many records are not sent again, since their old values may be there."""
    were = "was" if records == 1 else "were"
    return (
        f"{number(records)} {were} edited after delivery, and the destination takes no edits: not sent again"
    )


def later(pending: int, moment: datetime, now: datetime, reason: str) -> str:
    """Return how many records are tried again, when, and why; the reason is empty or starts with a colon."""
    again = f"{waiting(pending)}; the next try is at {clock(moment, now)}"
    return join(again, f"Last answer{reason}" if reason else "")


def delayed(address: str, moment: datetime, now: datetime) -> str:
    """Return that a destination asked for no call until then."""
    return f"The next call goes at {minute(moment, now)}, as {site.label(address)} asked"


def submitted(records: int, address: str, moment: datetime | None, now: datetime) -> str:
    """Return that so many records have left, and that the destination has not said what became of them."""
    said = f"{number(records)} sent, waiting for an answer of {site.label(address)}"
    return f"{said}; it is asked at {clock(moment, now)}" if moment and moment > now else said


def looked_up(records: int, address: str, moment: datetime | None, now: datetime) -> str:
    """Return that so many records have left without an answer, and when they are looked up."""
    when = f" at {clock(moment, now)}" if moment and moment > now else ""
    asked = (
        f"this TOM itself asks {site.label(address)}{when} whether {'it' if records == 1 else 'they'} arrived"
    )
    return f"{number(records)} sent, and no answer came; {asked}"


def go_later(records: int, first: datetime | None, last: datetime | None) -> str:
    """Return when so many records go that wait for their release."""
    said = f"{number(records)} {'goes' if records == 1 else 'go'}"
    days = sorted({f"{in_utc(each):%Y-%m-%d}" for each in (first, last) if each})
    if not days:
        return f"{said} later"
    return f"{said} on {days[0]}" if len(days) == 1 else f"{said} from {days[0]} to {days[1]}"


def clock(moment: datetime, now: datetime) -> str:
    """Return the time in UTC, with the date unless it is today."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return f"{moment:%H:%M:%S} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def of_shares(number: int, label: str) -> str:
    """Return that so many shares have a status: `12 up to date`."""
    return f"{number:,} {label[:1].lower()}{label[1:]}"


def action_needed(things: int, noun: str = "") -> str:
    """Return for how many things somebody has to act: `action needed for 2`, `action needed for 2 shares`."""
    return f"action needed for {number(things, noun) if noun else f'{things:,}'}"


def after_observation(days: float) -> str:
    """Return the time from the observation of a datum until it may go."""
    return f"{days:,.15g} day{'' if days == 1 else 's'} after observation"


def dates(limited: Limited) -> str:
    """Return the dates of a share or rule as a sentence; empty for none."""
    said = []
    if limited.release_days:
        said.append(after_observation(limited.release_days))
    if limited.not_before:
        said.append(f"not before {day(in_utc(limited.not_before))}")
    if limited.until:
        said.append(f"until {day(in_utc(limited.until))}")
    text = ", ".join(said)
    return join(text[:1].upper() + text[1:])


def waiting(records: int) -> str:
    """Return that so many records wait."""
    return f"{number(records)} {'waits' if records == 1 else 'wait'}"


def to_approve(records: int) -> str:
    """Return that so many records wait for approval."""
    return f"{waiting(records)} for approval"


def withdrawn(records: int, asked: int) -> str:
    """Return that so many records were withdrawn, and so many are about to be."""
    said = f"{number(records)} {'was' if records == 1 else 'were'} withdrawn" if records else ""
    also = f"{number(asked)} {'is' if asked == 1 else 'are'} being withdrawn" if asked else ""
    return join(said, also)


def join(*parts: str) -> str:
    """Join the parts as sentences, without empty ones."""
    return " ".join(part if part.endswith((".", "!", "?", "…")) else f"{part}." for part in parts if part)
