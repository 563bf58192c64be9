"""Write the status of sharing as lines of text that fit on a screen, with what needs a person first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from sharecore.delivery import NEEDS_PERSON, OPEN
from tom_integration import site
from tom_integration.management.output import Line
from tom_integration.pages import phrases
from tom_integration.site_status import OutboxStatus, Status

FITS = 20
"""The number of shares that are listed, without `--all`."""


def lines(now: Status, *, whole: bool = False) -> Iterator[Line]:
    """Yield the lines of the status, with every share when `whole` is True."""
    if len(now.outboxes) > FITS:
        yield from _totals(now)
    listed = sorted(now.outboxes, key=_urgency)
    listed = listed if whole else listed[:FITS]
    for each in sorted(listed, key=lambda each: (_urgency(each), each.destination, each.target)):
        yield from _outbox(each)
    if left := len(now.outboxes) - len(listed):
        yield Line(f"... and {left:,} more: `manage.py sharing status --all`")
    for destination in now.destinations:
        if destination.paused:
            yield Line(f"{destination.address}: {destination.paused}", alarming=True)
        elif destination.failures:
            what = f"{phrases.number(destination.failures, 'failure')} in a row: {destination.last_error}"
            yield Line(f"{destination.address}: {what}", alarming=True)
    yield Line(f"Delivering: {', '.join(now.workers) or 'nobody'}")
    if now.advice:
        yield Line(now.advice, alarming=True)


def _urgency(each: OutboxStatus) -> int:
    """Return 0 when a person has to act, 1 when data wait, 2 when all is well."""
    if each.problem or any(each.counts.get(state) for state in NEEDS_PERSON):
        return 0
    return 1 if any(each.counts.get(state) for state in OPEN) else 2


def _totals(now: Status) -> Iterator[Line]:
    shares: Counter[str] = Counter(each.destination for each in now.outboxes)
    counts: dict[str, Counter[str]] = {address: Counter() for address in shares}
    for each in now.outboxes:
        counts[each.destination].update(each.counts)
    for address, number in sorted(shares.items()):
        yield Line(
            f"{address} ({site.label(address)}): {phrases.number(number, 'share')}; "
            f"{_counted(counts[address], address)}"
        )
    yield Line("")


def _outbox(each: OutboxStatus) -> Iterator[Line]:
    share = f"share {each.share_id}" if each.share_id else "one-time"
    yield Line(f"{each.target} to {each.destination} ({share}): {_counted(each.counts, each.destination)}")
    if each.problem:
        yield Line(f"    {each.problem}", alarming=True)
    if each.tried:
        yield Line(f"    will be tried again: {each.tried}", alarming=True)
    if each.outdated:
        yield Line(f"    {each.outdated:,} edited here after delivery: the destination has the old values")
    if in_review := each.counts.get("needs_review"):
        hint = "look at the destination, then use `manage.py sharing resolve`"
        yield Line(f"    {in_review:,} may have arrived: {hint}", alarming=True)


def _counted(counts: Mapping[str, int], address: str) -> str:
    said = {state: phrases.state(state, address, number) for state, number in sorted(counts.items())}
    parts = [f"{counts[state]:,} {words[0].lower()}{words[1:]}" for state, words in said.items()]
    return "; ".join(parts) or "no data"
