"""Dispatch one batch: withhold, convert, deliver, and report to the observers.

Whatever a plugin does, every record of the batch ends with a result or is named as unsent, so that none is
lost and none is sent again without reason.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sharecore.adapter import Adapter, Batch
from sharecore.adapter_answers import Stop, hear, read, said_until
from sharecore.destination import Destination
from sharecore.exceptions import DeliveryError, PluginError
from sharecore.guarded_adapter import Guarded
from sharecore.guarded_calls import named
from sharecore.hooks import DeliveredReport
from sharecore.outcomes import Found, Outcome, Result, Unsupported, Withdrawal, Withdrawn
from sharecore.records import Alone, DataFile, Record, RecordKey, Report, Shareable
from sharecore.registry import Registry
from sharecore.withhold_and_convert import kept_back, prepare, require_plugins

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchResult:
    """The results of a batch; each key of it is either in `results` or in `unsent`."""

    results: Mapping[RecordKey, Result]
    """Results by key of the record."""
    unsent: tuple[RecordKey, ...] = ()
    """Records that certainly were not sent, because the call stopped before."""
    stopped: Stop | None = None
    """Reason why the call as a whole went wrong; None when it did not. The destination refused it or could
    not take it, or the adapter has a bug or wrong settings (`PluginError`, `ConfigurationError`); then the
    records that may have been sent are `Unconfirmed`.
    """


def ensure_target(
    registry: Registry,
    destination: Destination,
    adapter: Adapter,
    batch: Batch,
    alone: Alone | None = None,
) -> None:
    """Make the target known at the destination, before its records, a file or a report go, or for itself.

    Do nothing for a target whose records are all withheld.

    Args:
        registry: plugins of the site.
        destination: destination of the batch.
        adapter: adapter of the destination.
        batch: target, with the records that follow.
        alone: file or report that follows, in place of records.

    Raises:
        DeliveryError: the target cannot be made known; nothing of the batch was sent.
        ConfigurationError: a plugin that the site requires is not active; nothing of the batch was sent.
    """
    require_plugins(registry)
    leaving = tuple(each for each in prepare(registry, batch, destination.maps) if isinstance(each, Record))
    if batch.records and not leaving:
        return
    if alone is not None and not (_takes(adapter, alone) and kept_back(registry, batch, alone) is None):
        return
    guarded(destination, adapter).ensure_target(replace(batch, records=leaving))


def dispatch(
    registry: Registry,
    destination: Destination,
    adapter: Adapter,
    batch: Batch,
    *,
    refused: DeliveryError | None = None,
    tells: bool = True,
) -> DispatchResult:
    """Send one batch and return the result of each record.

    The adapter is not called when no record is left to send.

    Args:
        registry: plugins of the site.
        destination: destination of the batch.
        adapter: adapter of the destination.
        batch: records to send.
        refused: failure of `ensure_target`, so that no record can be sent.
        tells: report to the observers, too; False to do so with `tell` once the result is kept.

    Raises:
        ConfigurationError: a plugin that the site requires is not active. Then nothing goes, since a target
            may be as secret as its data.
    """
    require_plugins(registry)
    results: dict[RecordKey, Result] = {}
    leaving: list[Record] = []
    for record, ready in zip(batch.records, prepare(registry, batch, destination.maps), strict=True):
        if isinstance(ready, Record):
            leaving.append(ready)
        else:
            results[record.key] = ready
    stopped: Stop | None = None
    if leaving:
        leaves = replace(batch, records=tuple(leaving))
        sent, stopped = (
            ({}, refused) if refused else said_until(guarded(destination, adapter).deliver(leaves))
        )
        results.update(sent)
    return _concluded(registry, batch, batch.records, results, stopped, tells)


def dispatch_alone(
    registry: Registry,
    destination: Destination,
    adapter: Adapter,
    batch: Batch,
    alone: Alone,
    *,
    refused: DeliveryError | None = None,
    tells: bool = True,
) -> DispatchResult:
    """Send one file or report, as `dispatch` sends records.

    The batch has its target and the person who shares it, and no records. A report goes only where each of
    its data may go. Neither files nor reports nor their data are converted.
    """
    require_plugins(registry)
    result: Result | None = kept_back(registry, batch, alone)
    stopped: Stop | None = None
    if result is None and not _takes(adapter, alone):
        what = "files" if isinstance(alone, DataFile) else "reports"
        result = Unsupported(reason=f"{destination.display_name} takes no {what}", feature=what)
    results = {} if result is None else {alone.key: result}
    if result is None:
        safe, who = guarded(destination, adapter), named(destination)
        sending = hear(who, [alone.key], lambda heard: heard.take((alone.key, _send(safe, batch, alone))))
        sent, stopped = ({}, refused) if refused else said_until(sending)
        results.update(sent)
    return _concluded(registry, batch, (alone,), results, stopped, tells)


def _send(adapter: Adapter, batch: Batch, alone: Alone) -> Outcome:
    if isinstance(alone, DataFile):
        return adapter.deliver_file(alone, batch)
    return adapter.deliver_report(alone, batch)


def _takes(adapter: Adapter, alone: Alone) -> bool:
    return adapter.takes_files if isinstance(alone, DataFile) else adapter.takes_reports


def look_up(destination: Destination, adapter: Adapter, batch: Batch) -> Mapping[RecordKey, Found] | None:
    """Ask whether the records of a batch are at the destination; None when it cannot be asked.

    An answer of no valid type counts as no answer. Raises `DeliveryError`.
    """
    who = named(destination)
    answer = guarded(destination, adapter).find(batch)
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise PluginError(f"{who} answered find with a {type(answer).__name__}, not a mapping")
    found: dict[RecordKey, Found] = {}
    for record in batch.records:
        if record.key in answer:
            valid = _valid(who, answer[record.key])
            if valid is not None:
                found[record.key] = valid
    return found


def look_up_report(
    destination: Destination, adapter: Adapter, batch: Batch, report: Report
) -> tuple[Found | None, bool]:
    """Ask whether a report is at the destination: its answer about it, and whether it can be asked at all.

    An answer of no valid type counts as none. Raises `DeliveryError`.
    """
    answer = guarded(destination, adapter).find_report(report, batch)
    if answer is None:
        return None, False
    return _valid(named(destination), answer), True


def _valid(who: str, answer: object) -> Found | None:
    valid: Found | None
    valid, complaints = read(answer, Found)
    for complaint in complaints:
        logger.error("%s answered out of contract: %s", who, complaint)
    return valid


def follow(
    destination: Destination, adapter: Adapter, batch: Batch, tickets: Mapping[RecordKey, str]
) -> tuple[Mapping[RecordKey, Outcome], Stop | None]:
    """Ask what became of submitted records; return the answers, and the exception that stopped the call.

    A record without a valid answer is left out.

    Args:
        destination: destination of the batch.
        adapter: adapter of the destination.
        batch: target of the records; without records.
        tickets: ticket of each record, by key.
    """
    return said_until(guarded(destination, adapter).follow(batch, tickets))


def withdraw(
    destination: Destination, adapter: Adapter, batch: Batch, reason: str
) -> tuple[Mapping[RecordKey, Withdrawal], Stop | None]:
    """Withdraw delivered records; return the answers, and the exception that stopped the call.

    A record without a valid answer is left out.

    Args:
        destination: destination of the batch.
        adapter: adapter of the destination.
        batch: target of the records, and their names there in `previous`; without records.
        reason: reason that a person gave.
    """
    return said_until(guarded(destination, adapter).withdraw(batch, reason))


def guarded(destination: Destination, adapter: Adapter) -> Guarded:
    """Return the adapter behind the guard that contains its failures."""
    return adapter if isinstance(adapter, Guarded) else Guarded(destination, lambda: adapter)


def _concluded(
    registry: Registry,
    batch: Batch,
    asked: tuple[Shareable, ...],
    results: Mapping[RecordKey, Result],
    stopped: Stop | None,
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
    """Report the results of the records to the observers."""
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


def tell_withdrawn(registry: Registry, batch: Batch, answers: Mapping[RecordKey, Withdrawal]) -> None:
    """Report to the observers which records the destination does not show any more."""
    gone = tuple(key for key, answer in answers.items() if isinstance(answer, Withdrawn))
    if gone:
        report = DeliveredReport(
            site=batch.site,
            address=batch.address,
            target=batch.target,
            records=(),
            results=MappingProxyType({}),
            withdrawn=gone,
        )
        registry.observe(report)
