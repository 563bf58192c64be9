"""Show exactly what the approval of deliveries would send, without the network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sharecore.adapter import Adapter, Batch, Preview
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, InvalidRecord
from sharecore.records import Alone, Record, Report, Shareable
from sharecore.withhold_and_convert import prepare
from tom_integration import access, site
from tom_integration.mapping.shareable_rows import shareable_of
from tom_integration.mapping.target_fields import find_target, target_of
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.outbox import observer_keys, target_keys
from tom_integration.outbox.approved_content import Digests
from tom_integration.outbox.prepare import load


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPreview:
    """Hold what one delivery would send."""

    body: str = ""
    """The payload; of a file its name, kind, size and digest."""
    content_type: str = ""
    problem: str = ""
    """Why it would not go, or cannot be shown."""
    content: str = ""
    """The digest of the payload and what is around it, as `Delivery.asked`."""
    changed: bool = False
    """True when this is not the content for which approval was asked."""


def previews(outbox: Outbox, rows: Iterable[Delivery]) -> dict[int, ApprovalPreview]:
    """Return what each of these deliveries of an outbox would send, by primary key."""
    rows = list(rows)
    try:
        destination = site.destinations().resolve(str(outbox.address))[1]
        adapter = site.adapters.get(destination)
    except (ConfigurationError, DeliveryError) as error:
        return {row.pk: ApprovalPreview(problem=str(error)) for row in rows}
    target, data = find_target(outbox.target_id), load(rows)
    gone = "The target was deleted." if target is None else "The datum was deleted."
    shown = {row.pk: ApprovalPreview(problem=gone) for row in rows}
    if target is None:
        return shown
    by_share: dict[int | None, list[Delivery]] = defaultdict(list)
    for row in rows:
        if row.pk in data:
            by_share[row.one_time_share_id].append(row)
    texts = OneTimeShare.objects.in_bulk([pk for pk in by_share if pk is not None])
    digests = Digests(destination.maps, target, rows)
    with site.call_threads():
        for share_id, group in by_share.items():
            batch = _batch(outbox, target, texts.get(share_id or 0))
            made = _Made(destination, adapter, batch, digests)
            shown.update(made.shown(group, data))
    return shown


def _batch(outbox: Outbox, target: Any, share: OneTimeShare | None) -> Batch:
    user = access.find_creator(share.user_id if share else outbox.creator_id)
    return Batch(
        site=site.this_site(),
        address=outbox.address,
        target=target_of(target, lists=share.lists if share else ()),
        records=(),
        shared_by=user.get_username() if user else "",
        state=dict(outbox.adapter_state),
        target_keys=target_keys.keys_of(target),
        title=share.title if share else "",
        message=share.message if share else "",
        values=dict(share.values) if share else {},
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """Make the payloads of the deliveries of one share."""

    destination: Destination
    adapter: Adapter
    batch: Batch
    digests: Digests

    def shown(self, rows: list[Delivery], data: Mapping[int, Any]) -> Iterator[tuple[int, ApprovalPreview]]:
        """Yield what each delivery would send."""
        found: list[tuple[Delivery, Shareable]] = []
        for row in rows:
            try:
                made = shareable_of(data[row.pk], origin=self.batch.site.origin, record_id=row.record_id)
                if isinstance(made, Report):
                    made = observer_keys.of_report(made, data[row.pk])
            except InvalidRecord as error:
                yield row.pk, ApprovalPreview(problem=str(error), changed=True)
            else:
                found.append((row, made))
        keyed = observer_keys.with_original_keys(found)
        records = tuple(record for _, record in keyed if isinstance(record, Record))
        leaving = iter(prepare(site.registry(), replace(self.batch, records=records), self.destination.maps))
        for row, record in keyed:
            shown = self._record(row, next(leaving)) if isinstance(record, Record) else self._alone(record)
            content = self.digests.of(row, record)
            yield row.pk, replace(shown, content=content, changed=content != row.asked)

    def _alone(self, alone: Alone) -> ApprovalPreview:
        if isinstance(alone, Report):
            return _payload(lambda: self.adapter.preview_report(alone, self.batch))
        said = f"{alone.name}\n{alone.media_type}, {alone.size:,} bytes\nSHA-256 {alone.sha256}"
        return ApprovalPreview(body=said, content_type=alone.media_type)

    def _record(self, row: Delivery, ready: Any) -> ApprovalPreview:
        if not isinstance(ready, Record):
            return ApprovalPreview(problem=f"It would stay here: {ready.reason}")
        previous = {ready.key: row.remote_id or None} if row.delivered_at else {}
        batch = replace(self.batch, records=(ready,), previous=previous)
        return _payload(lambda: self.adapter.preview(batch))


def _payload(preview: Callable[[], Preview]) -> ApprovalPreview:
    try:
        made = preview()
    except (ConfigurationError, DeliveryError) as error:
        return ApprovalPreview(problem=str(error))
    return ApprovalPreview(body=made.body, content_type=made.content_type)
