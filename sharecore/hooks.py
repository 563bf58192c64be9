"""The hooks that a plugin can implement.

A plugin is a module, named by an entry point in the group `sharecore`, whose functions are marked with
`hookimpl`. Each hook takes one frozen request, so that new facts never break a plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pluggy

from sharecore.adapter import Adapter, Site
from sharecore.addresses import Address
from sharecore.outcomes import Result
from sharecore.records import Record, RecordKey, Shareable
from sharecore.settings import Section
from sharecore.targets import Target

PROJECT = "sharecore"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name (a marker of pluggy)."""

Config = TypeVar("Config")
ReadSetting = Callable[[str], object]
"""Gives a setting of the site by its name; None when it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationType(Generic[Config]):
    """A kind of destination that a plugin offers.

    kind: the word in `'ADAPTER': '<kind>'`. summary: one line for people.
    config: reads one entry of `DATA_SHARING`; raises `ConfigurationError`. Cheap, no network.
    open: makes the adapter; may import heavy things, no network.
    inherit: finds destinations in settings that other software left at the site. It gets a function that
    reads a setting by name (None when it is not there) and answers entries by name, in the form of
    `DATA_SHARING`; an entry that is in `DATA_SHARING` as well wins.
    """

    kind: str
    summary: str
    config: Callable[[Section], Config]
    open: Callable[[Config], Adapter]
    inherit: Callable[[ReadSetting], Mapping[str, Mapping[str, object]]] = lambda read: {}


@dataclass(frozen=True, slots=True, kw_only=True)
class WithholdRequest:
    """May this record go to this address?

    site, address, target: who shares, where to, and of which object.
    record: a datum, or a `DataFile` that somebody shares by hand.
    shared_by: user name of who asked for the share; empty when the site did.
    """

    site: Site
    address: Address
    target: Target
    record: Shareable
    shared_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    """How should this record look at this address?

    site, address, target: who shares, where to, and of which object. record: as the plugins before left it.
    """

    site: Site
    address: Address
    target: Target
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredReport:
    """What became of one batch.

    site, address, target: who shares, where to, and of which object.
    records: those that have a result, also those that were withheld. results: one for each of them.
    """

    site: Site
    address: Address
    target: Target
    records: tuple[Shareable, ...]
    results: Mapping[RecordKey, Result]


class HookSpecs:
    """The specifications; their docstrings are the contract.

    One that does not return soon is given up, as if it had raised (`sharecore.hook_calls`).
    """

    @hookspec
    def sharecore_destinations(self) -> Iterable[DestinationType[Any]]:  # type: ignore[empty-body]
        """The kinds of destination that this plugin offers. Called once, at start; must be cheap.

        Example::

            @hookimpl
            def sharecore_destinations():
                yield DestinationType(kind="lamp", summary="Blinks a lamp", config=read, open=LampAdapter)
        """

    @hookspec
    def sharecore_withhold(self, request: WithholdRequest) -> str | None:
        """A reason why the record must not go there, or None. An exception keeps it at home as well.

        Example::

            @hookimpl
            def sharecore_withhold(request):
                if request.record.extra.get("proprietary") and request.address.name != "our-partner":
                    return "proprietary until the paper is out"
        """

    @hookspec
    def sharecore_convert(self, request: ConvertRequest) -> Record | None:
        """The record as this address should see it (same key), or None to leave it as it is.

        Example::

            @hookimpl
            def sharecore_convert(request):
                if isinstance(request.record, Photometry) and request.record.bandpass == "rp":
                    return dataclasses.replace(request.record, bandpass="r")
        """

    @hookspec
    def sharecore_delivered(self, report: DeliveredReport) -> None:
        """Told after each batch, and of what a look-up settled. What it returns or raises changes nothing.

        Example::

            @hookimpl
            def sharecore_delivered(report):
                logger.info("%d records for %s", len(report.records), report.address)
        """
