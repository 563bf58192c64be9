"""Claims: one sender at a time for each channel.

A claim is a compare-and-swap of the lease, the same code on SQLite and PostgreSQL. Whoever lost the lease
cannot write any more: every write of a sender asks for its token.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from tom_integration import background, clock, conf
from tom_integration.models import Channel

logger = logging.getLogger(__name__)


def worker_name() -> str:
    """This process, for people: host and process id."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A channel in hand.

    previous: the token of another sender, now gone; empty when there was none. previous_until: until when it
    may have been at work.
    """

    channel: Channel
    token: str
    previous: str
    previous_until: datetime | None

    def renew(self) -> bool:
        """Keep it; False when it is lost."""
        until = clock.now() + timedelta(seconds=conf.lease_seconds())
        return bool(Channel.objects.filter(pk=self.channel.pk, lease=self.token).update(lease_until=until))

    def hold(self) -> bool:
        """Is it still ours, for some time? Renewed if it ends soon; False when it is lost.

        Most often this only reads: on SQLite each write makes transactions of others fail that read first.
        """
        held = Channel.objects.filter(pk=self.channel.pk, lease=self.token)
        until = held.values_list("lease_until", flat=True).first()
        if until is None:
            return False
        return until - clock.now() > timedelta(seconds=conf.lease_seconds() * 2 / 3) or self.renew()

    def release(self, *, next_at: datetime | None, **columns: object) -> None:
        """Give it back; look again at next_at."""
        Channel.objects.filter(pk=self.channel.pk, lease=self.token).update(
            lease="", lease_until=None, next_at=next_at, **columns
        )


def claim(channel_id: int) -> Claim | None:
    """Take a channel in hand and clear its due mark; None when another sender has it.

    The mark is cleared before anything is read: a mark that comes later means another look.
    """
    channel = Channel.objects.filter(pk=channel_id).first()
    now = clock.now()
    if channel is None:
        return None
    if channel.lease and channel.lease_until and channel.lease_until > now:
        _shorten(channel, now)
        return None
    token = f"{worker_name()}:{uuid.uuid4().hex[:12]}"[-64:]
    until = now + timedelta(seconds=conf.lease_seconds())
    free = Channel.objects.filter(pk=channel_id, lease=channel.lease, lease_until=channel.lease_until)
    if not free.update(lease=token, lease_until=until, due=False):
        return None
    previous, previous_until = channel.lease, channel.lease_until if channel.lease else None
    channel.refresh_from_db()
    return Claim(channel, token, previous, previous_until)


def too_far(now: datetime) -> datetime:
    """A claim that ends after this was taken by a clock that was wrong."""
    return now + timedelta(seconds=2 * conf.lease_seconds())


def _shorten(channel: Channel, now: datetime) -> None:
    """Let such a claim end when one that was taken now would: its holder may be alive, and renew it."""
    if channel.lease_until and channel.lease_until > too_far(now):
        as_seen = Channel.objects.filter(pk=channel.pk, lease=channel.lease, lease_until=channel.lease_until)
        as_seen.update(lease_until=now + timedelta(seconds=conf.lease_seconds()))


def alive(tokens: Iterable[str]) -> dict[str, datetime]:
    """Those of these tokens under which a sender is at work now, on any channel, and until when at least."""
    held = Channel.objects.filter(lease__in=set(tokens) - {""}, lease_until__gt=clock.now())
    return {channel.lease: channel.lease_until for channel in held if channel.lease_until}


@contextmanager
def kept(claim: Claim) -> Iterator[None]:
    """Renew a claim in the background while a call of the adapter lasts."""
    done = threading.Event()
    pause = conf.lease_seconds() / 3

    def renew() -> None:
        while not done.wait(pause):
            try:
                with background.writes():
                    if not claim.renew():
                        return
            except Exception:
                # A busy database, or one that restarts: the lease has time for two more tries.
                logger.exception("The claim of %s could not be renewed; trying again", claim.channel)
            finally:
                connection.close()

    keeper = threading.Thread(target=renew, name="sharecore-claim", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
