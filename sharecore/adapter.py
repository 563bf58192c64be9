"""The adapter: the code for one kind of destination."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sharecore.addresses import Address
from sharecore.exceptions import Problem
from sharecore.outcomes import Found, Outcome, Unsupported, Withdrawal
from sharecore.records import DataFile, JsonValue, Record, RecordKey, Report
from sharecore.reports import ReportField, ReportForm
from sharecore.secrets import hide_secrets
from sharecore.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The site that shares."""

    origin: str
    """UUID of the site."""
    name: str
    """Display name of the site (`TOM_NAME`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic of a destination."""

    name: str
    """Name of the topic, as the destination uses it."""
    note: str = ""
    """Advice for people who choose the topic; empty for none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", hide_secrets(self.name))
        object.__setattr__(self, "note", hide_secrets(self.note))


def _unknown(key: RecordKey) -> object | None:
    """Return None: the batch was made without a look at the database of a site."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The records of one share handed to an adapter in one call, in order of time."""

    site: Site
    """Site that shares."""
    address: Address
    """Destination, and topic where there is one."""
    target: Target
    """Target to which the records belong."""
    records: tuple[Record, ...]
    """Records to send. Empty for a person who shares the target alone (see `Adapter.ensure_target`), and
    beside a file or report.
    """
    shared_by: str = ""
    """User name of the person who shares; empty for a share of the site itself."""
    author: str = ""
    """For `report_forms` alone: the person who reports, named as an author, "Eva Meyer (Observatory)"."""
    state: MutableMapping[str, JsonValue] = field(default_factory=dict)
    """Notes of this adapter about this target at this destination, JSON values (an id at the receiver, a
    version). The adapter may change them; the framework keeps them between calls.
    """
    previous: Mapping[RecordKey, str | None] = field(default_factory=dict)
    """Name at the destination of each record that was delivered before with other content, for `withdraw` of
    each record to be withdrawn; None for an unknown name.
    """
    title: str = ""
    """Title that a person typed beside a one-time share; empty otherwise."""
    message: str = ""
    """Text that a person typed beside a one-time share; empty otherwise."""
    values: Mapping[str, JsonValue] = field(default_factory=dict)
    """Values that a person filled in beside a one-time share, by name of the field of `share_fields`, in the
    form that its `FieldType` says; blank fields are left out.
    """
    relayed_by: Mapping[RecordKey, str] = field(default_factory=dict)
    """Origin of the site that passed a record on, for each record that came from another site. The key of the
    record names the site that observed it. An adapter that knows the origin of its destination answers
    `Duplicate`, without sending, where one of the two is that origin.
    """
    target_keys: Mapping[str, str] = field(default_factory=dict)
    """Names of the target that never change, by origin of the site that gave them. Tell a site only the name
    that it gave itself, and that of this site.
    """
    moved: bool = False
    """True for `find` and `follow` alone: the records belong to another target now, and will be sent as data
    of that one. `Absent` must then mean that this target does not have the record; that a second delivery to
    the same target does no harm is no answer. An adapter that cannot look returns None. Of a target that
    the site no longer has, only names and aliases are filled.
    """
    sent_at: Mapping[RecordKey, datetime] = field(default_factory=dict)
    """For `find` and `follow`: the time of the last call with each record, aware, by the clock of the site. A
    record without one was sent at an unknown time.
    """
    original: Callable[[RecordKey], object | None] = field(default=_unknown, repr=False, compare=False)
    """Return the object behind the record of a key, such as a row of the database of the site, or None. For
    code of the site that an adapter calls, such as a converter class; never send it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The exact content that would be sent. A text that repeats a credential is hidden."""

    content_type: str
    """Media type, as of RFC 6838."""
    body: str
    """Content, as text."""
    note: str = ""
    """Data that the content leaves out, and the reason; empty for none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", hide_secrets(self.body))
        object.__setattr__(self, "note", hide_secrets(self.note))


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTest:
    """What came back from a test. A text that repeats a credential is hidden."""

    reply: str
    """What the destination did with the test, or answered, in a sentence or two for people."""
    problems: tuple[Problem, ...] = ()
    """Problems that the destination found in the test."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reply", hide_secrets(self.reply))


class Adapter(ABC):
    """One open destination, for many calls until `close`: one call at a time, in threads that change.

    A call that reports no progress for too long is given up, and the adapter is not used any more; see
    `progress`. New methods arrive with a default body, so that old adapters keep working.
    """

    can_update: bool = False
    """True when a record that is delivered again with other content changes or supersedes the stored one.

    May differ between destinations of one kind; read after `ready`. An adapter that learns only during a
    delivery that this destination cannot update answers `Deferred`.
    """

    can_withdraw: bool = False
    """True when `withdraw` can withdraw delivered records; only then do pages offer it."""

    takes_records: bool = True
    """False for a destination that takes reports alone: no share of data is offered there, and each record is
    `Unsupported` before a person is asked to approve it.
    """

    takes_files: bool = False
    """True when `deliver_file` sends files; only then are files offered for sharing."""

    takes_reports: bool = False
    """True when `report_forms` gives forms; only then are reports offered."""

    takes_tests: bool = False
    """True when `send_test` sends one; only then are people offered to.

    May differ between destinations of one kind; read after `check` and after deliveries.
    """

    settle_time: float = 60.0
    """Seconds after which the destination has surely finished a request that got no answer. More than zero.
    """

    batch_window_seconds: float = 0.0
    """Seconds that new records wait for others, for a destination that takes one message for many records."""

    max_batch: int = 200
    """Largest number of records in one call of `deliver`, 1 or more. May change between calls."""

    check_tests: str = ""
    """What `check` tests, in a few words that follow "Checked:", such as "the log-in, and the right to add
    data". Empty where nothing can be checked.
    """

    def ready(self) -> None:  # noqa: B027  (an adapter that knows its destination has nothing to ask)
        """Find out whether the destination can update, where `can_update` is not known yet.

        May ask the destination. Raises the exceptions of `deliver`.
        """

    def probe(self, seconds: float) -> bool:
        """Return True when a destination that failed answers again, False when only a delivery can tell.

        Make the cheapest request that proves it, once, within `seconds`. Called every few seconds while the
        destination is down. Raises the exceptions of `deliver` when the destination does not answer.
        """
        return False

    @abstractmethod
    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        """Send the records, and yield the key and outcome of each as soon as it is decided.

        Yield one outcome per record, in any order. Outcomes that were yielded count, whatever follows.

        To end a call that cannot go on, raise one of the exceptions below. All records without an outcome
        then count as not sent, so first yield `Unconfirmed` for a record that may have been sent. After any
        other exception the fate of these records is unknown; see `build_each` and `before_sending`.

        Raises:
            AuthenticationFailed: the destination refuses the credentials.
            DestinationError: the destination takes nothing now.
            TargetRefused: the destination does not take the target.
        """

    def knows_target(self, batch: Batch) -> bool:
        """Return whether the destination has the target, as far as the notes in the batch say. No network.

        While it returns False, `ensure_target` is called before `deliver`.
        """
        return True

    def ensure_target(self, batch: Batch) -> None:  # noqa: B027  (most destinations know no targets)
        """Make the target known at the destination, and note in `batch.state` that it is.

        Send no record. While a new target is made, no other call of this site goes to the destination, so be
        short. Also called for a batch without records, when a person shares the target; title and text come
        with it only where no data follow. Raises the exceptions of `deliver`; nothing was sent then.
        """

    def deliver_file(self, file: DataFile, batch: Batch) -> Outcome:
        """Send one file, and return its outcome.

        Called again after an unknown outcome, without `find`: the same file sent twice must be there once.
        After `Submitted`, `follow` is called. Raises the exceptions of `deliver`, and lets the OSError of an
        unreadable file pass.

        Args:
            file: file to send.
            batch: target of the file and person who shares it; without records.
        """
        return Unsupported(reason="this destination takes no files", feature="files")

    def share_fields(self) -> Sequence[ReportField]:
        """Return the fields that a person can fill in beside a one-time share, such as the message that it
        replies to, each with a name of its own.

        The types of records are not for them. No network. See `Batch.values`.
        """
        return ()

    def check_values(self, batch: Batch) -> Sequence[Problem]:
        """Return what is wrong with `Batch.values`, for a person who is about to share once; empty when they
        are right, as blank ones are.

        `Problem.where` is the name of the field. May ask the destination. Raises the exceptions of `deliver`;
        the values are kept then, and a wrong one is to fail in `deliver`.

        Args:
            batch: target, topic and values, without records.
        """
        return ()

    def report_forms(self, batch: Batch) -> Sequence[ReportForm]:
        """Return the forms of the reports that can be made about the target, filled in as far as its data
        tell.

        Each is a new form; may ask the destination for lists of choices. Raises the exceptions of `deliver`.

        Args:
            batch: target, and the records that the person may see. Of many of a kind: the first, the last,
                and those before the first detection.
        """
        return ()

    def check_report(self, report: Report, batch: Batch) -> Sequence[Problem]:
        """Return what the destination demands and the report does not have. No network.

        `Problem.where` is the name of the field, or empty for the report as a whole.
        """
        return ()

    def similar_reports(self, report: Report, batch: Batch) -> Sequence[str]:
        """Return a sentence for each thing that the destination has already and that may be the same
        ("AT 2026abc is 0.4 arcsec away"), for a person who decides whether to report.

        May ask the destination. Raises the exceptions of `deliver`.
        """
        return ()

    def preview_report(self, report: Report, batch: Batch) -> Preview:
        """Return the exact content that `deliver_report` would send. No network."""
        raise NotImplementedError

    def deliver_report(self, report: Report, batch: Batch) -> Outcome:
        """Send one report, and return its outcome; `Rejected.field` is the name of the field to blame.

        Called again only where the report certainly is not at the destination: after `Deferred`, an exception
        of `deliver`, or `Absent` from `find_report`. Raises the exceptions of `deliver`.

        Args:
            report: report to send.
            batch: target of the report and person who made it; without records.
        """
        return Unsupported(reason="this destination takes no reports", feature="reports")

    def find_report(self, report: Report, batch: Batch) -> Found | None:
        """Look up, after an unknown outcome, whether the report is at the destination.

        `Present`, with any content, ends the search; only after `Absent` the report is sent again, so say so
        only where it surely is not there and cannot arrive any more. None when the destination cannot tell:
        then a person decides. Raises the exceptions of `deliver`; the look-up is repeated later then.
        """
        return None

    def describe(self) -> str:
        """Return a sentence or two on how data go to the destination now, for people who check it. No
        network.
        """
        return ""

    def check(self) -> Sequence[Problem]:
        """Ask the destination whether credentials, address and rights are right; return the problems.

        May take seconds. Raises the exceptions of `deliver`.
        """
        return ()

    def topics(self) -> Sequence[Topic]:
        """Return the topics that a share can name; empty for none. Raises the exceptions of `deliver`."""
        return ()

    @abstractmethod
    def preview(self, batch: Batch) -> Preview:
        """Return the exact content that `deliver` would send. No network."""

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """Look up, after an unknown outcome, whether each record is at the destination, and with which
        content.

        Return an answer for each record, or None when the destination cannot be asked at all; then a person
        decides. A batch without records asks just that, before a replay: where sending again would make
        doubles, return None.

        * `Present(content=...)`: delivered when the content is that of the record in the batch, else an edit.
        * `Absent`: sent again.
        * `Rejected`, `Unsupported`: final.
        * `Deferred`, `Unconfirmed`, or no answer for the record: not sent, and looked up again later.

        The batch holds the records as they are now, under the keys under which they were sent. Raises the
        exceptions of `deliver`; the look-up is repeated later then.
        """
        return None

    def follow(self, batch: Batch, tickets: Mapping[RecordKey, str]) -> Iterator[tuple[RecordKey, Outcome]]:
        """Ask what became of records that were `Submitted`, and yield key and outcome of each that has one.

        Send nothing. Called when the time of `ask_after` has come, also for records of several calls.

        * `Accepted`, `Duplicate`, `Rejected`, `Unsupported`: final.
        * `Submitted`: not yet; asked again later, under its ticket. After a week a person decides.
        * `Deferred`: thrown away there, and certainly not stored; sent again later.
        * `Unconfirmed`: the destination does not know; looked up by `find`.
        * No answer for the record: asked again on the retry schedule, not sent. At its end a person decides.

        Raises the exceptions of `deliver`; what was yielded counts, and the question is repeated later.

        Args:
            batch: target and notes, as for `deliver`, without records: data may have been edited or deleted
                since.
            tickets: ticket of each record, or file, in question.
        """
        return iter(())

    def withdraw(self, batch: Batch, reason: str) -> Iterator[tuple[RecordKey, Withdrawal]]:
        """Withdraw delivered records, so that the destination does not show them any more, and yield key and
        answer of each.

        Records with the same name there are withdrawn together, always.

        * `Withdrawn`: it is gone, or was gone already: withdrawing twice does no harm.
        * `Rejected`, `Unsupported`: final; the record stays there.
        * `Deferred`, `Unconfirmed`, or no answer for the record: asked again on the retry schedule.

        Raises the exceptions of `deliver`; what was yielded counts, and the rest is asked again later.

        Args:
            batch: target and notes, as for `deliver`, without records: data may have been edited or deleted
                since. `previous` has the key of each record that is to be withdrawn, with its name there.
            reason: reason that a person gave, one line for people.
        """
        reason = "nothing can be withdrawn from this destination"
        return ((key, Unsupported(reason=reason, feature="withdraw")) for key in batch.previous)

    def validate(self, batch: Batch) -> Sequence[Problem]:
        """Ask the destination for problems of a batch, without storing it there; empty when there are none.

        Raises the exceptions of `deliver`.
        """
        return ()

    def send_test(self, batch: Batch) -> SentTest | None:
        """Send a test that does no harm, and return what came back; None where none can be taken, as
        `takes_tests` then says.

        A test is marked as such wherever a person or a program meets it, and delivers nothing: it makes no
        target, and its record can still be delivered. Where the destination can examine a batch without
        storing it, let it do that. Raises the exceptions of `deliver`.

        Args:
            batch: target and record that are made for the test.
        """
        return None

    def tell(self, title: str, text: str) -> bool:
        """Show people a text that belongs to no target, such as a problem of sharing; return True when it was
        taken, False where no person would read it. Raises the exceptions of `deliver`.

        Args:
            title: its first line.
            text: the other lines, plain text.
        """
        return False

    def link(self, remote_id: str) -> str:
        """Return the address of a page that shows a delivered record; empty when there is none. No network.

        Args:
            remote_id: name that `deliver` gave in `Accepted` or `Duplicate`.
        """
        return ""

    def close(self) -> None:  # noqa: B027  (an adapter without connections has nothing to close)
        """Close connections. May be called more than once."""
