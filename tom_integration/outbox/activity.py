"""Write who did what with shares, rules and destinations.

Pages, REST, the admin, commands, workers, and programs that save or delete a share of tomtoolkit all end up
here. `acting` says who does what happens inside it, so that a function in between need not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from tom_targets.models import BaseTarget

from sharecore.addresses import Address
from sharecore.texts import listed, number, one_line
from tom_integration import access, clock
from tom_integration.models import NAME_LENGTH, Activity, Outbox, ShareRule

What = Activity.What
OPERATOR = "the operator"
"""The name of who runs a command."""
_COLUMNS = {
    "filter": "what is shared",
    "until": "its end",
    "release_days": "its release dates",
    "not_before": "its release dates",
    "destination": "its destination",
    "topic": "its destination",
    "name": "its name",
    "existing": "whether existing data go",
    "ends": "whether shares of targets that leave end",
}
"""The columns of shares and rules in words; all others belong to the targets of a rule."""


@dataclass(slots=True)
class _Action:
    """Hold who acts, and since when: all rows of one action have the same time."""

    request: Any = None
    """The request of a web page or program; it is asked for its user late, since REST logs in late."""
    name: str = ""
    rule: ShareRule | None = None
    began: datetime | None = None

    def columns(self, by: Any) -> dict[str, Any]:
        """Return the columns of time, person and rule."""
        self.began = self.began or clock.now()
        user = getattr(self.request, "user", None)
        user = user if user is not None and user.is_authenticated else by
        rule = self.rule
        return {
            "time": self.began,
            "user_id": user.pk if user is not None else None,
            "user_name": (user.get_username() if user is not None else self.name)[:NAME_LENGTH],
            "rule_id": rule.pk if rule is not None else None,
            "rule_name": rule.name if rule is not None else "",
        }


_current: ContextVar[_Action | None] = ContextVar("sharecore_activity", default=None)


@contextmanager
def acting(*, request: Any = None, name: str = "", rule: ShareRule | None = None) -> Iterator[None]:
    """Say who does what happens inside: the user of a request, somebody with a name, a rule."""
    outer = _current.get() or _Action()
    inner = _Action(request or outer.request, name or outer.name, rule or outer.rule)
    token = _current.set(inner)
    try:
        yield
    finally:
        _current.reset(token)


def of_shares(
    what: What, outboxes: Sequence[Outbox], *, detail: str = "", by: Any = None, by_creators: bool = False
) -> list[Activity]:
    """Write what was done with each of these shares, or with what was shared once there; return the rows.

    Args:
        what: what was done.
        outboxes: the outboxes of the shares.
        detail: a sentence, or a part of one, without a name that not everybody may see who sees the share.
        by: the user, where no request says who acts.
        by_creators: the creator of each share acts, unless a rule does.
    """
    if not outboxes:
        return []
    action = _current.get() or _Action()
    by_creators = by_creators and action.rule is None
    columns = action.columns(by) | {"what": what, "detail": one_line(detail)}
    names = _target_names(outboxes)
    creators = _user_names({each.creator_id for each in outboxes}) if by_creators else {}
    return Activity.objects.bulk_create(
        Activity(
            **columns | (_creator(each.creator_id, creators) if by_creators else {}),
            destination=each.destination,
            topic=each.topic,
            target_id=each.target_id,
            target_name=names.get(each.target_id, "")[:NAME_LENGTH],
            share_id=each.share_id,
        )
        for each in outboxes
    )


def of_rule(what: What, rule: ShareRule, *, detail: str = "", by: Any = None) -> Activity:
    """Write what was done with a rule; return the row."""
    with acting(rule=rule):
        return _of_address(what, rule.address, detail, by)


def of_destination(what: What, address: Address, *, detail: str = "", by: Any = None) -> Activity:
    """Write what happened to a destination, or to one topic of it; return the row."""
    return _of_address(what, address, detail, by)


def counted(records: int, word: str = "record") -> str:
    """Return a number of records for a detail; empty where some who see the share may not see each datum."""
    return "" if access.single_data_have_rights() else number(records, word)


def named(columns: Iterable[str]) -> str:
    """Return columns of a share or rule in words."""
    return listed(list(dict.fromkeys(_COLUMNS.get(each, "its targets") for each in columns)), "and")


def _of_address(what: What, address: Address, detail: str, by: Any) -> Activity:
    action = _current.get() or _Action()
    return Activity.objects.create(
        **action.columns(by),
        what=what,
        destination=address.name,
        topic=address.topic,
        detail=one_line(detail),
    )


def _target_names(outboxes: Iterable[Outbox]) -> dict[int, str]:
    """Return the names of targets; of those that are gone, the names at the last call."""
    last = {each.target_id: (each.names or [""])[0] for each in outboxes}
    now = BaseTarget.objects.filter(pk__in=last).values_list("pk", "name")
    return last | dict(now)


def _user_names(pks: set[int | None]) -> dict[int, str]:
    users = get_user_model()._default_manager.in_bulk(pks - {None})
    return {pk: user.get_username() for pk, user in users.items()}


def _creator(pk: int | None, names: dict[int, str]) -> dict[str, Any]:
    return {"user_id": pk, "user_name": names.get(pk, "") if pk is not None else ""}
