"""Send a test to a destination: a target and a datum that are made for it, and marked as a test everywhere.

Nothing of it is written here. It is no delivery.
"""

from __future__ import annotations

import uuid
from typing import Any

from sharecore.adapter import Batch, SentTest
from sharecore.addresses import Address
from sharecore.destination import Destination
from sharecore.records import Kind, Photometry, RecordKey
from sharecore.targets import Position, Target
from tom_integration import clock, personal_keys, site
from tom_integration.models import DestinationHealth
from tom_integration.services.shares import NotPossible

NAME = "sharecore test"
TEXT = "This is a test of sharing. Please ignore it."


def offered(destination: Destination, row: DestinationHealth | None) -> bool:
    """Return True when the destination takes a test, as far as is known without asking it.

    Args:
        destination: the destination.
        row: its health, which holds what its adapter said last.
    """
    if destination.approval:
        return False
    if row is not None and row.takes_tests is not None:
        return row.takes_tests
    adapter = site.adapter_of(destination.name)
    return adapter is not None and adapter.takes_tests


def send_test(destination: Destination, *, topic: str = "", by: Any = None) -> SentTest | None:
    """Send a test; return what came back, or None when the destination cannot take one.

    Args:
        destination: the destination.
        topic: the topic, where the destination has some.
        by: the user who asks, and whose key is used where each person shares with their own.

    Raises:
        NotPossible: all sending is stopped, or a person approves what goes there.
        ConfigurationError: the destination cannot be used.
        DeliveryError: the destination refuses the test, or does not answer.
    """
    if reason := site.halted():
        raise NotPossible(reason)
    if destination.approval:
        raise NotPossible("A person approves what goes there, so it takes no test. Check it instead.")
    reached = personal_keys.with_key_of(destination, by.pk if by is not None else None)
    name = by.get_username() if by is not None else ""
    return site.adapters.get(reached).send_test(_batch(Address(destination.name, topic), name))


def _batch(address: Address, by: str) -> Batch:
    this = site.this_site()
    record = Photometry(
        key=RecordKey(kind=Kind.PHOTOMETRY, origin=this.origin, id=f"test-{uuid.uuid4().hex}"),
        timestamp=clock.now(),
        telescope=NAME,
        instrument=NAME,
        brightness=20.0,
        brightness_error=0.1,
        unit="AB mag",
        bandpass="r",
        source_name=NAME,
        source_location=TEXT,
    )
    return Batch(
        site=this,
        address=address,
        target=Target(name=NAME, position=Position(ra=180.0, dec=45.0)),
        records=(record,),
        shared_by=by,
        title=f"Test from {this.name}",
        message=TEXT,
    )
