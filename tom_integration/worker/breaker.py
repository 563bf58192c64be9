"""Where the health of destinations is kept; its rules are in `sharecore.circuit_breaker`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from sharecore import circuit_breaker as rules
from sharecore.addresses import Address
from sharecore.circuit_breaker import Health
from sharecore.exceptions import AuthenticationFailed, DestinationError
from tom_integration import clock, conf, signals, site
from tom_integration.models import DestinationHealth
from tom_integration.signals import Event
from tom_integration.texts import plain
from tom_integration.worker import resume


def read(address: str) -> Health:
    """What is known of a destination, or of one of its topics."""
    row = DestinationHealth.objects.filter(address=address).first()
    return row.health if row else Health()


def _topic(address: Address) -> str:
    """The name of what is known of its topic alone; an address without one is not the whole destination."""
    return f"{address.name}:{address.topic}"


def parts(address: Address) -> tuple[str, str]:
    """Under which names it is known what may stop a call: the destination, and its topic alone."""
    return address.name, _topic(address)


def gate(address: Address, *, credentials: str, now: datetime) -> tuple[datetime | None, str]:
    """May a call be made now? (None, "") if so; else when to ask again, and why not."""
    for part in parts(address):
        health = read(part).under(credentials)
        if health.is_paused(credentials):
            return now + timedelta(seconds=rules.LONGEST_WAIT), f"{part} is paused: {health.paused}"
        if until := health.wait_until(now):
            return until, f"{part} could not take anything; next try at {until:%Y-%m-%d %H:%M:%S} UTC"
    return None, ""


def is_down(address: Address) -> bool:
    """Did the last try of this destination fail?"""
    return DestinationHealth.objects.filter(address=address.name, failures__gt=0).exists()


def probe(address: Address, *, now: datetime) -> tuple[datetime | None, str]:
    """Of those who wait for a destination that was down one goes on to try it; as `gate` for the others."""
    health = read(address.name)
    if health.failures:
        # As long as its claim: should it die, somebody else tries.
        probe = now + timedelta(seconds=conf.lease_seconds())
        mine = DestinationHealth.objects.filter(address=address.name, open_until=health.open_until)
        if not mine.update(open_until=probe):
            return probe, f"{address.name} is being tried by another worker"
    return None, ""


def succeeded(address: Address, *, now: datetime, about: str = "") -> None:
    """A call went through: the destination, and the topic, are well. about: how it went, of the former."""
    for part in {address.name, str(address)}:
        row, _ = DestinationHealth.objects.get_or_create(address=part)
        quiet = row.last_success_at is None or now - row.last_success_at > timedelta(seconds=10)
        told = about if part == address.name else ""
        if row.health != Health() or quiet or row.about != told:
            _change(part, lambda _: rules.succeeded(), last_success_at=now, about=told)
    if not address.topic:
        for row in DestinationHealth.objects.filter(address=_topic(address)).exclude(paused=""):
            _change(row.address, lambda _: rules.succeeded())


def mended(destination: str) -> None:
    """A check found a destination well: its pauses end, and those of its topics.

    A topic that is refused still is paused again by one call.
    """
    for row in DestinationHealth.objects.filter(address__startswith=destination):
        if site.destination_of(row.address) == destination:
            _change(row.address, lambda _: rules.succeeded())
    resume.at_once(destination)


def described(destination: str, about: str) -> None:
    """Note how data go to a destination."""
    row, _ = DestinationHealth.objects.get_or_create(address=destination)
    DestinationHealth.objects.filter(pk=row.pk).update(about=about)


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
        part = _topic(address) if error.topic_only else address.name
        _change(
            part,
            lambda health: rules.refused(health, reason=plain(error.reason), credentials=credentials),
            last_error=plain(error.reason),
            last_error_at=now,
        )
        return now + timedelta(seconds=rules.LONGEST_WAIT)
    changed = _change(
        address.name,
        lambda health: rules.failed(
            health,
            now=now,
            retry_after=error.retry_after,
            chance=chance,
            credentials=credentials,
            answered=answered,
        ),
        last_error=plain(error.reason),
        last_error_at=now,
    )
    return changed.open_until or now


def _change(address: str, rule: Callable[[Health], Health], **noted: object) -> Health:
    row, _ = DestinationHealth.objects.get_or_create(address=address)
    changed = rule(row.health)
    DestinationHealth.objects.filter(pk=row.pk).update(**asdict(changed), **noted)
    _tell(address, row.health, changed, str(noted.get("last_error", "")))
    return changed


def _tell(address: str, before: Health, after: Health, error: str) -> None:
    if after.paused and (before.paused, before.credentials) != (after.paused, after.credentials):
        signals.of_destination(Event.DESTINATION_PAUSED, address, after.paused)
    elif after.failures and not before.failures:
        signals.of_destination(Event.DESTINATION_DOWN, address, error)
    elif (before.failures or before.paused) and not (after.failures or after.paused):
        resume.waiting(site.destination_of(address))
        signals.of_destination(Event.DESTINATION_UP, address)
