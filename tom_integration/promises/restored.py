"""After a restored backup: the destinations may have more than the ledger knows.

Whatever the ledger holds to be due, or does not know at all, may have been delivered after the backup was
made. It is looked up before anything is sent, as after a call that brought no answer; where a destination
cannot be asked, a person decides.
"""

from __future__ import annotations

from sharecore.delivery import State
from tom_integration import clock
from tom_integration.models import Channel
from tom_integration.promises import channels, ledger, upkeep
from tom_integration.promises.difference import register

REASON = "a backup was restored; it may have arrived before"


def doubt() -> int:
    """Look up everything that is due before it is sent; how many records."""
    channels.match_shares()
    upkeep.everything()  # a key that the database gives again must not lead to what had it before
    number = 0
    for channel in Channel.objects.all():
        now = clock.now()
        if channel.takes_up(now):
            number += register(channel, State.UNCONFIRMED, next_at=now, reason=REASON)
        due = ledger.of(channel).filter(state=State.DUE)
        number += due.update(state=State.UNCONFIRMED, next_at=now, failures=0, reason=REASON)
        Channel.objects.filter(pk=channel.pk).update(due=True)
    return number
