"""Let the plugins of the site withhold and convert records; then apply the maps of the destination."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore.adapter import Batch
from sharecore.exceptions import ConfigurationError, InvalidRecord, PluginError
from sharecore.hooks import ConvertRequest, WithholdRequest
from sharecore.maps import Maps
from sharecore.outcomes import Deferred, Unsupported, Withheld
from sharecore.records import Alone, Record, Report, Shareable
from sharecore.registry import Registry


def kept_back(registry: Registry, batch: Batch, alone: Alone) -> Withheld | Deferred | None:
    """Return the reason of the plugins of the site to withhold a file, or a report or one of its data."""
    asked: list[Shareable] = [alone]
    if isinstance(alone, Report):
        asked += alone.records
    return next((each for each in _withheld(registry, batch, asked) if each is not None), None)


def prepare(registry: Registry, batch: Batch, maps: Maps) -> list[Record | Withheld | Unsupported | Deferred]:
    """Return each record as it leaves in this batch, or the reason why it does not, as the plugins of the
    site and the maps of the destination decide.

    A plugin that fails or hangs withholds the record for another try.
    """
    kept = _withheld(registry, batch, batch.records)
    free = [record for record, reason in zip(batch.records, kept, strict=True) if reason is None]
    converted = iter(convert(registry, batch, free, maps))
    return [_ready(next(converted)) if reason is None else reason for reason in kept]


def _ready(made: Record | InvalidRecord | PluginError) -> Record | Unsupported | Deferred:
    match made:
        case InvalidRecord():
            return Unsupported(reason=str(made), feature="conversion")
        case PluginError():
            return Deferred(reason=made.reason)
    return made


def _withheld(
    registry: Registry, batch: Batch, records: Iterable[Shareable]
) -> list[Withheld | Deferred | None]:
    """Return, for each record, the reason of the plugins of the site to withhold it; None if it may leave."""
    said = registry.withhold(
        [
            WithholdRequest(
                site=batch.site,
                address=batch.address,
                target=batch.target,
                record=record,
                shared_by=batch.shared_by,
            )
            for record in records
        ]
    )
    return [Deferred(reason=each.reason) if isinstance(each, PluginError) else each for each in said]


def convert(
    registry: Registry, batch: Batch, records: Iterable[Record], maps: Maps
) -> list[Record | InvalidRecord | PluginError]:
    """Return each record as the plugins of the site convert it for the address, under the names of the
    destination; or the failure of a plugin.
    """
    made = registry.convert(
        [
            ConvertRequest(site=batch.site, address=batch.address, target=batch.target, record=record)
            for record in records
        ]
    )
    return [maps.apply(each) if isinstance(each, Record) else each for each in made]


def require_plugins(registry: Registry) -> None:
    """Raise ConfigurationError when a plugin that the site requires is not active."""
    if registry.missing:
        raise ConfigurationError(registry.missing)
