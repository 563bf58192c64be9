"""Hold the columns and conditions that several tables share: addresses and filters."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Self, TypeVar

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Concat, Left
from django.db.models.lookups import Exact

from sharecore.addresses import DIVIDER, Address, beginning
from sharecore.filters import Filter
from sharecore.texts import MOST

NAME_LENGTH = 200  # the length of PersistentShare.destination, which holds name and topic
REASON_LENGTH = MOST
FIELD_LENGTH = 100
REMOTE_ID_LENGTH = 200


ADDRESS = Case(When(Q(topic=""), then="destination"), default=Concat("destination", Value(DIVIDER), "topic"))
"""The address of a row in the form of `PersistentShare.destination`, in SQL."""


@lru_cache
def read_filter(text: str) -> Filter:
    """Return the filter of a column of text."""
    return Filter.from_json(json.loads(text), where="the filter") if text else Filter()


def write_filter(chosen: Filter) -> str:
    """Return a filter as a column of text; equal filters have equal texts."""
    return json.dumps(chosen.as_json(), sort_keys=True) if chosen else ""


def at_destination(name: str) -> Q:
    """Return a condition for shares to this destination, with any topic."""
    # Not `startswith`: in SQLite it takes upper case for lower case, which may be another destination.
    begins = beginning(name)
    return Q(destination=name) | Q(Exact(Left("destination", len(begins)), begins))


_Row = TypeVar("_Row", bound=models.Model)


class AtAddress(models.QuerySet[_Row]):
    """Query rows that have an address."""

    def at(self, address: Address) -> Self:
        """Return the rows at this address."""
        return self.filter(destination=address.name, topic=address.topic)

    def matching(self, text: str) -> Self:
        """Return the rows at a destination: `name` with any topic, `name:topic` with that topic."""
        address = Address.parse(text)
        return self.at(address) if address.topic else self.filter(destination=address.name)


class HasAddress(models.Model):
    """Hold an address in two columns."""

    destination = models.CharField(max_length=NAME_LENGTH)
    """A key of `DATA_SHARING`."""
    topic = models.CharField(max_length=NAME_LENGTH, blank=True)
    """A topic of the destination; empty for none."""

    objects = AtAddress.as_manager()

    class Meta:
        abstract = True

    @property
    def address(self) -> Address:
        """Return destination and topic as one value."""
        return Address(self.destination, self.topic)
