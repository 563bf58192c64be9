"""Dispatch: one batch on its way out. Withhold, convert, deliver, tell the observers.

Whatever a plugin does, every record of the batch ends with a result or is named as unsent, so that none is
lost and none is sent again without reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

from sharecore.adapter import Adapter, Batch
from sharecore.destinations import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, InvalidRecord, PluginError
from sharecore.guard import Broken, GivenUp, Guarded, named
from sharecore.hooks import ConvertRequest, DeliveredReport, WithholdRequest
from sharecore.outcomes import (
    Deferred,
    Found,
    Outcome,
    Result,
    Unconfirmed,
    Unsupported,
    Withheld,
    mended,
    own,
)
from sharecore.plugin_errors import describe, log_fault
from sharecore.records import DataFile, Record, RecordKey, Shareable
from sharecore.registry import Registry

_Answer = TypeVar("_Answer", bound=Found | Outcome)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchResult:
    """What became of a batch; each key of it is either in `results` or in `unsent`.

    unsent: the records that certainly were not sent, because the call stopped before.
    stopped: why the call as a whole went wrong: the destination refused it, could not take it, or
    (`PluginError`) the adapter has a bug; then the records that may have been sent are `Unconfirmed`.
    """

    results: Mapping[RecordKey, Result]
    unsent: tuple[RecordKey, ...] = ()
    stopped: DeliveryError | None = None


def dispatch(
    registry: Registry, destination: Destination, adapter: Adapter, batch: Batch, *, tells: bool = True
) -> DispatchResult:
    """Send one batch and say what became of each record.

    A batch without records asks the adapter for the target alone. The adapter is not called when there were
    records and none is left to send. tells: tell the observers, too; False where that waits until the result
    is kept, see `tell`. Raises `ConfigurationError` only: also when a plugin that the site
    requires is not active, since a target may be as secret as its data.
    """
    if registry.missing:
        raise ConfigurationError(registry.missing)
    results: dict[RecordKey, Result] = {}
    leaving: list[Record] = []
    for record, ready in zip(batch.records, prepare(registry, batch), strict=True):
        if isinstance(ready, Record):
            leaving.append(ready)
        else:
            results[record.key] = ready
    stopped: DeliveryError | None = None
    if leaving or not batch.records:
        sent, stopped = _deliver(destination, adapter, replace(batch, records=tuple(leaving)))
        results.update(sent)
    return _concluded(registry, batch, batch.records, results, stopped, tells)


def dispatch_file(
    registry: Registry,
    destination: Destination,
    adapter: Adapter,
    batch: Batch,
    file: DataFile,
    *,
    tells: bool = True,
) -> DispatchResult:
    """The same for one file; batch: whose it is, without records. Files are not converted."""
    (kept,) = _withheld(registry, batch, [file])
    result: Result | None = kept
    stopped: DeliveryError | None = None
    if result is None and not adapter.takes_files:
        result = Unsupported(reason=f"{destination.display_name} takes no files", feature="files")
    results = {} if result is None else {file.key: result}
    if result is None:
        safe = guarded(destination, adapter)
        sent, stopped = _call(
            destination, batch, [file.key], lambda: {file.key: safe.deliver_file(file, batch)}
        )
        results.update(sent)
    return _concluded(registry, batch, (file,), results, stopped, tells)


def look_up(destination: Destination, adapter: Adapter, batch: Batch) -> Mapping[RecordKey, Found] | None:
    """Ask whether the records of a batch are there, as they would leave; None when nobody can tell.

    What is of no valid type counts as not said. Raises `DeliveryError`.
    """
    who = named(destination)
    answer = guarded(destination, adapter).find(batch)
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise PluginError(f"{who} answered find with a {type(answer).__name__}, not a mapping")
    found, wrong = _valid(answer, [record.key for record in batch.records], Found, who)
    if wrong:
        logger.error("%s gave no valid answer to find for %d records", who, len(wrong))
    return found


def guarded(destination: Destination, adapter: Adapter) -> Guarded:
    """The adapter, called in safety."""
    return adapter if isinstance(adapter, Guarded) else Guarded(destination, lambda: adapter)


def _concluded(
    registry: Registry,
    batch: Batch,
    asked: tuple[Shareable, ...],
    results: Mapping[RecordKey, Result],
    stopped: DeliveryError | None,
    tells: bool,
) -> DispatchResult:
    unsent = tuple(record.key for record in asked if record.key not in results)
    result = DispatchResult(results=MappingProxyType(dict(results)), unsent=unsent, stopped=stopped)
    if tells:
        tell(registry, batch, asked, result.results)
    return result


def tell(
    registry: Registry, batch: Batch, asked: Iterable[Shareable], results: Mapping[RecordKey, Result]
) -> None:
    """Tell the observers what became of those that were asked for."""
    told = tuple(record for record in asked if record.key in results)
    if told:
        report = DeliveredReport(
            site=batch.site,
            address=batch.address,
            target=batch.target,
            records=told,
            results=MappingProxyType(dict(results)),
        )
        registry.observe(report)


def prepare(registry: Registry, batch: Batch) -> list[Record | Withheld | Unsupported | Deferred]:
    """Each record as it leaves in this batch, or why it does not: what the plugins of the site say.

    A plugin that fails, or does not come back, keeps it here for another try.
    """
    kept = _withheld(registry, batch, batch.records)
    free = [record for record, reason in zip(batch.records, kept, strict=True) if reason is None]
    converted = iter(convert(registry, batch, free))
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
    """Why the plugins of the site do not let each of them leave; None when they do."""
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
    return [_kept(each) for each in said]


def _kept(said: str | PluginError | None) -> Withheld | Deferred | None:
    match said:
        case None:
            return None
        case PluginError():
            return Deferred(reason=said.reason)
    return Withheld(reason=said)


def convert(
    registry: Registry, batch: Batch, records: Iterable[Record]
) -> list[Record | InvalidRecord | PluginError]:
    """Each record as the plugins of the site let it look at the address of the batch, or why it cannot."""
    return registry.convert(
        [
            ConvertRequest(site=batch.site, address=batch.address, target=batch.target, record=record)
            for record in records
        ]
    )


def _deliver(
    destination: Destination, adapter: Adapter, batch: Batch
) -> tuple[dict[RecordKey, Outcome], DeliveryError | None]:
    keys = [record.key for record in batch.records]
    safe = guarded(destination, adapter)
    return _call(destination, batch, keys, lambda: safe.deliver(batch))


def _call(
    destination: Destination,
    batch: Batch,
    keys: list[RecordKey],
    call: Callable[[], Mapping[RecordKey, Outcome]],
) -> tuple[dict[RecordKey, Outcome], DeliveryError | None]:
    """What an adapter answers to a call about these keys, or what became of them when it fails."""
    who = named(destination)
    try:
        answer = call()
    except Broken as broken:
        logger.error("%s had %d records in hand, for %s", who, len(keys), batch.address)
        return _unconfirmed(keys, broken.short), broken
    except GivenUp as late:
        return _unconfirmed(keys, late.reason), late
    except DeliveryError as stop:
        decided, wrong = _valid(stop.decided, keys, Outcome, who)
        if wrong:
            logger.error("%s named no valid outcome for %d decided records", who, len(wrong))
        return decided | _unconfirmed(wrong, f"{who} named no valid outcome"), stop
    if not isinstance(answer, Mapping):
        message = f"{who} answered with a {type(answer).__name__}, not a mapping"
        logger.error("%s", message)
        return _unconfirmed(keys, message), PluginError(message)
    outcomes, wrong = _valid(answer, keys, Outcome, who)
    missing = [key for key in keys if key not in outcomes]
    if not missing:
        return outcomes, None
    message = f"{who} gave no valid outcome for {len(missing)} of {len(keys)} records"
    logger.error("%s (%d of them of a wrong type)", message, len(wrong))
    return outcomes | _unconfirmed(missing, f"{who} gave no valid outcome"), PluginError(message)


def _valid(
    answer: Mapping[RecordKey, _Answer], keys: Iterable[RecordKey], wanted: Any, who: str
) -> tuple[dict[RecordKey, _Answer], list[RecordKey]]:
    """The valid answers in the order of the keys, and the keys whose answer is of a wrong type."""
    items = dict(answer)
    given = {key: items.pop(key) for key in keys if key in items}
    if items:
        logger.error("%s gave outcomes for %d records that it was not given", who, len(items))
    valid: dict[RecordKey, _Answer] = {}
    for key, each in given.items():
        try:
            outcome = own(each)
        except Exception as error:
            log_fault(logger, f"{who} gave an outcome that cannot be read: {describe(error)}", error)
            continue
        if isinstance(outcome, wanted):
            valid[key], complaints = mended(outcome)
            for complaint in complaints:
                logger.error("%s answered out of contract: %s", who, complaint)
    return valid, [key for key in given if key not in valid]


def _unconfirmed(keys: Iterable[RecordKey], reason: str) -> dict[RecordKey, Outcome]:
    return {key: Unconfirmed(reason=reason) for key in keys}
