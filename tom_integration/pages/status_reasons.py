"""Say why a share has its status, and which records are not at the destination as they are here."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Count, Max, QuerySet

from sharecore.addresses import Address
from sharecore.delivery import RELEASE, State
from sharecore.exceptions import ConfigurationError
from tom_integration import access, personal_keys, site, site_status
from tom_integration.models import Delivery, Outbox
from tom_integration.pages import phrases
from tom_integration.pages.counts import Figures
from tom_integration.pages.find_causes import Around
from tom_integration.pages.share_cause import OF_DESTINATION, OF_SITE, Cause

LOOKED_AT = 200
"""The deliveries of one state whose reasons are compared: to compare all of a large ledger takes too long."""


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


def own(outbox: Outbox, figures: Figures, cause: Cause, pending: int, around: Around) -> str:
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
        case Cause.SENDING | Cause.LATER if outbox.problem and personal_keys.wanted(outbox.destination):
            return outbox.problem  # Of a person whose records wait for a key, while others go on.
        case Cause.DELAYED:
            asked = phrases.delayed(str(outbox.address), around.delays[outbox.destination], around.now)
            return phrases.join(phrases.waiting(pending) if pending else "", asked)
        case Cause.LATER if figures.soonest is not None and pending:
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
    blocked = cause in OF_DESTINATION | OF_SITE and pending
    return phrases.join(phrases.waiting(pending)) if blocked else ""


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


def kept(outbox: Outbox, figures: Figures, around: Around) -> str:
    """Return which records the destination does not have as they are here, and why."""
    counts, said, user = figures.counts, [], around.user
    if number := counts[State.SUBMITTED]:
        said.append(phrases.submitted(number, str(outbox.address), figures.answer_at, around.now))
    if number := counts[State.UNCONFIRMED]:
        alone = not counts[State.PENDING] + counts[State.SENDING]
        said.append(
            phrases.looked_up(number, str(outbox.address), figures.soonest if alone else None, around.now)
        )
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
    rows = _in_state(outbox, user, state)[: LOOKED_AT + 1]
    found = rows.aggregate(rows=Count("pk"), reasons=Count("reason", distinct=True), one=Max("reason"))
    return phrases.because(found["one"] or "", found["reasons"], all_known=found["rows"] <= LOOKED_AT)


def _in_state(outbox: Outbox, user: Any, state: State) -> QuerySet[Delivery]:
    mine = access.deliveries_for(user, outbox).filter(state=state).exclude(field=RELEASE)
    return mine.order_by("-next_at", "-delivered_at")
