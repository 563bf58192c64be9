"""Send the records of one batch, and set aside those that SkyPortal refuses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from sharecore import (
    Accepted,
    Batch,
    Deferred,
    DestinationError,
    Duplicate,
    Outcome,
    RecordKey,
    Rejected,
    Unconfirmed,
)
from sharecore_http import Refused, Unclear
from sharecore_skyportal import stored
from sharecore_skyportal.api import Api, TooMuch
from sharecore_skyportal.directory import Directory
from sharecore_skyportal.drafts import Draft, body, together
from sharecore_skyportal.source import forget, noted

MOST_REQUESTS = 100
"""Largest number of requests with photometry in one call: finding one bad row among 1000 takes 22."""

Outcomes = Iterator[tuple[RecordKey, Outcome]]


def remote_id(source: str, what: str, number: object) -> str | None:
    """Return the name of a datum there; None for a number that is none."""
    return f"{source}/{what}/{number}" if isinstance(number, int) else None


class Sending:
    """The sending of one batch. An outcome that nobody knows stops the call.

    Args:
        api: API.
        directory: groups and instruments there.
        batch: batch.
        groups: ids of the groups that see it.
    """

    def __init__(self, api: Api, directory: Directory, batch: Batch, groups: list[int]) -> None:
        self._api = api
        self._directory = directory
        self._batch = batch
        self._groups = groups
        self._source = noted(batch)

    def send(self, drafts: Sequence[Draft]) -> Outcomes:
        """Send the records, photometry first."""
        for rows in together(each for each in drafts if each.bandpass):
            yield from self._photometry(rows)
        yield from self._spectra([each for each in drafts if not each.bandpass])

    def _photometry(self, drafts: list[Draft]) -> Outcomes:
        """Send rows with the same names as one batch.

        SkyPortal takes it as a whole or not at all, and does not say which row is to blame: a refused batch
        is halved until that row stands alone. Sending a row twice adds nothing (PUT), so that one is tried
        again: a failure of the database there looks the same as a refusal.
        """
        waiting, alone, requests = deque([drafts]), set[RecordKey](), 0
        while waiting:
            rows = waiting.popleft()
            if requests == MOST_REQUESTS:
                reason = "SkyPortal refused its batch, and too many others of it to try each now"
                yield from _all(rows, Deferred(reason=reason))
                continue
            requests += 1
            try:
                numbers = self._put(rows)
            except Refused as refused:
                if requests == 1 and not self._still_stands():
                    yield from _all(drafts, self._source_is_gone())
                    return
                if len(rows) > 1:
                    middle = len(rows) // 2
                    waiting.extendleft((rows[middle:], rows[:middle]))
                elif rows[0].key not in alone:
                    alone.add(rows[0].key)
                    waiting.appendleft(rows)
                else:
                    yield rows[0].key, Rejected(reason=f"SkyPortal refuses it: {refused.reason}")
            except Unclear as unclear:
                yield from _all(rows, Unconfirmed(reason=unclear.reason))
                raise DestinationError(unclear.reason) from None
            else:
                for each, number in zip(rows, numbers, strict=True):
                    yield each.key, Accepted(remote_id=remote_id(self._source, "photometry", number))

    def _put(self, rows: Sequence[Draft]) -> list[object]:
        data = self._api.send("PUT", "api/photometry", body(self._source, self._groups, rows))
        numbers = data.get("ids") if isinstance(data, dict) else None
        if not isinstance(numbers, list) or len(numbers) != len(rows):
            raise Unclear("SkyPortal took it, and did not say under which numbers")
        return numbers

    def _spectra(self, drafts: list[Draft]) -> Outcomes:
        """Send spectra one by one. A repeat would be a second spectrum, so first look which are there."""
        if not drafts:
            return
        if stored.source(self._api, self._source) is None:
            yield from _all(drafts, self._source_is_gone())
            return
        there = stored.Stored(self._api, self._source)
        for each in drafts:
            try:
                yield each.key, self._spectrum(each, there)
            except TooMuch as much:
                reason = f"{much.reason}, and sent without a look it may be there twice. Upload it by hand"
                yield each.key, Rejected(reason=reason)
            except Unclear as unclear:
                yield each.key, Unconfirmed(reason=unclear.reason)
                raise DestinationError(unclear.reason) from None

    def _spectrum(self, draft: Draft, there: stored.Stored) -> Outcome:
        """Send one spectrum that is not there, and once more after a refusal, as photometry."""
        said = ""
        for _ in range(2):
            if name := self._name_of(draft, there):
                return Accepted(remote_id=name) if said else Duplicate(remote_id=name)
            try:
                data = self._api.send("POST", "api/spectrum", body(self._source, self._groups, [draft]))
            except Refused as refused:
                said = refused.reason
                if not self._still_stands():
                    return self._source_is_gone()
                # SkyPortal also refuses when something fails after it has stored the spectrum.
                there = stored.Stored(self._api, self._source)
            else:
                number = data.get("id") if isinstance(data, dict) else None
                return Accepted(remote_id=remote_id(self._source, "spectra", number))
        if name := self._name_of(draft, there):
            return Accepted(remote_id=name)
        return Rejected(reason=f"SkyPortal refuses it: {said}")

    def _name_of(self, draft: Draft, there: stored.Stored) -> str | None:
        """Return the name of a spectrum that is there with these values; None for one that is not."""
        row, same = there.find("spectra", draft.values["origin"], draft.values)
        return remote_id(self._source, "spectra", row.get("id")) if row is not None and same else None

    def _still_stands(self) -> bool:
        """Ask anew for what a refusal may be about other than the records; return False without the source.

        Raises `AuthenticationFailed` when a group is closed to us now.
        """
        self._directory.forget()
        self._directory.groups()
        return stored.source(self._api, self._source) is not None

    def _source_is_gone(self) -> Outcome:
        forget(self._batch)
        reason = f"the source {self._source} is gone there; it is made again before the next try"
        return Deferred(reason=reason)


def _all(drafts: Sequence[Draft], outcome: Outcome) -> Outcomes:
    return ((each.key, outcome) for each in drafts)
