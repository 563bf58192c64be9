"""Send one row, and read the answer of the receiver."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Accepted, Deferred, Duplicate, Outcome, Rejected, Unconfirmed, Unsupported
from sharecore_http.failures import Cause, NoAnswer
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.api import Api
from sharecore_tom.compare import altered, differences
from sharecore_tom.listing import Listing, everything
from sharecore_tom.receiver import DATA, Generation
from sharecore_tom.refusals import not_able, refused_fields, words

_STOCK_TYPES = frozenset({"photometry", "spectroscopy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The result of one row."""

    outcome: Outcome | None = None
    """Outcome; None when nothing was done with the row."""
    no_target: bool = False
    """True when the receiver does not know the id of the target."""
    trouble: str = ""
    """Failure of the receiver; empty for none."""
    stop: DestinationError | AuthenticationFailed | None = None
    """Reason why nothing more should be sent in this call."""


class Rows:
    """The rows of one target at the receiver, for one call. Safe for threads."""

    def __init__(self, api: Api, target_id: int, at: Generation) -> None:
        self._api = api
        self._target_id = target_id
        self._at = at
        self._listings: dict[str, Listing] = {}
        self._lock = threading.Lock()

    def send(self, row: Mapping[str, Any]) -> Sent:
        """Send one row (without `target`)."""
        try:
            reply = self._api.send("POST", DATA, {"target": self._target_id, **row})
        except NoAnswer as error:
            # A receiver that hangs will hang on the next as well; one lost connection means little.
            hangs = error.cause is Cause.READ_TIMEOUT
            return Sent(
                outcome=Unconfirmed(reason=error.reason),
                trouble=error.reason,
                stop=DestinationError(f"sending: {error.reason}") if hangs else None,
            )
        except (DestinationError, AuthenticationFailed) as error:
            return Sent(stop=error)
        return self._read(row, reply)

    def has(self, row: Mapping[str, Any]) -> bool:
        """Return whether the receiver lists this row."""
        return self._nearest(row) == []

    def _nearest(self, row: Mapping[str, Any]) -> list[str] | None:
        """Return the differences as `Listing.nearest`; each data type is listed once in a call."""
        data_type = str(row["data_type"])
        with self._lock:
            if data_type not in self._listings:
                self._listings[data_type] = everything(self._api, self._target_id, data_type, self._at)
        return self._listings[data_type].nearest(row)

    def _read(self, row: Mapping[str, Any], reply: Reply) -> Sent:
        if 200 <= reply.status < 300:
            return self._stored(row, reply)
        if reply.status == 400 and reply.is_json:
            fields = refused_fields(reply)
            if "target" in fields:
                return Sent(no_target=True)
            return Sent(outcome=Rejected(reason=f"refused: {words(reply)}", field=next(iter(fields), None)))
        if reply.status in (400, 413, 422):
            # Django answers 400 without JSON to more than 2.5 MB, a server in front of it 413.
            size = len(json.dumps(row)) / 1e6
            hint = "A stock TOM takes 2.5 MB (its DATA_UPLOAD_MAX_MEMORY_SIZE)"
            return Sent(outcome=Rejected(reason=f"refused: {words(reply)}. It has {size:.1f} MB. {hint}"))
        if reply.status in (502, 504):
            # A gateway that got no answer: what is behind it may have stored the row.
            unknown = Unconfirmed(reason=f"HTTP {reply.status} from a gateway")
            return Sent(outcome=unknown, stop=not_able(reply, "sending"))
        if reply.verdict is Verdict.SERVER_ERROR and reply.status != 503:
            return self._failed(row, reply)
        return Sent(stop=not_able(reply, "sending"))

    def _stored(self, row: Mapping[str, Any], reply: Reply) -> Sent:
        answer = reply.json
        if not isinstance(answer, dict) or "value" not in answer:
            reason = f"HTTP {reply.status} with {'unexpected JSON' if reply.is_json else reply.excerpt}"
            return Sent(
                outcome=Unconfirmed(reason=reason),
                stop=DestinationError(f"the answer is not that of a TOM: {reason}. Check 'BASE_URL'."),
            )
        if reply.status == 201:
            changed = altered(row, answer, self._at)
            if not changed:
                return Sent(outcome=Accepted())
            reason = f"stored there with another {', '.join(changed)} than was sent. Ask its operator why"
            return Sent(outcome=Rejected(reason=reason, field=changed[0]))
        # tomtoolkit 3.1.0 shows the first row with this time and band, which need not be the equal one. It
        # also says "already exists" of an invalid row.
        differing: list[str] | None = differences(row, answer, self._at)
        try:
            if differing:
                differing = self._nearest(row)
        except (DestinationError, AuthenticationFailed) as error:
            return Sent(outcome=Unconfirmed(reason=f"said to be there: {error.reason}"), stop=error)
        if differing == []:
            return Sent(outcome=Duplicate())
        how = f"that differs in {', '.join(differing)}" if differing else "that is not listed"
        return Sent(
            outcome=Rejected(
                reason=f"not stored: a row of this time is there {how}",
                field=differing[0] if differing else None,
            )
        )

    def _failed(self, row: Mapping[str, Any], reply: Reply) -> Sent:
        said = words(reply)
        if self._at is Generation.TYPED:
            return Sent(outcome=Deferred(reason=said), trouble=said)
        # A stock 2.x answers so to a row that it has and to a type that it does not know (tomtoolkit 2.32.4).
        try:
            if self.has(row):
                return Sent(outcome=Duplicate())
        except (DestinationError, AuthenticationFailed) as error:
            return Sent(outcome=Unconfirmed(reason=said), stop=error)
        if row["data_type"] in _STOCK_TYPES:
            return Sent(outcome=Deferred(reason=said), trouble=said)
        return Sent(
            outcome=Unsupported(
                reason=f"{said}: most likely its DATA_PRODUCT_TYPES lack {row['data_type']!r}. "
                "Have it added there, then send again",
                feature="data-type",
            )
        )
