"""The adapter: the code for one kind of destination."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from sharecore.addresses import Address
from sharecore.exceptions import Problem
from sharecore.outcomes import Found, Outcome, Unsupported
from sharecore.records import DataFile, JsonValue, Record, RecordKey
from sharecore.secrets import hide_secrets
from sharecore.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The site that shares. origin: its UUID. name: its display name (`TOM_NAME`)."""

    origin: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic of a destination.

    name: as the destination knows it. note: what a person should know before choosing it.
    """

    name: str
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", hide_secrets(self.name))
        object.__setattr__(self, "note", hide_secrets(self.note))


def _unknown(key: RecordKey) -> object | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The records of one share handed to an adapter in one call, in order of time.

    site, address, target: who shares, where to, and of which object. records: none where a person shares the
    target alone, see `Adapter.ensure_target`, and beside a file.
    shared_by: the user name of who asked for the share; empty when the site did.
    state: what this adapter noted about this target at this destination, JSON values. It may change it;
    the framework keeps it between calls (an id at the receiver, a version).
    previous: for a record that was delivered before with other content, its name at the destination.
    title, message: what a person typed beside a one-time share; empty otherwise.
    relayed_by: for a record that another site gave to this one, the origin of the site that brought it; its
        key names the site that observed it. An adapter that knows the origin of its destination answers
        `Duplicate`, without sending, where one of the two is that.
    target_keys: names of the target that never change, by origin of the site: that of this site, and those of
        sites that have sent it here. No other site than the one that gave it should be told of such a name.
    moved: asked of `find` alone: the records belong to another target by now, and will be sent as its data.
        Of a target that the site does not have any more, names and aliases are all that is told.
        So `Absent` has to mean that this target does not have them: that sending one again to the same target
        does no harm is no answer. An adapter that cannot look returns None.
    original: returns what the site keeps behind the record of a key, as a row of its database, or None. For
        code of the site that an adapter calls, such as a converter class, and never to be sent.
    """

    site: Site
    address: Address
    target: Target
    records: tuple[Record, ...]
    shared_by: str = ""
    state: MutableMapping[str, JsonValue] = field(default_factory=dict)
    previous: Mapping[RecordKey, str | None] = field(default_factory=dict)
    title: str = ""
    message: str = ""
    relayed_by: Mapping[RecordKey, str] = field(default_factory=dict)
    target_keys: Mapping[str, str] = field(default_factory=dict)
    moved: bool = False
    original: Callable[[RecordKey], object | None] = field(default=_unknown, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Exactly what would be sent.

    content_type: a media type as of RFC 6838. body: text. note: what it leaves out, and why. Both are hidden
    when they repeat a credential.
    """

    content_type: str
    body: str
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", hide_secrets(self.body))
        object.__setattr__(self, "note", hide_secrets(self.note))


class Adapter(ABC):
    """One open destination. It lives for many calls, until `close`: one at a time, in threads that change.

    A call that says nothing for too long is given up, and the adapter is not used any more; see `progress`.
    New methods arrive with a default body, so that old adapters keep working.
    """

    can_update: bool = False
    """True when delivering a record again with other content changes or supersedes what is there.

    It may differ between destinations of one kind, and is looked at after `ready`. An adapter that finds out
    only while it delivers that this destination cannot answers `Deferred`.
    """

    takes_files: bool = False
    """True where `deliver_file` sends files; people are offered to share files only then."""

    settle_time: float = 60.0
    """Seconds after which a request without an answer is surely over at the destination. More than zero."""

    batch_window_seconds: float = 0.0
    """Seconds that new records wait for company, where the destination takes one message for many."""

    max_batch: int = 200
    """How many records one call of `deliver` is given at the most, 1 or more. May change between calls."""

    def ready(self) -> None:  # noqa: B027  (an adapter that knows its destination has nothing to ask)
        """Learn what `can_update` depends on, if that is not known.

        May ask the destination. Raises as `deliver`.
        """

    def probe(self, seconds: float) -> bool:
        """After failures: does the destination answer again? False where only a delivery can tell.

        The cheapest request that proves it, within so many seconds and without another try. It is asked every
        few seconds while the destination is down. Raises as `deliver` where it does not answer.
        """
        return False

    @abstractmethod
    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        """Send the records, and yield the key and outcome of each as soon as it is decided.

        One outcome per record, in any order. What was yielded counts, whatever follows. Raises
        `AuthenticationFailed`, `DestinationError` or `TargetRefused` when the call cannot go on: all other
        records were not sent, so one that may have been is yielded as `Unconfirmed` first. After anything
        else that it raises nobody knows what became of them; see `build_each` and `before_sending`.
        """

    def knows_target(self, batch: Batch) -> bool:
        """Return whether the target is known at the destination, as far as was noted. No network.

        While it is not, `ensure_target` is called before `deliver`.
        """
        return True

    def ensure_target(self, batch: Batch) -> None:  # noqa: B027  (most destinations know no targets)
        """Make the target known at the destination, and note in the batch what tells that it is.

        Sends no record. No other call of this site goes to a destination while it makes a target that is not
        known there, so be short. It is also called for a batch without records, when a person shares the
        target: with a title or text only where no data follow, which have them otherwise. Raises as
        `deliver`: nothing was sent then.
        """

    def deliver_file(self, file: DataFile, batch: Batch) -> Outcome:
        """Send one file, and say what became of it. batch: whose it is and who asks; without records.

        After an unknown outcome it is called again, without `find`: sending the same file twice must leave
        one there. Raises as `deliver`, and lets the OSError of a file that cannot be read pass.
        """
        return Unsupported(reason="this destination takes no files", feature="files")

    def describe(self) -> str:
        """How data go there now, in a sentence or two for people who check it. No network."""
        return ""

    def check(self) -> Sequence[Problem]:
        """Ask the destination whether credentials, reachability and rights are as they should be.

        Empty when they are. May take seconds. Raises as `deliver`.
        """
        return ()

    def topics(self) -> Sequence[Topic]:
        """The topics that a share can name; empty when the destination has none. Raises as `deliver`."""
        return ()

    @abstractmethod
    def preview(self, batch: Batch) -> Preview:
        """The exact payload that `deliver` would send. No network."""

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """After an unknown outcome: is each record there, and with which content?

        `Present(content=...)` counts as delivered only where the content is that of the record in the batch;
        with other content the record is sent as an edit. `Absent`: it is sent again. `Rejected` and
        `Unsupported` end it. `Deferred`, `Unconfirmed`, and a record left out of the answer: it is not sent,
        and asked for again later. None: the destination cannot be asked at all; a person has to decide.
        batch: the records as they are now, under the keys under which they were sent.
        Raises as `deliver`; it is asked again later then.
        """
        return None

    def validate(self, batch: Batch) -> Sequence[Problem]:
        """Ask the destination what is wrong with a batch, without storing it there; empty when nothing is.

        Raises as `deliver`.
        """
        return ()

    def link(self, remote_id: str) -> str:
        """The address of a page that shows what a delivery became; empty when there is none. No network.

        remote_id: as `deliver` gave it in `Accepted` or `Duplicate`.
        """
        return ""

    def close(self) -> None:  # noqa: B027  (an adapter without connections has nothing to give back)
        """Give back connections. May be called more than once."""
