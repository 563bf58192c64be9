"""Name the causes of the status of a share."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Name the causes of a status; the first one that is true counts."""

    PAUSED = "paused"
    MISCONFIGURED = "misconfigured"
    REFUSED = "refused"
    SWITCHED_OFF = "switched-off"
    """All sharing of the TOM is paused."""
    HALTED = "halted"
    """A plugin without which nothing may be sent is missing."""
    RECORDS = "records"
    """Records failed, or a person has to say whether they arrived."""
    TO_APPROVE = "to-approve"
    """Records wait for the approval of a person, and the user who asks may approve them."""
    DOWN = "down"
    STOPPED = "stopped"
    """Something is wrong with this share alone, and only a person can end it."""
    NO_WORKER = "no-worker"
    NO_LOOK = "no-look"
    """The same, with nothing but a look at the data to do."""
    DELAYED = "delayed"
    """The destination is well, and asked for no call for more than a minute."""
    LATER = "later"
    ANSWER = "answer"
    """All has left; the destination processes it, and answers later."""
    SENDING = "sending"
    APPROVAL = "approval"
    """Records wait for the approval of another person."""
    INTRODUCING = "introducing"
    REPLAYING = "replaying"
    """What arrived is about to be sent again."""
    LOOKING = "looking"
    ENDED = "ended"
    PARTLY = "partly"
    """All was sent that may be sent; the destination does not have all data as they are here."""
    OK = "ok"


OF_DESTINATION = frozenset({Cause.MISCONFIGURED, Cause.REFUSED, Cause.DOWN})
"""The causes that one destination, or topic, is for all shares that it holds."""
NEEDING = frozenset(
    {
        Cause.MISCONFIGURED,
        Cause.REFUSED,
        Cause.HALTED,
        Cause.RECORDS,
        Cause.TO_APPROVE,
        Cause.STOPPED,
        Cause.NO_WORKER,
    }
)
"""The causes that a person has to end."""
OF_SITE = frozenset({Cause.SWITCHED_OFF, Cause.HALTED, Cause.NO_WORKER, Cause.NO_LOOK})
"""The causes that this TOM is for all its shares."""
