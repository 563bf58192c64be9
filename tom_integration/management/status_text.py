"""Write the status of sharing as lines that fit on a screen, those that need action first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from sharecore.addresses import Address
from sharecore.texts import one_line
from sharecore.times import minute
from tom_integration import clock, site
from tom_integration.management.output import Line
from tom_integration.management.status import DestinationStatus, OutboxStatus, Status
from tom_integration.pages import phrases
from tom_integration.pages.share_status import ShareStatus

HEIGHT, WIDTH = 24, 80
"""Lines, and characters of a line, of the smallest screen; the last line is for the next prompt."""
_DESTINATIONS = 5
"""Destinations that are named on a screen."""
_STATE = 13
"""Characters of the column of states."""


def lines(now: Status, *, whole: bool = False) -> Iterator[Line]:
    """Yield the lines of the status: a screen at most, or every share, in full, when `whole` is True."""
    above, below = list(_above(now, whole=whole)), list(_below(now))
    room = HEIGHT - 2 - len(above) - len(below)  # but for the prompt and the line on what is left
    shown: list[Line] = []
    listed = 0
    blocked = {each.address for each in now.destinations if each.paused or each.failures}
    for each in now.outboxes:
        # What a destination holds up is said once, above.
        part = list(
            _outbox(each, blocked=bool(blocked & {each.destination, Address.parse(each.destination).name}))
        )
        if not whole and len(shown) + len(part) > room:
            break
        shown += part
        listed += 1
    if left := sum(now.states.values()) - listed:
        shown.append(Line(f"... and {left:,} more: --all, or choose by --state, --destination, --target"))
    for line in (*above, *shown, *below):
        yield line if whole else Line(one_line(line.text, WIDTH), line.alarming)


def _above(now: Status, *, whole: bool) -> Iterator[Line]:
    """Yield the summary: of all shares, then of each destination, those in trouble first."""
    yield Line(_shares(now.states))
    if now.oldest is not None:
        yield Line(f"The oldest waiting record: since {minute(now.oldest, clock.now())}")
    ordered = sorted(now.destinations, key=lambda each: (not _in_trouble(each), each.address))
    for each in ordered if whole else ordered[:_DESTINATIONS]:
        label = site.label(each.address)
        name = each.address if label == each.address else f"{each.address} ({label})"
        yield Line(f"{name}: {_states(each.states)}")
        if each.paused:
            yield Line(f"    refuses us: {each.paused}", alarming=True)
        elif each.failures:
            since = f" since {minute(each.down_since, clock.now())}" if each.down_since else ""
            yield Line(f"    does not answer{since}: {each.last_error}", alarming=True)
    if not whole and len(ordered) > _DESTINATIONS:
        yield Line(f"... and {phrases.number(len(ordered) - _DESTINATIONS, 'destination')} more")


def _below(now: Status) -> Iterator[Line]:
    yield Line(f"Delivering: {', '.join(now.workers) or 'nobody'}")
    for part in textwrap.wrap(now.advice, WIDTH):
        yield Line(part, alarming=True)


def _in_trouble(each: DestinationStatus) -> bool:
    return bool(each.paused or each.failures or each.states.get(ShareStatus.ACTION_NEEDED.value))


def _shares(states: Mapping[str, int]) -> str:
    """Return how many shares there are, and how many in each state."""
    total = sum(states.values())
    return f"{phrases.number(total, 'share')}: {_states(states)}" if total else "Nothing is shared."


def _states(states: Mapping[str, int]) -> str:
    parts = [_of(state, states[state.value]) for state in reversed(ShareStatus) if states.get(state.value)]
    return ", ".join(parts) or "nothing is shared"


def _of(state: ShareStatus, number: int) -> str:
    if state is ShareStatus.ACTION_NEEDED:
        return phrases.action_needed(number)
    return phrases.of_shares(number, str(state.label))


def _outbox(each: OutboxStatus, *, blocked: bool) -> Iterator[Line]:
    share = f"share {each.share_id}" if each.share_id else "one-time"
    said = _counted(each.counts, each.destination)
    alarming = each.state == ShareStatus.ACTION_NEEDED.value
    yield Line(f"{each.state:<{_STATE}} {each.target} to {each.destination} ({share}): {said}", alarming)
    if each.problem and not blocked:
        yield Line(f"    {each.problem}", alarming=True)
    if each.refused:
        yield Line(f"    refused: {each.refused}", alarming=True)
    if each.tried and not blocked:
        yield Line(f"    will be tried again: {each.tried}", alarming=True)
    if each.outdated:
        yield Line(f"    {each.outdated:,} edited here after delivery: the destination has the old values")
    if in_review := each.counts.get("needs_review"):
        yield Line(f"    {in_review:,} may have arrived: look there, then `manage.py sharing resolve`", True)


def _counted(counts: Mapping[str, int], address: str) -> str:
    said = {state: phrases.state(state, address, number) for state, number in sorted(counts.items())}
    parts = [f"{counts[state]:,} {words[0].lower()}{words[1:]}" for state, words in said.items()]
    return "; ".join(parts) or "no data"
