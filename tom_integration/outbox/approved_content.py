"""Stop records before a destination where a person approves each of them (`APPROVAL`).

What is approved is the content: the record, the name and place of its target, the names that the destination
gives its values, and the text beside it. When one of them changes before it is sent, a person is asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sharecore.destination import Destination
from sharecore.identity import fingerprint
from sharecore.maps import Maps
from sharecore.records import Shareable
from tom_integration.mapping.target_fields import target_of
from tom_integration.models import Delivery, OneTimeShare
from tom_integration.outbox import transitions

Sendable = tuple[Delivery, Shareable]


def approved(sendable: list[Sendable], *, destination: Destination | None, target: Any) -> list[Sendable]:
    """Return the records that may leave: all, or those whose content was approved; stop the others.

    Args:
        sendable: the deliveries with their records, as they would be sent.
        destination: the destination; None for one that is not there, to which nothing is sent.
        target: the target as a row of the TOM.
    """
    if not sendable or destination is None or not destination.approval:
        return sendable
    digests = Digests(destination.maps, target, [row for row, _ in sendable])
    free: list[Sendable] = []
    stopped: list[Delivery] = []
    for row, record in sendable:
        content = digests.of(row, record)
        if content == row.approved:
            free.append((row, record))
        else:
            row.asked = content
            stopped.append(row)
    transitions.stop(stopped)
    return free


class Digests:
    """Compute the digests of what a person approves, for the deliveries of one target."""

    def __init__(self, maps: Maps, target: Any, rows: Iterable[Delivery]) -> None:
        sent = target_of(target)
        named = [target.pk, sent.name, asdict(sent.position), asdict(sent.orbit)]
        self._around = [named, maps.names, maps.extra]
        shares = OneTimeShare.objects.filter(pk__in={row.one_time_share_id or 0 for row in rows})
        self._texts = {each.pk: [each.title, each.message, each.lists, each.values] for each in shares}

    def of(self, row: Delivery, record: Shareable) -> str:
        """Return the digest of what would be sent."""
        text = self._texts.get(row.one_time_share_id or 0, [])
        content = json.dumps([fingerprint(record), text, self._around], sort_keys=True, default=dict)
        return hashlib.sha256(content.encode()).hexdigest()
