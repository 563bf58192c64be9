"""A destination in memory: stores what it receives, and answers as a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sharecore.adapter import Batch, SentTest, Topic
from sharecore.call_delay import delay_next_call
from sharecore.exceptions import DeliveryError, Problem
from sharecore.identity import fingerprint
from sharecore.outcomes import (
    Absent,
    Accepted,
    Deferred,
    Duplicate,
    Found,
    Outcome,
    Present,
    Submitted,
    Unconfirmed,
    Withdrawal,
    Withdrawn,
)
from sharecore.records import DataFile, Record, RecordKey, Report
from sharecore.reports import ReportField, ReportForm
from sharecore.targets import Target

Answer = Outcome | BaseException | Callable[[Record], Outcome]
"""An outcome, an exception that the adapter raises, or a function of the record that returns an outcome."""


@dataclass(slots=True, eq=False)
class _Rule:
    answer: Answer
    left: float
    where: Callable[[Record], bool]
    stores: bool


class MemoryDestination:
    """A destination in memory. It outlives its adapters, which come and go with threads and settings.

    Attributes:
        calls: batches of each call of `deliver`.
        received: records that were stored or taken for processing, in order, one entry for each delivery.
        introduced: targets that were made known.
        looked_up: batches of each call of `find`.
        can_update: whether a record with other content replaces the stored one.
        can_tell: whether the destination can be asked for its records.
        find_fails: exception that a look-up raises; None for none.
        find_answers: answers of the next look-ups, one for each record, in place of the stored records.
        answers_later: whether records are taken for processing, and stored by `process`.
        ask_after: seconds, as of `Submitted`.
        followed: tickets of each call of `follow`.
        follow_fails: exception that a question for outcomes raises; None for none.
        follow_answers: answers to the next questions, one for each record, in place of the true ones; None
            for no answer.
        delay: seconds before the next call that each delivery asks for; 0 for none.
        target_name: name that the destination gives the target; None for none.
        problems: answer to a check.
        topics: answer to the question for topics.
        test_answer: answer to a test; None for a destination that cannot take one, an exception to raise it.
        tests: batches of the tests.
        files: content of each stored file, by digest.
        file_answers: answers to the next files; None for the usual one.
        share_fields: fields beside a one-time share.
        value_problems: answer to the check of what is filled in there, or its exception.
        forms: forms of the reports that it takes; set them before the destination is opened.
        reports: reports that arrived, by name there.
        report_answers: answers to the next reports; None for the usual one. `Unconfirmed` for one that
            arrives all the same.
        report_problems: answer to the check of a report.
        similar: answer to the question for what is there already.
        forms_fail: exception that the question for forms raises; None for none.
        opened: number of adapters opened.
        closed: number of adapters closed.
        refused: passwords that are refused.
        asked: name and password of each call that a destination over a network would get.
        makes_targets: whether a target must be made known before its records come.
        target_fails: exception that `ensure_target` raises; None for none.
        settle_time: seconds, as of `Adapter`; set it before the destination is opened.
        batch_window_seconds: seconds, as of `Adapter`; set it before the destination is opened.
        max_batch: number of records, as of `Adapter`; set it before the destination is opened.
        takes_records: as of `Adapter`; set it before the destination is opened.
        takes_files: as of `Adapter`; set it before the destination is opened.
        can_withdraw: as of `Adapter`; set it before the destination is opened.
        withdrawn: reasons of the calls of `withdraw`, with the names of the records.
        withdraw_answers: answers of the next withdrawals, one for each record; None for no answer.
        withdraw_fails: exception that a withdrawal raises; None for none.
    """

    def __init__(self) -> None:
        self.can_update = False
        self.can_tell = True
        self.find_fails: BaseException | None = None
        self.find_answers: list[Found] = []
        self.settle_time = 60.0
        self.batch_window_seconds = 0.0
        self.max_batch = 200
        self.takes_records = True
        self.takes_files = False
        self.can_withdraw = False
        self.withdrawn: list[tuple[str, Mapping[RecordKey, str | None]]] = []
        self.withdraw_answers: list[Withdrawal | None] = []
        self.withdraw_fails: BaseException | None = None
        self.makes_targets = False
        self.target_fails: BaseException | None = None
        self.files: dict[str, tuple[DataFile, bytes]] = {}
        self.file_answers: list[Outcome | BaseException | None] = []
        self.share_fields: Sequence[ReportField] = ()
        self.value_problems: Sequence[Problem] | DeliveryError = ()
        self.forms: Sequence[ReportForm] = ()
        self.forms_fail: BaseException | None = None
        self.reports: dict[str, Report] = {}
        self.report_answers: list[Outcome | BaseException | None] = []
        self.report_problems: Sequence[Problem] = ()
        self.similar: Sequence[str] = ()
        self.answers_later = False
        self.ask_after = 60.0
        self.followed: list[Mapping[RecordKey, str]] = []
        self.follow_fails: BaseException | None = None
        self.follow_answers: list[Outcome | None] = []
        self.delay = 0.0
        self.target_name: str | None = None
        self.problems: Sequence[Problem] = ()
        self.topics: Sequence[Topic] = ()
        self.test_answer: SentTest | BaseException | None = None
        self.tests: list[Batch] = []
        self.calls: list[Batch] = []
        self.looked_up: list[Batch] = []
        self.received: list[Record] = []
        self.introduced: list[Target] = []
        self.opened = 0
        self.closed = 0
        self.refused: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self._rules: list[_Rule] = []
        self._stored: dict[RecordKey, tuple[str, Record]] = {}
        self._processing: dict[RecordKey, Record] = {}
        self._processed: dict[RecordKey, Outcome] = {}

    def will(
        self,
        answer: Answer,
        *,
        times: float = float("inf"),
        where: Callable[[Record], bool] = lambda record: True,
        stores: bool = False,
    ) -> None:
        """Answer so from now on, for the next `times` records; earlier rules that match go first.

        An exception is raised when the batch reaches such a record; also by a target that comes without
        records.

        Args:
            answer: answer to give.
            times: number of records; None for all.
            where: return True for a record that the rule is for.
            stores: store the record all the same, as a destination does whose answer is lost.
        """
        self._rules.append(_Rule(answer, times, where, stores))

    def recover(self) -> None:
        """Forget all rules: from now on everything is accepted."""
        self._rules.clear()
        self.find_fails = None
        self.follow_fails = None
        self.withdraw_fails = None
        self.target_fails = None

    def process(self) -> None:
        """Store all that was taken for processing; the next question tells so."""
        for key, record in self._processing.items():
            self._processed[key] = self._keep(record)
        self._processing.clear()

    def throw_away(self) -> None:
        """Throw away all that was taken for processing; the next question tells so."""
        for key, record in self._processing.items():
            self._processed[key] = Deferred(reason="thrown away")
            self.received.remove(record)
        self._processing.clear()

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the stored records, one for each key, in order of first arrival."""
        return tuple(record for _, record in self._stored.values())

    @property
    def repeated(self) -> tuple[Record, ...]:
        """Return the records that arrived more than once with the same content of the same key: a fault of
        the sender.
        """
        seen: set[tuple[RecordKey, str]] = set()
        again: list[Record] = []
        for record in self.received:
            mark = (record.key, fingerprint(record))
            if mark in seen:
                again.append(record)
            seen.add(mark)
        return tuple(again)

    def delete(self, record: Record) -> None:
        """Delete a stored record, as a person at the destination does."""
        self._stored.pop(record.key, None)

    def make_known(self, batch: Batch) -> None:
        """Make a target known, for the adapter. Raises `target_fails`, or the exception of a rule."""
        if self.target_fails is not None:
            raise self.target_fails
        if not batch.records:
            self._raise_if_told()
        self.introduced.append(batch.target)

    def take(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        """Take a batch, for the adapter. Raises the exception of a rule."""
        self.calls.append(batch)
        if self.delay:
            delay_next_call(self.delay)
        for record in batch.records:
            rule = self._rule(record)
            if rule is None:
                yield record.key, self._submit(record) if self.answers_later else self.store(record)
                continue
            if rule.stores:
                self.store(record)
            if isinstance(rule.answer, BaseException):
                raise rule.answer
            yield record.key, rule.answer(record) if callable(rule.answer) else rule.answer

    def take_file(self, file: DataFile, batch: Batch) -> Outcome:
        """Take a file, for the adapter. Its content is stored by digest, so that it is there once.

        Answers with the next of `file_answers`, if there is one, and raises it where it is an exception.
        """
        self.calls.append(batch)
        answer = self.file_answers.pop(0) if self.file_answers else None
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None:
            return answer
        with file.open() as stream:
            content = stream.read()
        known = file.sha256 in self.files
        self.files[file.sha256] = (file, content)
        return Duplicate(remote_id=file.name) if known else Accepted(remote_id=file.name)

    def take_report(self, report: Report, batch: Batch) -> Outcome:
        """Take a report, for the adapter. Each that comes is stored, as a destination does without names.

        Answers with the next of `report_answers`, if there is one, and raises it where it is an exception.
        """
        self.calls.append(batch)
        answer = self.report_answers.pop(0) if self.report_answers else None
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None and not isinstance(answer, Unconfirmed):
            return answer
        name = f"report-{len(self.reports) + 1}"
        self.reports[name] = report
        return answer or Accepted(remote_id=name)

    def find_report(self, report: Report, batch: Batch) -> Found | None:
        """Look a report up, for the adapter. Raises `find_fails`."""
        self.looked_up.append(batch)
        if self.find_fails is not None:
            raise self.find_fails
        if not self.can_tell:
            return None
        if self.find_answers:
            return self.find_answers.pop(0)
        names = [name for name, there in self.reports.items() if there.key == report.key]
        return Present(content=self.reports[names[0]], remote_id=names[0]) if names else Absent()

    def find(self, batch: Batch) -> dict[RecordKey, Found] | None:
        """Look up the records of a batch, for the adapter. Raises `find_fails`."""
        self.looked_up.append(batch)
        if self.find_fails is not None:
            raise self.find_fails
        if not self.can_tell:
            return None
        return {record.key: self._found(record) for record in batch.records}

    def follow(self, batch: Batch, tickets: Mapping[RecordKey, str]) -> Iterator[tuple[RecordKey, Outcome]]:
        """Tell what became of records, for the adapter. Raises `follow_fails`."""
        self.followed.append(tickets)
        if self.follow_fails is not None:
            raise self.follow_fails
        for key, ticket in tickets.items():
            if self.follow_answers:
                answer = self.follow_answers.pop(0)
            elif key in self._processing:
                answer = Submitted(ticket=ticket, ask_after=self.ask_after)
            else:
                answer = self._processed.get(key)
            if answer is not None:
                yield key, answer

    def withdraw(self, batch: Batch, reason: str) -> Iterator[tuple[RecordKey, Withdrawal]]:
        """Withdraw records, for the adapter. Raises `withdraw_fails`."""
        self.withdrawn.append((reason, batch.previous))
        if self.withdraw_fails is not None:
            raise self.withdraw_fails
        for key in batch.previous:
            answer = self.withdraw_answers.pop(0) if self.withdraw_answers else Withdrawn()
            if isinstance(answer, Withdrawn):
                self._stored.pop(key, None)
            if answer is not None:
                yield key, answer

    def take_test(self, batch: Batch) -> SentTest | None:
        """Take a test, for the adapter. Raises `test_answer` where it is an exception."""
        self.tests.append(batch)
        if isinstance(self.test_answer, BaseException):
            raise self.test_answer
        return self.test_answer

    def _found(self, record: Record) -> Found:
        if self.find_answers:
            return self.find_answers.pop(0)
        if record.key in self._processing:
            return Deferred(reason="it is being processed")
        if record.key not in self._stored:
            return Absent()
        remote_id, stored = self._stored[record.key]
        return Present(content=stored, remote_id=remote_id, target_name=self.target_name)

    def _rule(self, record: Record) -> _Rule | None:
        for rule in self._rules:
            if rule.left > 0 and rule.where(record):
                rule.left -= 1
                return rule
        return None

    def _raise_if_told(self) -> None:
        for rule in self._rules:
            if rule.left > 0 and isinstance(rule.answer, BaseException):
                rule.left -= 1
                raise rule.answer

    def _submit(self, record: Record) -> Outcome:
        self.received.append(record)
        self._processing[record.key] = record
        return Submitted(ticket=f"ticket-{len(self.calls)}", ask_after=self.ask_after)

    def store(self, record: Record) -> Outcome:
        """Store a record that arrives, and return the outcome; also for a rule whose answer is a function."""
        self.received.append(record)
        return self._keep(record)

    def _keep(self, record: Record) -> Outcome:
        known = self._stored.get(record.key)
        remote_id = known[0] if known else f"memory-{len(self._stored) + 1}"
        self._stored[record.key] = (remote_id, record)
        if known and fingerprint(known[1]) == fingerprint(record):
            return Duplicate(remote_id=remote_id, target_name=self.target_name)
        return Accepted(remote_id=remote_id, target_name=self.target_name)
