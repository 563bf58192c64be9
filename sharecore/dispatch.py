"""Dispatch: one batch on its way out. Withhold, convert, deliver, tell the observers.

Whatever a plugin does, every record of the batch ends with a result or is named as unsent, so that none is
lost and none is sent again without reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sharecore.adapter import Adapter, Batch
from sharecore.destinations import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, InvalidRecord, PluginError
from sharecore.faults import as_plugin_error, describe, log_fault
from sharecore.hooks import ConvertRequest, DeliveredReport, WithholdRequest
from sharecore.outcomes import Deferred, Found, Outcome, Result, Unconfirmed, Unsupported, Withheld
from sharecore.records import DataFile, Record, RecordKey, Shareable
from sharecore.registry import Registry

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


def dispatch(registry: Registry, destination: Destination, adapter: Adapter, batch: Batch) -> DispatchResult:
    """Send one batch and say what became of each record.

    A batch without records asks the adapter for the target alone. The adapter is not called when there were
    records and none is left to send. Raises `ConfigurationError` only: also when a plugin that the site
    requires is not active, since a target may be as secret as its data.
    """
    if registry.missing:
        raise ConfigurationError(registry.missing)
    results: dict[RecordKey, Result] = {}
    leaving: list[Record] = []
    for record in batch.records:
        ready = prepare(registry, batch, record)
        if isinstance(ready, Record):
            leaving.append(ready)
        else:
            results[record.key] = ready
    stopped: DeliveryError | None = None
    if leaving or not batch.records:
        sent, stopped = _deliver(destination, adapter, replace(batch, records=tuple(leaving)))
        results.update(sent)
    return _told(registry, batch, batch.records, results, stopped)


def dispatch_file(
    registry: Registry, destination: Destination, adapter: Adapter, batch: Batch, file: DataFile
) -> DispatchResult:
    """The same for one file; batch: whose it is, without records. Files are not converted."""
    result: Result | None = withheld(registry, batch, file)
    stopped: DeliveryError | None = None
    if result is None and not adapter.takes_files:
        result = Unsupported(reason=f"{destination.display_name} takes no files", feature="files")
    results = {} if result is None else {file.key: result}
    if result is None:
        sent, stopped = _call(destination, batch, [file.key], lambda: _send_file(adapter, batch, file))
        results.update(sent)
    return _told(registry, batch, (file,), results, stopped)


def look_up(destination: Destination, adapter: Adapter, batch: Batch) -> Mapping[RecordKey, Found] | None:
    """Ask whether the records of a batch are there, as they would leave; None when nobody can tell.

    What is of no valid type counts as not said. Raises `DeliveryError`.
    """
    who = _who(destination)
    with as_plugin_error(logger, f"the look-up by {who}"):
        answer = adapter.find(batch)
        if answer is None:
            return None
        answers = dict(answer)
    keys = {record.key for record in batch.records}
    found = {key: each for key, each in answers.items() if key in keys and isinstance(each, Found)}
    if len(found) < len(answers):
        logger.error("%s answered find for %d records in no valid way", who, len(answers) - len(found))
    return found


def _send_file(adapter: Adapter, batch: Batch, file: DataFile) -> Mapping[RecordKey, Outcome]:
    try:
        return {file.key: adapter.deliver_file(file, batch)}
    except OSError as error:
        why = error.strerror or type(error).__name__
        return {file.key: Deferred(reason=f"the file {file.name!r} cannot be read: {why}")}


def _told(
    registry: Registry,
    batch: Batch,
    asked: tuple[Shareable, ...],
    results: Mapping[RecordKey, Result],
    stopped: DeliveryError | None,
) -> DispatchResult:
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
    unsent = tuple(record.key for record in asked if record.key not in results)
    return DispatchResult(results=MappingProxyType(dict(results)), unsent=unsent, stopped=stopped)


def withheld(registry: Registry, batch: Batch, record: Shareable) -> Withheld | Deferred | None:
    """Why the plugins of the site do not let it leave; None when they do. A failing one keeps it here."""
    try:
        reason = registry.withhold(
            WithholdRequest(
                site=batch.site,
                address=batch.address,
                target=batch.target,
                record=record,
                shared_by=batch.shared_by,
            )
        )
    except PluginError as error:
        return Deferred(reason=error.reason)
    return None if reason is None else Withheld(reason=reason)


def prepare(registry: Registry, batch: Batch, record: Record) -> Record | Withheld | Unsupported | Deferred:
    """The record as it leaves in this batch, or why it does not: what the plugins of the site say.

    A plugin that fails keeps it here for another try.
    """
    kept = withheld(registry, batch, record)
    if kept is not None:
        return kept
    try:
        return convert(registry, batch, record)
    except InvalidRecord as error:
        return Unsupported(reason=str(error), feature="conversion")
    except PluginError as error:
        return Deferred(reason=error.reason)


def convert(registry: Registry, batch: Batch, record: Record) -> Record:
    """The record as the plugins of the site let it look at this address.

    Raises `InvalidRecord` or `PluginError`.
    """
    return registry.convert(
        ConvertRequest(site=batch.site, address=batch.address, target=batch.target, record=record)
    )


def _deliver(
    destination: Destination, adapter: Adapter, batch: Batch
) -> tuple[dict[RecordKey, Outcome], DeliveryError | None]:
    keys = [record.key for record in batch.records]
    return _call(destination, batch, keys, lambda: adapter.deliver(batch))


def _call(
    destination: Destination,
    batch: Batch,
    keys: list[RecordKey],
    call: Callable[[], Mapping[RecordKey, Outcome]],
) -> tuple[dict[RecordKey, Outcome], DeliveryError | None]:
    """What an adapter answers to a call about these keys, or what became of them when it fails."""
    who = _who(destination)
    try:
        answer = call()
        answered = dict(answer) if isinstance(answer, Mapping) else None
    except ConfigurationError:
        raise
    except DeliveryError as stop:
        decided, wrong = _outcomes(stop.decided, keys, who)
        if wrong:
            logger.error("%s named no valid outcome for %d decided records", who, len(wrong))
        return decided | _unconfirmed(wrong, f"{who} named no valid outcome"), stop
    except Exception as error:
        message = f"{who} failed: {describe(error)}"
        log_fault(logger, f"{message}, delivering {len(keys)} records to {batch.address}", error)
        return _unconfirmed(keys, f"{who} failed: {type(error).__name__}"), PluginError(message)
    if answered is None:
        message = f"{who} answered with a {type(answer).__name__}, not a mapping"
        logger.error("%s", message)
        return _unconfirmed(keys, message), PluginError(message)
    outcomes, wrong = _outcomes(answered, keys, who)
    missing = [key for key in keys if key not in outcomes]
    if not missing:
        return outcomes, None
    message = f"{who} gave no valid outcome for {len(missing)} of {len(keys)} records"
    logger.error("%s (%d of them of a wrong type)", message, len(wrong))
    return outcomes | _unconfirmed(missing, f"{who} gave no valid outcome"), PluginError(message)


def _who(destination: Destination) -> str:
    return f"adapter {destination.kind!r} of {destination.plugin.label}"


def _outcomes(
    answer: Mapping[RecordKey, Outcome], keys: Iterable[RecordKey], who: str
) -> tuple[dict[RecordKey, Outcome], list[RecordKey]]:
    """The valid outcomes in the order of the keys, and the keys whose outcome is of a wrong type."""
    items = dict(answer)
    given = {key: items.pop(key) for key in keys if key in items}
    if items:
        logger.error("%s gave outcomes for %d records that it was not given", who, len(items))
    valid = {key: outcome for key, outcome in given.items() if isinstance(outcome, Outcome)}
    return valid, [key for key in given if key not in valid]


def _unconfirmed(keys: Iterable[RecordKey], reason: str) -> dict[RecordKey, Outcome]:
    return {key: Unconfirmed(reason=reason) for key in keys}
