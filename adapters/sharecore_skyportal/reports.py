"""Send classifications. SkyPortal makes a second one of a repeat, so ours is looked for before each try."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sharecore import (
    Absent,
    Accepted,
    AuthenticationFailed,
    Batch,
    Deferred,
    Duplicate,
    Found,
    Outcome,
    Present,
    Preview,
    Problem,
    Rejected,
    Report,
    ReportForm,
    Unconfirmed,
    before_sending,
)
from sharecore_http import Refused, Unclear
from sharecore_skyportal import classification, stored
from sharecore_skyportal.api import Api
from sharecore_skyportal.config import SkyPortalConfig
from sharecore_skyportal.directory import Directory
from sharecore_skyportal.source import forget, noted
from sharecore_skyportal.taxonomies import Taxonomies

PATH = "api/classification"
_NO_RIGHT = "the token may not classify. Make one with the right 'Classify', and open the report again"
_SHOWN = 10


class Reports:
    """The classifications of one SkyPortal.

    Args:
        api: API.
        directory: groups there.
        config: settings.
    """

    def __init__(self, api: Api, directory: Directory, config: SkyPortalConfig) -> None:
        self._api = api
        self._directory = directory
        self._config = config
        self._taxonomies = Taxonomies(api)

    def forms(self, batch: Batch) -> Sequence[ReportForm]:
        """Return the form; none where there is no taxonomy."""
        self._taxonomies.refresh()
        made = classification.form(batch, self._taxonomies, self._config)
        return (made,) if made else ()

    def problems(self, report: Report) -> Sequence[Problem]:
        """Return what is wrong with each field. No network."""
        return classification.problems(report, self._config, self._taxonomies)

    def similar(self, batch: Batch) -> Sequence[str]:
        """Return a sentence for each classification that the source has."""
        return [classification.described(each) for each in self._there(batch)[:_SHOWN]]

    def preview(self, report: Report, batch: Batch) -> Preview:
        """Return the request, with the names of groups in the place of their ids."""
        body = classification.body(report, batch, classification.chosen_groups(report, self._config))
        text = json.dumps({"method": "POST", "path": f"/{PATH}", "body": body}, ensure_ascii=False, indent=1)
        note = "SkyPortal gets the ids of groups in the place of their names."
        return Preview(content_type="application/json", body=text, note=note)

    def send(self, report: Report, batch: Batch) -> Outcome:
        """Send a report that is not there, and check its class before."""
        with before_sending():
            self._directory.begin()
            self._taxonomies.ask()
            wrong = self.problems(report)
        if wrong:
            return Rejected(reason=f"{wrong[0].what}. {wrong[0].hint}", field=wrong[0].where or None)
        groups = self._groups(report)
        if name := self._name_of(report, batch):
            return Duplicate(remote_id=name)
        try:
            data = self._api.send("POST", PATH, classification.body(report, batch, groups))
        except AuthenticationFailed:
            # What was asked before was answered, so the token is good: other data go on.
            return Rejected(reason=_NO_RIGHT)
        except Refused as refused:
            # SkyPortal also refuses when something fails after it has stored the classification.
            if name := self._name_of(report, batch):
                return Accepted(remote_id=name)
            if stored.source(self._api, noted(batch)) is None:
                forget(batch)
                return Deferred(reason=f"the source {noted(batch)} is gone there; it is made again first")
            return Rejected(reason=f"SkyPortal refuses it: {refused.reason}")
        except Unclear as unclear:
            return Unconfirmed(reason=unclear.reason)
        number = data.get("classification_id") if isinstance(data, dict) else None
        return Accepted(remote_id=_named(batch, number))

    def find(self, report: Report, batch: Batch) -> Found:
        """Look a report up. A group that is closed to the token could hide it, and raises."""
        self._directory.begin()
        self._groups(report)
        name = self._name_of(report, batch)
        return Present(content=report, remote_id=name) if name else Absent()

    def _groups(self, report: Report) -> list[int]:
        return self._directory.groups(classification.chosen_groups(report, self._config))

    def _name_of(self, report: Report, batch: Batch) -> str | None:
        for each in self._there(batch):
            if classification.is_ours(each.get("origin"), report):
                return _named(batch, each.get("id"))
        return None

    def _there(self, batch: Batch) -> list[stored.Row]:
        return stored.classifications(self._api, noted(batch))


def _named(batch: Batch, number: Any) -> str | None:
    return f"{noted(batch)}/classifications/{number}" if isinstance(number, int) else None
