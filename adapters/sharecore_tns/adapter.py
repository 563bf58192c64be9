"""The adapter: TNS as a destination of reports."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sharecore import (
    Adapter,
    Batch,
    Found,
    Outcome,
    Preview,
    Problem,
    RecordKey,
    Rejected,
    Report,
    ReportForm,
    Submitted,
    Unconfirmed,
    Unsupported,
    before_sending,
)
from sharecore_http import Client, File, Refused, Unclear
from sharecore_tns import search
from sharecore_tns.api import Api
from sharecore_tns.at_report import at_report
from sharecore_tns.checks import problems
from sharecore_tns.classification import classification, with_file
from sharecore_tns.config import LIVE, SANDBOX, TnsConfig
from sharecore_tns.feedback import outcome
from sharecore_tns.field_names import spelled
from sharecore_tns.forms import AT_REPORT, CLASSIFICATION, forms
from sharecore_tns.options import Options
from sharecore_tns.report_values import Reading

NO_RECORDS = "TNS takes reports, made on the page of a target, and no continuous shares"
FIRST, LATER = 10.0, 60.0
"""Seconds after which TNS is asked for its answer: the first time, and from then on."""

_OBJECT = re.compile(r"([a-z0-9.:-]+)/object/((?:19|20)[0-9]{2}[A-Za-z]{1,7})")
_NOTE = "The key of the bot goes beside it."


class TnsAdapter(Adapter):
    """The adapter of one TNS, the live one or its sandbox.

    A report is submitted once, and answered later. After a lost answer it is never submitted again: TNS
    cannot say that it has no report.

    Args:
        config: settings.
        client: HTTP client, for tests.
        clock: seconds, for tests.
    """

    takes_records = False
    takes_reports = True
    settle_time = 300.0
    check_tests = "the bot and its key, and what the settings name at TNS"

    def __init__(
        self,
        config: TnsConfig,
        *,
        client: Client | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._api = Api(config, client)
        self._options = Options(self._api, clock)

    def __repr__(self) -> str:
        return f"<TnsAdapter {self._config.base_url}>"

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        for record in batch.records:
            yield record.key, Unsupported(feature="records", reason=NO_RECORDS)

    def preview(self, batch: Batch) -> Preview:
        note = "\n".join(f"{record.key}: {NO_RECORDS}" for record in batch.records)
        return Preview(content_type="text/plain", body="", note=note)

    def validate(self, batch: Batch) -> Sequence[Problem]:
        hint = "Make a report on the page of the target."
        return [Problem(where=self._config.path, what=NO_RECORDS, hint=hint, fatal=False)]

    def report_forms(self, batch: Batch) -> Sequence[ReportForm]:
        self._options.refresh()
        return forms(batch, self._options, self._config)

    def check_report(self, report: Report, batch: Batch) -> Sequence[Problem]:
        _, _, reading = self._written(report, batch)
        return reading.problems

    def similar_reports(self, report: Report, batch: Batch) -> Sequence[str]:
        if report.form == CLASSIFICATION:
            return search.classified(report, self._api)
        return search.near(report, self._api)

    def preview_report(self, report: Report, batch: Batch) -> Preview:
        content, file, reading = self._written(report, batch)
        notes = [f"{each.where}: {each.what}. {each.hint}" for each in reading.problems]
        notes.append(self.describe())
        if file is not None:
            notes.append(f"The file {file.name} is uploaded first, and gets its name there then.")
        notes.append(_NOTE)
        body = json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1)
        if file is not None:
            body += f"\n\n{file.name}\n{file.body.decode()}"
        media_type = "application/json" if file is None else "text/plain"
        return Preview(content_type=media_type, body=body, note="\n".join(notes))

    def deliver_report(self, report: Report, batch: Batch) -> Outcome:
        with before_sending():
            content, file, reading = self._written(report, batch)
        if reading.problems:
            first = reading.problems[0]
            return Rejected(reason=f"{first.what}. {first.hint}", field=first.where or None)
        try:
            if file is not None:
                content = with_file(content, self._api.upload(file))
            number = self._api.submit(content)
        except Refused as refused:
            return self._refusal(refused)
        except Unclear as unclear:
            return Unconfirmed(reason=unclear.reason)
        return Submitted(ticket=f"{self._config.host}/{number}", ask_after=FIRST)

    def find_report(self, report: Report, batch: Batch) -> Found | None:
        return search.find_report(report, self._api, self._config)

    def follow(self, batch: Batch, tickets: Mapping[RecordKey, str]) -> Iterator[tuple[RecordKey, Outcome]]:
        for key, ticket in tickets.items():
            host, _, number = ticket.rpartition("/")
            if host != self._config.host:
                # Another TNS has other reports under the same numbers.
                reason = f"it was submitted to {host}, and the settings name {self._config.host} now"
                yield key, Unconfirmed(reason=reason)
                continue
            status, answer = self._api.answer(number)
            if status == 404:
                yield key, Submitted(ticket=ticket, ask_after=LATER)
            elif told := outcome(status, answer, host=host, live=self._config.live):
                yield key, told

    def describe(self) -> str:
        if self._config.live:
            return "LIVE: reports go to the TNS itself. They are public, and cannot be withdrawn."
        return (
            f"SANDBOX: reports go to {self._config.host}, where they do not count. "
            "The sandbox is overwritten every Sunday."
        )

    def check(self) -> Sequence[Problem]:
        return problems(self._api, self._options, self._config)

    def link(self, remote_id: str) -> str:
        """Return the page of the object, at the TNS that named it."""
        parts = _OBJECT.fullmatch(remote_id)
        if not parts:
            return ""
        for address in (self._config.base_url, LIVE, SANDBOX):
            if address.split("//")[1].strip("/") == parts[1]:
                return f"{address}object/{parts[2]}"
        return ""

    def close(self) -> None:
        self._api.close()

    def _written(self, report: Report, batch: Batch) -> tuple[dict[str, Any], File | None, Reading]:
        """Return a report as TNS takes it, the file of its spectrum, and its reading with all problems."""
        file: File | None = None
        if report.form == CLASSIFICATION:
            content, file, reading = classification(report, batch, self._config)
        elif report.form == AT_REPORT:
            content, reading = at_report(report, batch, self._config)
        else:
            content, reading = {}, Reading(report)
            reading.problem("", f"TNS has no report of the kind {report.form!r}", "Make it anew.")
        return spelled(content, old=self._config.old_names), file, reading

    def _refusal(self, refused: Refused) -> Outcome:
        """Return the outcome of a report that TNS refused at once."""
        told = outcome(400, refused.reply.json, host=self._config.host, live=self._config.live)
        return told if told is not None else Rejected(reason=f"TNS refuses the report: {refused.reason}")
