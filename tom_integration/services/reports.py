"""Make a report about a target: the forms of a destination, what it says of a report, and the sending."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from sharecore.adapter import Adapter, Batch, Preview
from sharecore.exceptions import ConfigurationError, InvalidRecord, Problem
from sharecore.identity import fingerprint
from sharecore.records import DATA_KINDS, JsonValue, Kind, Record
from sharecore.records import Report as SharedReport
from sharecore.reports import ReportForm
from tom_integration import access, clock, personal_keys, site, wake_up
from tom_integration.mapping import authors
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.kinds import CONDITIONS
from tom_integration.mapping.report_rows import REPORT_MODEL, report_of
from tom_integration.mapping.row_to_record import model_name, record_of
from tom_integration.mapping.shareable_rows import RowKey, by_model
from tom_integration.mapping.target_fields import target_of
from tom_integration.models import Activity, Outbox, Report
from tom_integration.outbox import activity, observer_keys, target_keys
from tom_integration.services import one_time

NEWEST = 80
"""The number of newest data of each kind that a form offers."""
OLDEST = 20
"""The number of oldest data of each kind that a form offers, and of the last before the first detection."""

FilledIn = tuple[str, str, str]
"""What a person filled in: name, label and text of the field."""


@dataclass(frozen=True, slots=True)
class Datum:
    """Hold a datum that can be chosen."""

    row: Any
    record: Record

    @property
    def place(self) -> RowKey:
        """Return model and primary key."""
        return model_name(self.row), self.row.pk


class Reporting:
    """Let a user make reports about one target to one address.

    Args:
        user: the user; the page or API has checked that they may share the target.
        target: the target as a row of the TOM.
        address_text: `name` or `name:topic`.
        chosen: data to offer beside the newest ones, as model and primary key.

    Raises:
        ConfigurationError: there is no such destination, it cannot be used, or the user may not share to it.
    """

    def __init__(self, user: Any, target: Any, address_text: str, chosen: Iterable[RowKey] = ()) -> None:
        self._user = user
        self._target = target
        self._chosen = set(chosen)
        self.address, self._destination = site.destinations().resolve(address_text)
        if refusal := access.refusal_to_use(user, self.address.name):
            raise ConfigurationError([refusal])

    @cached_property
    def data(self) -> Mapping[RowKey, Datum]:
        """Return the data of the target that can be chosen, the newest first: those that the user may see.

        Of many of a kind: the first, the newest, those just before the first detection, and the chosen ones.
        """
        rows = self._offered.values()
        data = [Datum(row, record) for row in rows if (record := self._record(row)) is not None]
        data.sort(key=lambda each: each.record.timestamp, reverse=True)
        return {each.place: each for each in data}

    @property
    def left_out(self) -> int:
        """Return how many data more the target has that the user may see."""
        return sum(self._visible(model).count() for model in DATUM_MODELS.values()) - len(self._offered)

    @cached_property
    def _offered(self) -> Mapping[RowKey, Any]:
        """Return the rows of the data that are offered."""
        found: dict[RowKey, Any] = {}
        for kind in DATA_KINDS:
            for name, condition in CONDITIONS[kind].items():
                rows = self._visible(DATUM_MODELS[name]).filter(condition)
                found |= {(name, row.pk): row for row in _ends(rows, self._first)}
        chosen = by_model(self._chosen)
        for name, model in DATUM_MODELS.items():
            found |= {(name, row.pk): row for row in self._visible(model).filter(pk__in=chosen[name])}
        return found

    @cached_property
    def _first(self) -> datetime | None:
        """Return the time of the first detection."""
        detected = CONDITIONS[Kind.PHOTOMETRY]["photometryreduceddatum"]
        rows = self._visible(DATUM_MODELS["photometryreduceddatum"]).filter(detected)
        return rows.order_by("timestamp").values_list("timestamp", flat=True).first()

    def _visible(self, model: type[Any]) -> QuerySet[Any]:
        return access.visible(self._user, model._default_manager.filter(target_id=self._target.pk))

    def forms(self) -> Sequence[ReportForm]:
        """Ask the destination for its forms. Raises `ConfigurationError`, `DeliveryError`."""
        adapter = self._adapter
        if not adapter.takes_reports:
            return ()
        return adapter.report_forms(self._batch(each.record for each in self.data.values()))

    def report(
        self,
        form: ReportForm,
        values: Mapping[str, JsonValue],
        data: Mapping[str, Sequence[RowKey]],
        shown: Sequence[FilledIn] = (),
    ) -> Report:
        """Return a report that is not saved.

        Args:
            form: the form.
            values: the values by name of the field, without blank ones.
            data: model and primary key of each chosen datum, by name of the field, without blank ones.
            shown: what the person filled in, for people.
        """
        return Report(
            destination=self.address.name,
            topic=self.address.topic,
            target_id=self._target.pk,
            form=form.name,
            label=form.title or form.label,
            values=dict(values),
            data={name: [list(place) for place in places] for name, places in data.items()},
            shown=[list(each) for each in shown],
            creator_id=self._user.pk,
            created=clock.now(),
        )

    def check(self, report: Report) -> Sequence[Problem]:
        """Return what the destination demands and the report does not have.

        Raises:
            ConfigurationError: the destination cannot be used.
            DeliveryError: the adapter cannot tell.
            InvalidRecord: a chosen datum cannot be shared.
        """
        return self._adapter.check_report(self._shared(report), self._batch())

    def similar(self, report: Report) -> Sequence[str]:
        """Ask the destination what it has already that may be the same; raise as `check` does."""
        return self._adapter.similar_reports(self._shared(report), self._batch())

    def preview(self, report: Report) -> Preview:
        """Return the exact content that would be sent; raise as `check` does."""
        return self._adapter.preview_report(self._shared(report), self._batch())

    @property
    def approval(self) -> bool:
        """Return True when a person approves what is sent there."""
        return self._destination.approval

    def content(self, report: Report) -> str:
        """Return a digest of values and data, as they are now. Raises `InvalidRecord`."""
        # A report that is not saved has a new time on each page.
        return fingerprint(replace(self._shared(report), timestamp=datetime.min.replace(tzinfo=UTC)))

    def make(self, report: Report, *, token: uuid.UUID) -> Report:
        """Save a report and its one-time share, so that it is sent once; return it.

        A form that comes twice is one report: the second time that of the first is returned.

        Args:
            report: the report, which is not saved.
            token: the mark of the form.
        """
        with transaction.atomic():
            report.token = uuid.uuid5(token, str(self._user.pk))
            try:
                with transaction.atomic():
                    report.save()  # Write first, see `open_outbox`.
            except IntegrityError:
                return Report.objects.get(token=report.token)
            selection = {REPORT_MODEL: Q(pk=report.pk)}
            outbox, _ = one_time.make(
                self.address, self._target.pk, selection, user_id=self._user.pk, title=report.label
            )
            activity.of_shares(Activity.What.REPORTED, [outbox], detail=report.label, by=self._user)
        wake_up.hint(self._target.pk, {})
        return report

    @property
    def _adapter(self) -> Adapter:
        return site.adapters.get(personal_keys.with_key_of(self._destination, self._user.pk))

    def _record(self, row: Any) -> Record | None:
        try:
            return record_of(row, origin=site.origin())
        except InvalidRecord:
            return None

    def _shared(self, report: Report) -> SharedReport:
        return observer_keys.of_report(report_of(report, origin=site.origin()), report)

    def _batch(self, records: Iterable[Record] = ()) -> Batch:
        outbox = Outbox.objects.at(self.address).filter(target_id=self._target.pk).first()
        return Batch(
            site=site.this_site(),
            address=self.address,
            target=target_of(self._target),
            records=tuple(sorted(records, key=lambda record: record.timestamp)),
            shared_by=self._user.get_username(),
            author=authors.author(self._user),
            state=dict(outbox.adapter_state) if outbox else {},
            target_keys=target_keys.keys_of(self._target),
        )


def _ends(rows: QuerySet[Any], first: datetime | None) -> Iterator[Any]:
    """Yield the oldest and the newest data, and the last ones before the first detection, some twice."""
    newest = rows.order_by("-timestamp", "-pk")
    yield from newest[:NEWEST]
    yield from rows.order_by("timestamp", "pk")[:OLDEST]
    if first is not None:
        yield from newest.filter(timestamp__lt=first)[:OLDEST]


def reports_about(user: Any, target_id: int) -> QuerySet[Report]:
    """Return the reports about a target that the user may see.

    Those to a destination whose data the user may not know of are left out, but for the user's own, and for
    those that wait for the approval of the user.
    """
    rows = access.visible(user, Report.objects.filter(target_id=target_id))
    waiting = access.approvable(user).filter(model=REPORT_MODEL, outbox__target_id=target_id)
    mine = Q(creator_id=user.pk) | Q(pk__in=waiting.values("datum_pk"))
    for outbox in access.outboxes_for(user, "view").filter(target_id=target_id):
        mine |= Q(destination=outbox.destination, topic=outbox.topic)
    closed = access.closed_to(user)
    return rows.filter(mine).exclude(destination__in=closed)
