"""Store the health of destinations, under the rules of `sharecore.circuit_breaker`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from sharecore import circuit_breaker as rules
from sharecore.addresses import Address
from sharecore.circuit_breaker import Health
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.texts import one_line
from tom_integration import clock, conf, signals
from tom_integration.models import Activity, DestinationHealth
from tom_integration.outbox import activity
from tom_integration.signals import Event
from tom_integration.worker import end_waits

Part = tuple[str, str | None]
"""A destination and one of its topics; with None, the destination as a whole. Each has a breaker."""

_LONG = timedelta(minutes=1)
_TRIES = 5
"""Tries to change the health of a destination that other processes change at the same time."""
LONGEST_DELAY = timedelta(seconds=rules.LONGEST_ASKED)
"""The longest time without a call that a destination can ask for while it is well."""


def parts(address: Address) -> tuple[Part, Part]:
    """Return the whole destination, and its topic alone; no topic is one by itself."""
    return (address.name, None), (address.name, address.topic)


def read(destination: str, topic: str | None = None) -> Health:
    """Return the health of a destination as a whole, or of one of its topics."""
    row = DestinationHealth.objects.filter(destination=destination, topic=topic).first()
    return row.health if row else Health()


def _text(part: Part) -> str:
    return str(_address(part))


def _address(part: Part) -> Address:
    return Address(part[0], part[1] or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Say why no call may be made now."""

    until: datetime
    """The time of the next try."""
    reason: str = ""
    """The reason, for people; empty for a destination that is well, and asked for no call."""


def delayed_until(whole: DestinationHealth | None, *, now: datetime) -> datetime | None:
    """Return the time before which a destination asked for no call; None when it takes one now.

    A time further away than any that is heeded was set by a clock that was wrong, and counts as over.
    """
    until = whole.next_call_at if whole is not None else None
    return until if until is not None and now < until <= now + LONGEST_DELAY else None


def obstacle(address: Address, *, credentials: str, now: datetime) -> Obstacle | None:
    """Return what keeps a call from being made now, in one query."""
    both = Q(topic=None) | Q(topic=address.topic)
    rows = DestinationHealth.objects.filter(both, destination=address.name)
    stored = {(row.destination, row.topic): row for row in rows}
    if delayed := delayed_until(stored.get(parts(address)[0]), now=now):
        return Obstacle(until=delayed)
    for part in parts(address):
        health = stored[part].health.under(credentials) if part in stored else Health()
        if health.is_paused(credentials):
            again = now + timedelta(seconds=rules.LONGEST_WAIT)
            return Obstacle(until=again, reason=f"{_text(part)} is paused: {health.paused}")
        if until := health.wait_until(now):
            told = f"could not take anything; next try at {until:%Y-%m-%d %H:%M:%S} UTC"
            return Obstacle(until=until, reason=f"{_text(part)} {told}")
    return None


def delay(destination: str, seconds: float) -> None:
    """Let no call go to a destination for some seconds, as it asked: it is well, and costs no try."""
    until = clock.now() + timedelta(seconds=min(seconds, rules.LONGEST_ASKED))
    # Write first: on SQLite a transaction that has read fails at once while another one writes.
    if not DestinationHealth.objects.filter(destination=destination, topic=None).update(next_call_at=until):
        DestinationHealth.objects.create(destination=destination, next_call_at=until)


def is_down(address: Address) -> bool:
    """Return True when the last call of this destination failed."""
    whole = DestinationHealth.objects.filter(destination=address.name, topic=None)
    return whole.filter(failures__gt=0).exists()


def probe(address: Address, *, now: datetime) -> tuple[datetime | None, str]:
    """Let one caller try a destination that is down (half-open); tell others the next try, and the reason."""
    health = read(address.name)
    if health.failures:
        # For one lease: when this worker dies, another one may try after that.
        probe = now + timedelta(seconds=conf.settings().lease_seconds)
        whole = DestinationHealth.objects.filter(destination=address.name, topic=None)
        mine = whole.filter(open_until=health.open_until)
        if not mine.update(open_until=probe):
            return probe, f"{address.name} is being tried by another worker"
    return None, ""


def succeeded(address: Address, *, now: datetime, about: str = "", takes_tests: bool | None = None) -> None:
    """Close the breakers of the destination and its topic after a call that went through.

    Args:
        address: the destination and topic of the call.
        now: the time of the call.
        about: the transport that the call took, for people.
        takes_tests: whether the destination takes a test, as its adapter says now; None for unknown.
    """
    whole, topic = parts(address)
    for part in (whole, topic) if address.topic else (whole,):
        row = _row(part)
        quiet = row.last_success_at is None or now - row.last_success_at > timedelta(seconds=10)
        told = (about, takes_tests) if part == whole else ("", None)
        if row.health != Health() or quiet or (row.about, row.takes_tests) != told:
            noted = dict(zip(("about", "takes_tests"), told, strict=True))
            _change(row, lambda _: rules.succeeded(), last_success_at=now, **noted)
    if not address.topic:
        for row in DestinationHealth.objects.filter(destination=address.name, topic="").exclude(paused=""):
            _change(row, lambda _: rules.succeeded())


def answered(destination: str) -> None:
    """Close the breaker of a destination that was down, since it answers: it refuses the key of a person."""
    _change(_row((destination, None)), lambda _: rules.succeeded())


def end_pauses(destination: str) -> None:
    """End the pauses of a destination and its topics, after a check that succeeded.

    One call pauses a topic again that the destination still refuses.
    """
    for row in DestinationHealth.objects.filter(destination=destination):
        _change(row, lambda _: rules.succeeded())
    end_waits.at_once(destination)


def described(destination: str, about: str, *, takes_tests: bool) -> None:
    """Note the transport by which data go to a destination, and whether it takes a test, for people."""
    row = _row((destination, None))
    DestinationHealth.objects.filter(pk=row.pk).update(about=about, takes_tests=takes_tests)


def checked(destination: str, result: Mapping[str, object], *, now: datetime) -> None:
    """Note what a check of a destination tested and found."""
    row = _row((destination, None))
    DestinationHealth.objects.filter(pk=row.pk).update(checked_at=now, check_result=result)


def stopped(
    address: Address,
    error: AuthenticationFailed | DestinationError,
    *,
    credentials: str,
    chance: float,
    answered: bool = False,
) -> datetime:
    """Note an error that stopped a call; return the time of the next try.

    Args:
        address: the destination and topic of the call.
        error: the error of the adapter.
        credentials: the digest of the settings under which the call was made.
        chance: the jitter, from 0 to 1.
        answered: True when the destination had just answered a probe.
    """
    now, reason = clock.now(), one_line(error.reason)
    if isinstance(error, AuthenticationFailed):
        whole, topic = parts(address)
        _change(
            _row(topic if error.topic_only else whole),
            lambda health: rules.refused(health, reason=reason, credentials=credentials),
            last_error=reason,
            last_error_at=now,
        )
        return now + timedelta(seconds=rules.LONGEST_WAIT)
    changed = _change(
        _row(parts(address)[0]),
        lambda health: rules.failed(
            health,
            now=now,
            retry_after=error.retry_after,
            chance=chance,
            credentials=credentials,
            answered=answered,
        ),
        last_error=reason,
        last_error_at=now,
    )
    return changed.open_until or now


def _row(part: Part) -> DestinationHealth:
    return DestinationHealth.objects.get_or_create(destination=part[0], topic=part[1])[0]


def _change(row: DestinationHealth, rule: Callable[[Health], Health], **noted: object) -> Health:
    """Change the health of a row by a rule, and note what else was learnt; return the new health.

    Where another process has changed it since it was read, apply the rule to what that process wrote: its
    change is kept, and told once.
    """
    for _ in range(_TRIES):
        before, changed = row.health, rule(row.health)
        as_read = DestinationHealth.objects.filter(pk=row.pk, **asdict(before))
        if as_read.update(**asdict(changed), **noted):
            _tell((row.destination, row.topic), before, changed, str(noted.get("last_error", "")))
            break
        row.refresh_from_db()
    return changed


def _tell(part: Part, before: Health, after: Health, error: str) -> None:
    if after.paused and (before.paused, before.credentials) != (after.paused, after.credentials):
        activity.of_destination(Activity.What.PAUSED, _address(part), detail=f"it refuses us: {after.paused}")
        signals.of_destination(Event.DESTINATION_PAUSED, _text(part), after.paused)
    elif after.failures and not before.failures:
        signals.of_destination(Event.DESTINATION_DOWN, _text(part), error)
    elif (before.failures or before.paused) and not (after.failures or after.paused):
        end_waits.waiting(part[0])
        _note_the_end(part, before)
        signals.of_destination(Event.DESTINATION_UP, _text(part))


def _note_the_end(part: Part, before: Health) -> None:
    """Write that a destination takes our data again, but for short outages: these are many."""
    if before.paused:
        activity.of_destination(Activity.What.RESUMED, _address(part), detail="it takes our data again")
    elif before.down_since is not None and clock.now() - before.down_since > _LONG:
        since = f"it answers again, after an outage since {before.down_since:%Y-%m-%d %H:%M} UTC"
        activity.of_destination(Activity.What.RESUMED, _address(part), detail=since)
