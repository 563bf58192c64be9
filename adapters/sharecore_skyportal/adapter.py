"""The adapter: one SkyPortal as a destination."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sharecore import (
    Absent,
    Adapter,
    Batch,
    DestinationError,
    Found,
    Outcome,
    Photometry,
    PhotometryLimit,
    Present,
    Preview,
    Problem,
    Record,
    RecordKey,
    Report,
    ReportForm,
    Spectrum,
    TargetRefused,
    Unconfirmed,
    Unsupported,
    build_each,
)
from sharecore_http import Client, Refused, Unclear
from sharecore_skyportal import stored
from sharecore_skyportal.api import Api, TooMuch
from sharecore_skyportal.checks import problems
from sharecore_skyportal.config import SkyPortalConfig
from sharecore_skyportal.directory import Directory
from sharecore_skyportal.drafts import Draft, NotExpressible, body, origin, together
from sharecore_skyportal.photometry import photometry
from sharecore_skyportal.reports import Reports
from sharecore_skyportal.sending import Sending, remote_id
from sharecore_skyportal.source import far_from, is_made, note, noted, source_body
from sharecore_skyportal.spectra import spectrum

_LINKED = re.compile(r"([0-9A-Za-z][0-9A-Za-z_.+-]*)/(?:photometry|spectra|classifications)/[0-9]+")


class SkyPortalAdapter(Adapter):
    """The adapter of one SkyPortal.

    Photometry goes as one request for each batch, a spectrum as a request of its own. What is there cannot be
    changed: a point with other values is another point, and only super admins may overwrite one.
    """

    max_batch = 1000
    takes_reports = True
    check_tests = "its address, the token, its right to upload, and what the settings name there"

    def __init__(self, config: SkyPortalConfig, *, client: Client | None = None) -> None:
        self._config = config
        self._api = Api(config, client)
        self._directory = Directory(self._api, config)
        self._reports = Reports(self._api, self._directory, config)

    def __repr__(self) -> str:
        return f"<SkyPortalAdapter {self._config.base_url}>"

    def probe(self, seconds: float) -> bool:
        return self._api.answers(seconds)

    def knows_target(self, batch: Batch) -> bool:
        """Return whether the source was made, and saved to the groups of the settings."""
        return is_made(batch, self._config)

    def ensure_target(self, batch: Batch) -> None:
        """Save the source to the groups; one that is there keeps what it has.

        Raises `TargetRefused` where another object has its name.
        """
        self._directory.begin()
        source = source_body(batch, self._directory.groups())
        there = stored.source(self._api, source["id"])
        if there is not None:
            if distance := far_from(batch.target, there):
                reason = f"SkyPortal has another object {source['id']}, {distance:,.0f} arcseconds away"
                raise TargetRefused(f"{reason}. Rename the target, or correct its coordinates")
            source.pop("redshift", None)
        try:
            self._save(source)
        except Refused as refused:
            raise TargetRefused(f"SkyPortal refuses the source {source['id']}: {refused.reason}") from None
        note(batch, source["id"], self._config)

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        self._directory.begin()
        groups = self._directory.groups()
        drafts, outcomes = self._built(batch, self._placed)
        yield from outcomes.items()
        yield from Sending(self._api, self._directory, batch, groups).send(drafts)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """Look each record up by its key, which is the origin of the datum there."""
        self._directory.begin()
        name = noted(batch)
        if batch.records and stored.source(self._api, name) is None:
            return {record.key: Absent() for record in batch.records}
        there = stored.Stored(self._api, name)
        return {record.key: self._found(record, batch, there, name) for record in batch.records}

    def report_forms(self, batch: Batch) -> Sequence[ReportForm]:
        return self._reports.forms(batch)

    def check_report(self, report: Report, batch: Batch) -> Sequence[Problem]:
        return self._reports.problems(report)

    def similar_reports(self, report: Report, batch: Batch) -> Sequence[str]:
        return self._reports.similar(batch)

    def preview_report(self, report: Report, batch: Batch) -> Preview:
        return self._reports.preview(report, batch)

    def deliver_report(self, report: Report, batch: Batch) -> Outcome:
        return self._reports.send(report, batch)

    def find_report(self, report: Report, batch: Batch) -> Found | None:
        return self._reports.find(report, batch)

    def preview(self, batch: Batch) -> Preview:
        """Return the requests, with the names of groups and instruments in the place of their ids."""
        drafts, left_out = self._built(batch, self._named)
        notes = [f"{key}: {_reason(outcome)}" for key, outcome in left_out.items()]
        notes += [f"{each.key}: {what}" for each in drafts for what in each.left_out]
        groups = [*self._config.groups]
        requests: list[dict[str, Any]] = []
        try:
            requests.append(_request("POST", "api/sources", source_body(batch, groups)))
        except TargetRefused as refused:
            notes.insert(0, refused.reason)
        for rows in together(drafts):
            method, path = ("PUT", "api/photometry") if rows[0].bandpass else ("POST", "api/spectrum")
            requests.append(_request(method, path, body(noted(batch), groups, rows)))
        notes.append("SkyPortal gets the ids of groups and instruments in the place of their names.")
        text = json.dumps(requests, allow_nan=False, ensure_ascii=False, indent=1)
        return Preview(content_type="application/json", body=text, note="\n".join(notes))

    def describe(self) -> str:
        groups = ", ".join(map(str, self._config.groups))
        return f"Data go to the groups {groups}. SkyPortal cannot change what it has: edits stay here."

    def check(self) -> Sequence[Problem]:
        return problems(self._api, self._directory, self._config)

    def validate(self, batch: Batch) -> Sequence[Problem]:
        """Return a problem for each record that cannot go, as far as instruments and filters there tell."""
        self._directory.begin()
        hint = "Map it with the settings, or have it added there; the rest is sent without it."
        _, left_out = self._built(batch, self._placed)
        return [
            Problem(where=str(key), what=_reason(outcome), hint=hint, fatal=False)
            for key, outcome in left_out.items()
        ]

    def link(self, remote_id: str) -> str:
        """Return the page of the source."""
        parts = _LINKED.fullmatch(remote_id)
        return f"{self._config.base_url}source/{parts[1]}" if parts else ""

    def close(self) -> None:
        self._api.close()

    def _save(self, source: Mapping[str, Any]) -> None:
        """Save a source, which may be done twice: a failure of the database there looks like a refusal."""
        for last in (False, True):
            try:
                self._api.send("POST", "api/sources", source)
                return
            except Refused:
                if last:
                    raise
            except Unclear as unclear:
                raise DestinationError(unclear.reason) from None

    def _built(
        self, batch: Batch, build: Callable[[Batch, Record], Draft | Outcome]
    ) -> tuple[list[Draft], dict[RecordKey, Outcome]]:
        drafts: dict[RecordKey, Draft]
        drafts, outcomes = build_each(batch.records, partial(build, batch))
        return [*drafts.values()], outcomes

    def _named(self, batch: Batch, record: Record) -> Draft | Outcome:
        """Return the record in the words of SkyPortal, with the name of its instrument. No network."""
        record = self._config.maps.apply(record)
        try:
            match record:
                case Photometry() | PhotometryLimit():
                    return photometry(record, batch, self._config)
                case Spectrum():
                    return spectrum(record, batch, self._config)
        except NotExpressible as error:
            return error.outcome
        reason = f"SkyPortal has no place for data of the kind {record.key.kind}"
        return Unsupported(feature="data-type", reason=reason)

    def _placed(self, batch: Batch, record: Record) -> Draft | Outcome:
        """Return the record in the words of SkyPortal, with the id of its instrument there."""
        named = self._named(batch, record)
        if not isinstance(named, Draft):
            return named
        try:
            number = self._directory.instrument(
                named.values["instrument_id"], named.telescope, named.bandpass
            )
        except NotExpressible as error:
            return error.outcome
        return replace(named, values={**named.values, "instrument_id": number})

    def _found(self, record: Record, batch: Batch, there: stored.Stored, source: str) -> Found:
        if not isinstance(record, Photometry | PhotometryLimit | Spectrum):
            return Absent()
        placed = self._placed(batch, record)
        values = placed.values if isinstance(placed, Draft) else None
        what = "spectra" if isinstance(record, Spectrum) else "photometry"
        try:
            row, same = there.find(what, origin(record.key), values)
        except TooMuch as much:
            return Unconfirmed(reason=much.reason)
        if row is None:
            return Absent()
        same = same and values is not None and row.get("altdata") in (None, values["altdata"])
        name = remote_id(source, what, row.get("id"))
        return Present(content=record if same else "", remote_id=name)


def _request(method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": method, "path": f"/{path}", "body": body}


def _reason(outcome: Outcome) -> str:
    return str(getattr(outcome, "reason", ""))
