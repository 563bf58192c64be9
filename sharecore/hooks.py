"""The hooks that a plugin can implement.

A plugin is a module, named by an entry point in the group `sharecore`, whose functions are marked with
`hookimpl`. Each hook takes one frozen request, so that new facts never break a plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pluggy

from sharecore.adapter import Adapter, Site
from sharecore.addresses import Address
from sharecore.outcomes import Result, Withheld
from sharecore.personal import PersonalSetting
from sharecore.records import Record, RecordKey, Shareable
from sharecore.settings import Section
from sharecore.targets import Target

PROJECT = "sharecore"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a function of a plugin as the implementation of the hook of the same name (a marker of pluggy)."""

Config = TypeVar("Config")
ReadSetting = Callable[[str], object]
"""Return a setting of the site by its name; None for a setting that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationType(Generic[Config]):
    """A kind of destination that a plugin offers."""

    kind: str
    """Word for the kind in the settings: `'ADAPTER': '<kind>'`."""
    summary: str
    """Description for people, one line."""
    config: Callable[[Section], Config]
    """Read one entry of `DATA_SHARING`; raise `ConfigurationError` for wrong settings. Cheap, no network."""
    open: Callable[[Config], Adapter]
    """Make the adapter from the result of `config`. May import heavy modules; no network."""
    inherit: Callable[[ReadSetting], Mapping[str, Mapping[str, object]]] = lambda read: {}
    """Return destinations found in settings of other software at the site, in the form of `DATA_SHARING`.
    Takes a function that reads a setting by name. An entry of the same name in `DATA_SHARING` wins.
    """
    permanent: bool = False
    """Whether what is sent there is public and stays for good: then a person approves each record first,
    unless the settings of the destination say `'APPROVAL': False`.
    """
    personal: Mapping[str, PersonalSetting] = field(default_factory=dict)
    """Settings that each person gives on their profile page, by key, where the entry says
    `'CREDENTIALS': 'user'`. `config` reads them as any other. Empty where this kind knows none.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WithholdRequest:
    """The question whether a record may go to an address."""

    site: Site
    """Site that shares."""
    address: Address
    """Destination, and topic where there is one."""
    target: Target
    """Target to which the record belongs."""
    record: Shareable
    """Datum, or a `DataFile` or `Report` that a person shares by hand. Before a report goes, each of its data
    is asked about as well.
    """
    shared_by: str = ""
    """User name of the person who shares; empty for a share of the site itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    """The question how a record should look at an address."""

    site: Site
    """Site that shares."""
    address: Address
    """Destination, and topic where there is one."""
    target: Target
    """Target to which the record belongs."""
    record: Record
    """Record, as the plugins before left it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredReport:
    """The results of one batch."""

    site: Site
    """Site that shares."""
    address: Address
    """Destination, and topic where there is one."""
    target: Target
    """Target to which the records belong."""
    records: tuple[Shareable, ...]
    """Records that have a result; withheld ones included."""
    results: Mapping[RecordKey, Result]
    """Result of each of the records, by key."""
    withdrawn: tuple[RecordKey, ...] = ()
    """Keys of records that were withdrawn, under which they were delivered: the destination does not show
    them any more. `records` and `results` are empty then, since data may have been deleted here.
    """


class HookSpecs:
    """The specifications of the hooks; their docstrings are the contract.

    A hook that does not return soon is given up, as if it had raised (`sharecore.hook_calls`).
    """

    @hookspec
    def sharecore_destinations(self) -> Iterable[DestinationType[Any]]:  # type: ignore[empty-body]
        """Return the kinds of destination that this plugin offers. Called once, at start; must be cheap.

        Example::

            @hookimpl
            def sharecore_destinations():
                yield DestinationType(kind="lamp", summary="Blinks a lamp", config=read, open=LampAdapter)
        """

    @hookspec
    def sharecore_withhold(self, request: WithholdRequest) -> str | Withheld | None:
        """Return the reason why the record must not go there, or None to let it go. An exception withholds it
        as well.

        `Withheld(reason=..., until=...)` says when the reason ends: the hook is asked again at that time. A
        text, or `until=None`, is a reason without an end.

        Example::

            @hookimpl
            def sharecore_withhold(request):
                if request.record.extra.get("proprietary") and request.address.name != "our-partner":
                    return "proprietary until the paper is out"
        """

    @hookspec
    def sharecore_convert(self, request: ConvertRequest) -> Record | None:
        """Return the record as this address should see it (same key), or None to leave it as it is.

        Example::

            @hookimpl
            def sharecore_convert(request):
                if isinstance(request.record, Photometry) and request.record.bandpass == "rp":
                    return dataclasses.replace(request.record, bandpass="r")
        """

    @hookspec
    def sharecore_delivered(self, report: DeliveredReport) -> None:
        """Observe the results of a batch, a look-up or a withdrawal. The return value and exceptions change
        nothing.

        Example::

            @hookimpl
            def sharecore_delivered(report):
                logger.info("%d records for %s", len(report.records), report.address)
        """
