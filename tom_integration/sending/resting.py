"""A channel whose destination takes nothing now rests: between two sweeps it is not worth a look."""

from __future__ import annotations

from datetime import timedelta

from sharecore.exceptions import ConfigurationError
from tom_integration import clock, conf, site
from tom_integration.models import Channel
from tom_integration.sending import health


def rests(channel_id: int) -> bool:
    """Put a channel off that can only wait; False where there may be something to do.

    So what is saved while a destination is down costs next to nothing, and holds up no other one. After
    `SHARECORE_SWEEP_SECONDS` a channel is looked at in full all the same: people want to see how much waits.
    """
    now = clock.now()
    # Where a destination took nothing, the last look has left a time to come; no other is asked for.
    channel = Channel.objects.filter(pk=channel_id, lease="", next_at__gt=now).first()
    if channel is None or channel.swept_at is None:
        return False
    again = channel.swept_at + timedelta(seconds=conf.sweep_seconds())
    if again <= now or channel.swept_at > now:
        return False
    try:
        address, destination = site.destinations().resolve(channel.destination)
    except ConfigurationError:
        return False
    until, _ = health.gate(address, credentials=site.credentials_digest(destination), now=now)
    if until is None:
        return False
    untouched = Channel.objects.filter(pk=channel_id, lease="", swept_at=channel.swept_at)
    return bool(untouched.update(due=False, next_at=again))
