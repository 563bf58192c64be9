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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from tom_integration import background, conf
from tom_integration.models import Channel

logger = logging.getLogger(__name__)


def worker_name() -> str:
    """This process, for people: host and process id."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A channel in hand.

    previous_until: until when another sender, now gone, may have been at work; None when there was none.
    """

    channel: Channel
    token: str
    previous_until: datetime | None

    def renew(self) -> bool:
        """Keep it; False when it is lost."""
        until = timezone.now() + timedelta(seconds=conf.lease_seconds())
        return bool(Channel.objects.filter(pk=self.channel.pk, lease=self.token).update(lease_until=until))

    def hold(self) -> bool:
        """Is it still ours, for some time? Renewed if it ends soon; False when it is lost.

        Most often this only reads: on SQLite each write makes transactions of others fail that read first.
        """
        held = Channel.objects.filter(pk=self.channel.pk, lease=self.token)
        until = held.values_list("lease_until", flat=True).first()
        if until is None:
            return False
        return until - timezone.now() > timedelta(seconds=conf.lease_seconds() * 2 / 3) or self.renew()

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
    now = timezone.now()
    if channel is None or (channel.lease and channel.lease_until and channel.lease_until > now):
        return None
    token = f"{worker_name()}:{uuid.uuid4().hex[:12]}"[-64:]
    until = now + timedelta(seconds=conf.lease_seconds())
    free = Channel.objects.filter(pk=channel_id, lease=channel.lease, lease_until=channel.lease_until)
    if not free.update(lease=token, lease_until=until, due=False):
        return None
    previous = channel.lease_until if channel.lease else None
    channel.refresh_from_db()
    return Claim(channel, token, previous)


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
