"""The sentences of status summaries; each stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sharecore.delivery import State
from tom_integration import site
from tom_integration.models import DestinationHealth

STATES: Mapping[str, str] = {
    State.BASELINE: "Existing, not shared",
    State.PENDING: "Waiting to be sent",
    State.SENDING: "Being sent",
    State.DELIVERED: "Delivered",
    State.UNCONFIRMED: "Being looked up",
    State.NEEDS_REVIEW: "May have arrived",
    State.WITHHELD: "Not sent: kept here",
    State.FAILED: "Refused",
    State.CANCELLED: "Cancelled",
}
"""States of a delivery as people read them; of what a destination cannot store, its name is a part."""


def state(state: str, address: str, records: int = 1) -> str:
    """Return the state of so many deliveries to a destination in words."""
    if state == State.UNSUPPORTED:
        return f"Not sent: {cannot_store(address, records)}"
    return STATES[state]


def paused(reason: str, pending: int) -> str:
    """Who paused it, and how many wait meanwhile."""
    return join(f"{reason[:1].upper()}{reason[1:]}", waiting(pending) if pending else "")


def refused(row: DestinationHealth) -> str:
    """The destination, or its topic, refuses what we send, and what to do."""
    said = f"{site.label(str(row))} refuses what we send: {row.paused}"
    return join(said, "Fix that, then press Test it now on the page of destinations")


def outage(row: DestinationHealth, now: datetime) -> str:
    """The destination fails: until when its data wait, and how it failed last."""
    if row.open_until is not None and row.open_until > now:
        when = f"the next try is at {clock(row.open_until, now)}"
    else:
        when = "it is being tried now"
    return join(f"{site.label(str(row))} does not answer; {when}", f"Last error: {row.last_error}")


def cannot_store(address: str, records: int = 1) -> str:
    """A destination has no way to hold so many records."""
    return f"{site.label(address)} cannot store {'it' if records == 1 else 'them'}"


def outdated(records: int, address: str) -> str:
    """So many records were edited here since they arrived at a destination that takes no edits."""
    label = site.label(address)
    return f"{number(records)} edited here after delivery: {label} takes no edits and has the old values"


def later(pending: int, moment: datetime, now: datetime, reason: str) -> str:
    """How many are tried again, when, and why: reason is empty, or stands behind a colon."""
    again = f"{waiting(pending)}; the next try is at {clock(moment, now)}"
    return join(again, f"Last answer{reason}" if reason else "")


def clock(moment: datetime, now: datetime) -> str:
    """The time, and the day where it is not today; UTC."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return f"{moment:%H:%M:%S} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def number(many: int, word: str = "record") -> str:
    """So many records, or of what else the word is for one."""
    return f"1 {word}" if many == 1 else f"{many:,} {word}s"


def waiting(records: int) -> str:
    """So many records wait."""
    return f"{number(records)} {'waits' if records == 1 else 'wait'}"


def join(*parts: str) -> str:
    """Each part as a sentence, one after the other; those that are empty are left out."""
    return " ".join(part if part.endswith((".", "!", "?", "…")) else f"{part}." for part in parts if part)
