"""Where the health of destinations is kept; its rules are in `sharecore.circuit_breaker`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from sharecore import circuit_breaker as rules
from sharecore.addresses import Address
from sharecore.circuit_breaker import Health
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.texts import one_line
from tom_integration import clock, conf, signals
from tom_integration.models import DestinationHealth
from tom_integration.signals import Event
from tom_integration.worker import resume

Part = tuple[str, str | None]
"""What may stop a call: a destination with one of its topics, or, with None, as a whole."""


def parts(address: Address) -> tuple[Part, Part]:
    """Return the whole destination, and its topic alone; no topic is one by itself."""
    return (address.name, None), (address.name, address.topic)


def read(destination: str, topic: str | None = None) -> Health:
    """What is known of a destination as a whole, or of one of its topics."""
    row = DestinationHealth.objects.filter(destination=destination, topic=topic).first()
    return row.health if row else Health()


def _text(part: Part) -> str:
    return str(Address(part[0], part[1] or ""))


def blocked_until(address: Address, *, credentials: str, now: datetime) -> tuple[datetime | None, str]:
    """May a call be made now? (None, "") if so; else when to ask again, and why not."""
    for part in parts(address):
        health = read(*part).under(credentials)
        if health.is_paused(credentials):
            return now + timedelta(seconds=rules.LONGEST_WAIT), f"{_text(part)} is paused: {health.paused}"
        if until := health.wait_until(now):
            return until, f"{_text(part)} could not take anything; next try at {until:%Y-%m-%d %H:%M:%S} UTC"
    return None, ""


def is_down(address: Address) -> bool:
    """Did the last try of this destination fail?"""
    whole = DestinationHealth.objects.filter(destination=address.name, topic=None)
    return whole.filter(failures__gt=0).exists()


def probe(address: Address, *, now: datetime) -> tuple[datetime | None, str]:
    """Let one caller try a destination that is down (half-open); answer the others as `blocked_until`."""
    health = read(address.name)
    if health.failures:
        # As long as its lease: should it die, somebody else tries.
        probe = now + timedelta(seconds=conf.settings().lease_seconds)
        whole = DestinationHealth.objects.filter(destination=address.name, topic=None)
        mine = whole.filter(open_until=health.open_until)
        if not mine.update(open_until=probe):
            return probe, f"{address.name} is being tried by another worker"
    return None, ""


def succeeded(address: Address, *, now: datetime, about: str = "") -> None:
    """A call went through: the destination, and the topic, are well. about: how it went, of the former."""
    whole, topic = parts(address)
    for part in (whole, topic) if address.topic else (whole,):
        row = _row(part)
        quiet = row.last_success_at is None or now - row.last_success_at > timedelta(seconds=10)
        told = about if part == whole else ""
        if row.health != Health() or quiet or row.about != told:
            _change(part, lambda _: rules.succeeded(), last_success_at=now, about=told)
    if not address.topic:
        for _ in DestinationHealth.objects.filter(destination=address.name, topic="").exclude(paused=""):
            _change(topic, lambda _: rules.succeeded())


def mended(destination: str) -> None:
    """A check found a destination well: its pauses end, and those of its topics.

    A topic that is refused still is paused again by one call.
    """
    for row in DestinationHealth.objects.filter(destination=destination):
        _change((row.destination, row.topic), lambda _: rules.succeeded())
    resume.at_once(destination)


def described(destination: str, about: str) -> None:
    """Note how data go to a destination."""
    DestinationHealth.objects.filter(pk=_row((destination, None)).pk).update(about=about)


def stopped(
    address: Address,
    error: AuthenticationFailed | DestinationError,
    *,
    credentials: str,
    chance: float,
    answered: bool = False,
) -> datetime:
    """A call was stopped by the destination; when to ask again. answered: it had just answered a probe."""
    now = clock.now()
    if isinstance(error, AuthenticationFailed):
        whole, topic = parts(address)
        _change(
            topic if error.topic_only else whole,
            lambda health: rules.refused(health, reason=one_line(error.reason), credentials=credentials),
            last_error=one_line(error.reason),
            last_error_at=now,
        )
        return now + timedelta(seconds=rules.LONGEST_WAIT)
    changed = _change(
        parts(address)[0],
        lambda health: rules.failed(
            health,
            now=now,
            retry_after=error.retry_after,
            chance=chance,
            credentials=credentials,
            answered=answered,
        ),
        last_error=one_line(error.reason),
        last_error_at=now,
    )
    return changed.open_until or now


def _row(part: Part) -> DestinationHealth:
    return DestinationHealth.objects.get_or_create(destination=part[0], topic=part[1])[0]


def _change(part: Part, rule: Callable[[Health], Health], **noted: object) -> Health:
    row = _row(part)
    changed = rule(row.health)
    DestinationHealth.objects.filter(pk=row.pk).update(**asdict(changed), **noted)
    _tell(part, row.health, changed, str(noted.get("last_error", "")))
    return changed


def _tell(part: Part, before: Health, after: Health, error: str) -> None:
    if after.paused and (before.paused, before.credentials) != (after.paused, after.credentials):
        signals.of_destination(Event.DESTINATION_PAUSED, _text(part), after.paused)
    elif after.failures and not before.failures:
        signals.of_destination(Event.DESTINATION_DOWN, _text(part), error)
    elif (before.failures or before.paused) and not (after.failures or after.paused):
        resume.waiting(part[0])
        signals.of_destination(Event.DESTINATION_UP, _text(part))
