"""List the addresses that a person can choose, and those that cannot be used, with the reason."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sharecore.adapter import Adapter
from sharecore.addresses import Address
from sharecore.destination import Destination
from sharecore.exceptions import DeliveryError
from sharecore.reports import ReportField
from tom_integration import access, destination_cards, personal_keys, site
from tom_integration.models import DestinationHealth
from tom_integration.worker import breaker, key_refusals, offered_topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Hold one address."""

    address: str
    label: str
    topic: str = ""
    note: str = ""
    """A remark for the person who chooses."""
    key_path: str = ""
    """The path of the place where the user gives a key; empty when none is missing."""
    reason: str = ""
    """The reason why the address cannot be chosen; empty when it can."""
    takes_records: bool = True
    """False when the address takes reports alone."""
    takes_files: bool = False
    """True when files can be shared to the address by hand."""
    takes_reports: bool = False
    """True when reports about a target can be made there."""
    fields: Sequence[ReportField] = ()
    """The fields that can be filled in beside a one-time share to the address."""

    @property
    def fields_id(self) -> str:
        """Return a word that names these fields in a page; empty where there are none."""
        # The name of a destination may have any signs.
        name = Address.parse(self.address).name
        return f"share-{zlib.crc32(name.encode()):08x}" if self.fields else ""


def choices(user: Any, shared: Collection[str] = ()) -> list[Choice]:
    """Return the addresses to which a user may share data, in the order of the settings, unusable ones last.

    The addresses in `shared` get the remark that the target is shared there already.
    """
    return [each for each in _all(user, shared) if each.takes_records]


def reporters(user: Any) -> list[Choice]:
    """Return the addresses to which a user may make reports."""
    return [each for each in _all(user) if each.takes_reports]


def _all(user: Any, shared: Collection[str] = ()) -> list[Choice]:
    known = {(row.destination, row.topic): row for row in DestinationHealth.objects.all()}
    closed = access.closed_to(user)
    usable = [
        choice
        for name in site.destinations()
        if name not in closed
        for choice in _of(name, known, shared, user)
    ]
    broken = [
        Choice(
            address=name,
            label=site.display_name(name),
            reason=" ".join(f"{each.where} {each.what}." for each in problems),
        )
        for name, problems in site.destinations().broken.items()
    ]
    return sorted(usable, key=lambda choice: bool(choice.reason)) + broken


def _of(
    name: str, known: Mapping[breaker.Part, DestinationHealth], shared: Collection[str], user: Any
) -> Iterator[Choice]:
    destination = site.destinations()[name]
    credentials = site.credentials_digest(destination)
    offered = offered_topics.offered(destination)
    adapter = site.adapter_of(str(Address(name)))
    fields = fields_of(adapter)
    lacks = _lacks(destination, user)
    for topic, note in [(each.name, each.note) for each in offered] or [("", "")]:
        address = Address(name, topic)
        reason, remark = _state(address, credentials, known)
        already = "Shared there already." if str(address) in shared else ""
        yield Choice(
            address=str(address),
            label=destination.display_name,
            topic=topic,
            note=" ".join(filter(None, (already, note, remark, lacks))),
            key_path=destination_cards.key_path(name) if lacks else "",
            reason=reason,
            takes_records=adapter is None or adapter.takes_records,
            takes_files=not reason and adapter is not None and adapter.takes_files,
            takes_reports=not reason and adapter is not None and adapter.takes_reports,
            fields=() if reason else fields,
        )


def fields_of(adapter: Adapter | None) -> Sequence[ReportField]:
    """Return the fields that an adapter has beside a one-time share."""
    try:
        return () if adapter is None else adapter.share_fields()
    except DeliveryError:  # A bug of the adapter, which is in the log.
        return ()


def _lacks(destination: Destination, user: Any) -> str:
    """Return a remark for a user whose own key is needed, and missing or refused."""
    if not destination.personal:
        return ""
    key = personal_keys.find(destination, user.pk)
    if key is None or not key.is_readable:
        return "It needs your own key; what you share there waits until you give it."
    if any(each.topic is None for each in key_refusals.of_person(destination, user.pk)):
        return "It refuses your key; what you share there waits until you give another one."
    return ""


def _state(
    address: Address, credentials: str, known: Mapping[breaker.Part, DestinationHealth]
) -> tuple[str, str]:
    """Return the reason why an address cannot be chosen, and a remark if it can."""
    remark = ""
    for part in breaker.parts(address):
        row = known.get(part)
        if row is None:
            continue
        if row.health.is_paused(credentials):
            return f"It refuses what we send: {row.paused}", ""
        if row.health.under(credentials).failures:
            remark = "It does not answer at the moment; data will wait for it."
    return "", remark
