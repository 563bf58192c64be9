"""Who may do what, as tables: actors, requests, and what the rule says of each pair.

The rule (`tom_integration.access`): the right of that name on the share, from the user or a group,
globally or for this share, and `change_target` on the target. Nothing here asks the code that is tested.

The pages are in `matrix_pages`, the REST API is here. The management command asks for no rights: who can run
it has the settings and the database in hand.

To add a page: append a `Row` to a list and give it to `check` in a test like those of
`test_permission_matrix.py`. `shows` says how each verdict looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import product
from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import transaction
from django.test import Client
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import DataProduct
from tom_targets.base_models import get_target_model_app_label
from tom_targets.models import TargetList, get_target_model_class

from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.reports import FieldType, ReportField, ReportForm
from tom.versions_check import read
from tom_integration.mapping.shareable_rows import CHOSEN_MODELS
from tom_integration.models import Attempt, Call, Delivery, OneTimeShare, Outbox, Report
from tom_integration.outbox import open_outboxes

ACTIONS = ("view", "add", "change", "delete")


NIGHT = datetime(2026, 3, 1, tzinfo=UTC)


class Verdict(Enum):
    """What becomes of a request."""

    DONE = "done"
    UNKNOWN = "nobody knows who asks"
    REFUSED = "the user has not that right"
    HIDDEN = "as if it did not exist"
    INVALID = "the target that is named does not exist for the user"


REST: Mapping[Verdict, tuple[int, ...]] = {
    Verdict.DONE: (200, 201, 204),
    Verdict.UNKNOWN: (401,),
    Verdict.REFUSED: (403,),
    Verdict.HIDDEN: (404,),
    Verdict.INVALID: (400,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One user. everywhere, by_group, on_share: the rights on shares that they have so.

    target: how they have `change_target` on the share's target ("", "user", "group" or "everywhere").
    """

    name: str
    everywhere: frozenset[str] = frozenset()
    by_group: frozenset[str] = frozenset()
    on_share: frozenset[str] = frozenset()
    target: str = ""
    other_target: bool = False
    known: bool = True
    active: bool = True
    superuser: bool = False
    approves: bool = False

    def holds(self, action: str) -> bool:
        """Has this right been given to them at all? `add` for one share means nothing: that one is made."""
        if not self.known or not self.active:
            return False
        if action == "approve":
            return self.superuser or self.approves
        given = self.everywhere | self.by_group | (self.on_share - {"add"})
        return self.superuser or action in given

    def holds_everywhere(self, action: str) -> bool:
        """Has this right been given to them on all shares?"""
        return self.superuser or action in self.everywhere | self.by_group

    @property
    def changes_target(self) -> bool:
        """May they change the share's target?"""
        return self.known and self.active and (self.superuser or bool(self.target))

    def can(self, action: str) -> bool:
        """May they do this to the share?"""
        return self.holds(action) and self.changes_target

    def can_with_ledger(self, action: str) -> bool:
        """May they do this with what was shared once, or by a share that is gone?"""
        return self.changes_target and self.holds_everywhere(action)

    def client(self, world: World) -> Client:
        """A browser, or a program, in which this user has logged in."""
        client = Client()
        if self.known:
            client.force_login(self.user(world))
        return client

    def user(self, world: World) -> Any:
        """Their account, made now."""
        if not self.known:
            return AnonymousUser()
        user = User.objects.create_user(self.name.replace(" ", "-"), is_superuser=self.superuser)
        group = Group.objects.create(name="astronomers")
        user.groups.add(group)
        for action in self.everywhere:
            assign_perm(f"tom_targets.{action}_persistentshare", user)
        if self.approves:
            assign_perm("sharecore.approve_share", group)
        for action in self.by_group:
            assign_perm(f"tom_targets.{action}_persistentshare", group)
        for action in self.on_share:
            assign_perm(f"tom_targets.{action}_persistentshare", user, world.share)
        change = f"{get_target_model_app_label()}.change_target"
        match self.target:
            case "user":
                assign_perm(change, user, world.target)
            case "group":
                assign_perm(change, group, world.target)
            case "everywhere":
                assign_perm(change, group)
        if self.other_target:
            assign_perm(change, user, world.other)
        for kind in CHOSEN_MODELS:
            assign_perm(f"tom_dataproducts.view_{kind}", user)
        assign_perm("tom_targets.view_targetlist", user)
        if not self.active:
            User.objects.filter(pk=user.pk).update(is_active=False)
        return User.objects.get(pk=user.pk)


def actors() -> Iterator[Actor]:
    """All of them, with and without `change_target`."""
    every = frozenset(ACTIONS)
    yield Actor(name="anonymous", known=False)
    for target in ("", "user"):
        how = "with change_target" if target else "without"
        yield Actor(name=f"plain {how}", target=target)
        yield Actor(name=f"everything {how}", everywhere=every, target=target)
        for action in ACTIONS:
            one = frozenset({action})
            yield Actor(name=f"{action} {how}", everywhere=one, target=target)
            yield Actor(name=f"{action} by group {how}", by_group=one, target=target)
            yield Actor(name=f"{action} on the share {how}", on_share=one, target=target)
        yield Actor(name=f"approver {how}", approves=True, target=target)
        yield Actor(name=f"all but view {how}", everywhere=every - {"view"}, target=target)
    yield Actor(name="target by group", everywhere=every, target="group")
    yield Actor(name="every target", by_group=every, target="everywhere")
    yield Actor(name="owner of another target", everywhere=every, other_target=True)
    yield Actor(name="inactive", everywhere=every, target="user", active=False)
    yield Actor(name="superuser", superuser=True)
    yield Actor(name="inactive superuser", superuser=True, active=False)


def few_actors() -> list[Actor]:
    """Those that are asked again where a TOM is set up in another way."""
    names = ("anonymous", "everything with change_target", "owner of another target")
    return [actor for actor in actors() if actor.name in names]


@dataclass(slots=True)
class World:
    """A share of a target, with a record that nobody knows the fate of; and a target that has no share.

    once: where somebody else shared the target by hand; one_time: a delivery there, and waiting: one that
    waits for approval. product, group, report: of the target. secrets: what only those may read who may view
    the share; once_secrets: who may view all shares.
    """

    target: Any
    other: Any
    share: Any
    outbox: Outbox
    delivery: Any
    once: Outbox
    one_time: Delivery
    product: DataProduct
    group: TargetList
    waiting: Delivery
    report: Report
    secrets: tuple[str, ...] = ("hidden-hand", "untold")
    once_secrets: tuple[str, ...] = ("undisclosed",)

    def places(self) -> dict[str, int]:
        """What stands in the paths of rows."""
        return {
            "share": self.share.pk,
            "target": self.target.pk,
            "delivery": self.delivery.pk,
            "attempt": Attempt.objects.get(delivery=self.delivery).pk,
            "one_time": self.one_time.pk,
            "outbox": self.outbox.pk,
            "once": self.once.pk,
            "product": self.product.pk,
            "group": self.group.pk,
            "waiting": self.waiting.pk,
            "report": self.report.pk,
        }

    def state(self) -> tuple[Any, ...]:
        """All that a request could have changed."""
        return tuple(read(query) for query in _STATE)


_STATE = (
    "SELECT * FROM tom_targets_persistentshare ORDER BY id",
    "SELECT destination, target_id, share_id, creator_id, filter, until, paused, replay"
    " FROM sharecore_outbox ORDER BY id",
    "SELECT id, state, reason FROM sharecore_delivery ORDER BY id",
    "SELECT * FROM sharecore_onetimeshare ORDER BY id",
    "SELECT * FROM sharecore_report ORDER BY id",
)


def make_world(tom: Any, *, permissions: str = "PRIVATE") -> World:
    """tom: the fixture. permissions: of the target; one that is open to all gives nobody rights to shares."""
    names = {"type": "SIDEREAL", "ra": 10.0, "dec": -20.0, "permissions": permissions}
    model = get_target_model_class()
    target = model.objects.create(name="Unannounced-1987", **names)
    other = model.objects.create(name="Elsewhere", **names)
    share = tom.share(target, user=User.objects.create_user("hidden-hand", is_superuser=True))
    product = DataProduct.objects.create(target=target, product_id="night", data="night.csv")
    datum = tom.datum(target, data_product=product)
    tom.deliver(after=60)
    row = tom.row(datum)
    Delivery.objects.filter(pk=row.pk).update(state=State.NEEDS_REVIEW, reason="an untold reason")
    exchange = {"method": "POST", "url": "https://untold.example.org/", "status": 400, "seconds": 0.5}
    exchange |= {"sent": "untold data", "answered": "an untold reply", "started": NIGHT.isoformat()}
    call = Call.objects.create(outbox=row.outbox, started=NIGHT, requests=1, exchanges=[exchange])
    Attempt.objects.filter(delivery=row).update(call=call)
    Outbox.objects.update(problem="an untold problem")
    once = open_outboxes.open_outbox(Address("y"), target.pk)
    asked = OneTimeShare.objects.create(outbox_id=once.pk, title="undisclosed", user_id=share.user_id)
    open_outboxes.ask_for(once, one_time_share=asked)
    one_time = tom.row(datum, "y")
    Delivery.objects.filter(pk=one_time.pk).update(
        state=State.NEEDS_REVIEW, reason="an undisclosed reason", sent_at=tom.clock()
    )
    group = TargetList.objects.create(name="Tonight")
    group.targets.add(target)
    unread = tom.datum(target)
    waiting = Delivery.objects.create(
        outbox=once,
        destination="y",
        model=row.model,
        datum_pk=unread.pk,
        timestamp=unread.timestamp,
        kind="photometry",
        state=State.TO_APPROVE,
        asked="a" * 64,
    )
    field = ReportField(name="text", label="Text", type=FieldType.TEXT)
    tom.y.forms = [ReportForm(name="note", label="Note", fields=(field,))]
    report = Report.objects.create(
        destination="y", target_id=target.pk, form="note", label="undisclosed", created=tom.clock()
    )
    return World(target, other, share, row.outbox, row, once, one_time, product, group, waiting, report)


_TOKEN = re.compile(r"[A-Za-z0-9]{64}")
"""A CSRF token, masked anew in each answer."""

Body = Callable[[World], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A request. path: with the places of the world. action: the right that it needs, "one or another", or
    (of a share) "one and another".

    scope: what it is about, and so what a refusal looks like: "list" (whatever the user may see),
    "destination" (whatever the user may change there), "target" (of one target), "targets" (of a list of
    them), "make" (a new share of a target), "share" (one that is there), "move" (one that is put elsewhere;
    with `other`, to the other target), "reports" (about one target), "ledger" (what was shared once),
    "waiting" (what waits for approval) or "one" (of these).
    """

    method: str
    path: str
    action: str
    scope: str
    body: Body = lambda world: {}
    other: bool = False
    shows: Mapping[Verdict, tuple[int, ...]]

    def verdict(self, actor: Actor) -> Verdict:
        """What the rule says."""
        if not actor.known or not actor.active:
            return Verdict.UNKNOWN
        if self.action == "approve":
            if not actor.holds("approve"):
                return Verdict.REFUSED
            return Verdict.DONE if actor.changes_target or self.scope != "one" else Verdict.HIDDEN
        if self.scope == "share":
            needed = self.action.split(" and ")
            if all(map(actor.can, needed)):
                return Verdict.DONE
            return Verdict.REFUSED if actor.can("view") else Verdict.HIDDEN
        if self.scope == "move":
            if not actor.can("change"):
                return Verdict.REFUSED if actor.can("view") else Verdict.HIDDEN
            if self.other and not (actor.superuser or actor.target == "everywhere"):
                return Verdict.INVALID
            return Verdict.DONE if actor.holds("add") else Verdict.REFUSED
        if self.scope == "ledger":
            if actor.can_with_ledger(self.action):
                return Verdict.DONE
            return Verdict.REFUSED if actor.can_with_ledger("view") else Verdict.HIDDEN
        if self.action and not any(actor.holds(action) for action in self.action.split(" or ")):
            return Verdict.REFUSED
        if self.scope in ("list", "destination") or actor.changes_target:
            return Verdict.DONE
        return {"make": Verdict.INVALID, "targets": Verdict.REFUSED}.get(self.scope, Verdict.HIDDEN)

    def kind_of_answer(self, actor: Actor) -> tuple[Any, ...]:
        """What an answer depends on: the verdict, and of what is done, what may be told."""
        verdict = self.verdict(actor)
        told = (actor.can("view"), actor.can_with_ledger("view"), actor.changes_target)
        return (verdict, *told) if verdict is Verdict.DONE else (verdict,)

    def send(self, client: Client, world: World, **places: int) -> Any:
        """Ask, and forget what it changed."""
        path = self.path.format(**(world.places() | places))
        arguments: dict[str, Any] = {}
        if self.method not in ("get", "head"):
            arguments = {"data": self.body(world), "content_type": "application/json"}
        with transaction.atomic():
            answer = getattr(client, self.method)(path, **arguments)
            changed = world.state()
            transaction.set_rollback(True)
        answer.changed = changed
        return answer


def deciders(rows: Iterable[Row]) -> dict[Actor, list[Row]]:
    """The requests of those who decide whether a rule is kept: at its boundary, and beyond it.

    No right takes another away. So each kind of answer has a boundary among all sets of rights: whoever has
    fewest of those who get it, and whoever has most. When they get what the rule says, everybody does.
    """
    asked: dict[Actor, list[Row]] = {}
    always = [actor for actor in actors() if actor.name in ("anonymous", "inactive", "superuser")]
    sets = {rights: _actor(*rights) for rights in product(*_LEVELS)}
    for row in rows:
        kinds: dict[tuple[Any, ...], list[Rights]] = {}
        for rights, actor in sets.items():
            kinds.setdefault(row.kind_of_answer(actor), []).append(rights)
        ends = {one for kind in kinds.values() for one in (*_ends(kind, 1), *_ends(kind, -1))}
        for actor in (*always, *(sets[rights] for rights in sorted(ends))):
            asked.setdefault(actor, []).append(row)
    return asked


Rights = tuple[int, ...]
_LEVELS = (*[(0, 1, 2)] * 3, (0, 2), (0, 1), (0, 1, 2))
"""Of the rights to view, change and delete: none, on the share, on all shares; to add; to approve; and of
`change_target`: none, on the target, on every target."""


def _actor(view: int, change: int, delete: int, add: int, approve: int, target: int) -> Actor:
    levels = {"view": view, "change": change, "delete": delete, "add": add}
    named = [f"{action} {('', 'one', 'all')[level]}" for action, level in levels.items() if level]
    named += ["approve"] * approve + [("", "the target", "every target")[target]] * (target > 0)
    everywhere = {action for action, level in levels.items() if level == 2}
    return Actor(
        name=", ".join(named) or "nothing",
        everywhere=frozenset(everywhere & {"view", "add"}),
        by_group=frozenset(everywhere & {"change", "delete"}),
        on_share=frozenset(action for action, level in levels.items() if level == 1),
        approves=bool(approve),
        target=("", "user", "everywhere")[target],
    )


def _ends(some: list[Rights], sign: int) -> list[Rights]:
    """The sets of rights that hold no other of these (-1: that no other of these holds)."""

    def holds(one: Rights, other: Rights) -> bool:
        return one != other and all(sign * a >= sign * b for a, b in zip(one, other, strict=True))

    return [one for one in some if not any(holds(one, other) for other in some)]


_ONE = "/targets/persistentshare/{share}/"
_REPORTS = "/targets/{target}/reports/"
_RECORD = f"{_ONE}deliveries/{{delivery}}/"


def _new(world: World) -> dict[str, Any]:
    return {"target": world.target.pk, "destination": "y"}


def _same(world: World) -> dict[str, Any]:
    return {"target": world.target.pk, "destination": "x", "filter": {"kinds": ["spectrum"]}}


def _elsewhere(world: World) -> dict[str, Any]:
    return {"destination": "y", "share_existing_data": True}


def _new_place(world: World) -> dict[str, Any]:
    return {"target": world.target.pk, "destination": "x:red"}


def _other(world: World) -> dict[str, Any]:
    return {"target": world.other.pk}


def _limit(world: World) -> dict[str, Any]:
    return {"filter": {"kinds": ["other"]}}


def _seen(world: World) -> dict[str, Any]:
    return {"deliveries": [{"id": world.waiting.pk, "content": world.waiting.asked}], "reason": "no"}


_APPROVALS = tuple(
    Row(
        method=method,
        path=f"/targets/shareapproval/{path}",
        action="approve",
        scope=scope,
        body=_seen,
        shows=REST,
    )
    for method, path, scope in (
        ("get", "", "waiting"),
        ("get", "{waiting}/", "one"),
        ("post", "approve/", "waiting"),
        ("post", "decline/", "waiting"),
    )
)


def _report(world: World) -> dict[str, Any]:
    return {"destination": "y", "form": "note", "values": {"text": "a"}, "send": True}


REST_ROWS = (
    *_APPROVALS,
    Row(method="get", path="/targets/persistentshare/", action="view", scope="list", shows=REST),
    Row(method="head", path="/targets/persistentshare/", action="view", scope="list", shows=REST),
    Row(method="post", path="/targets/persistentshare/", action="add", scope="make", body=_new, shows=REST),
    Row(method="get", path="/targets/{target}/persistentshare/", action="view", scope="target", shows=REST),
    Row(method="get", path=_ONE, action="view", scope="share", shows=REST),
    Row(method="head", path=_ONE, action="view", scope="share", shows=REST),
    Row(method="put", path=_ONE, action="change", scope="share", body=_same, shows=REST),
    Row(method="patch", path=_ONE, action="change", scope="share", body=_limit, shows=REST),
    Row(method="patch", path=_ONE, action="change", scope="share", body=lambda world: {}, shows=REST),
    *(
        Row(method="patch", path=_ONE, action="change", scope="share", body=body, shows=REST)
        for body in (
            lambda world: {"until": "2099-01-01T00:00:00Z"},
            lambda world: {"share_existing_data": True},
            lambda world: {"user": None, "destination": "x"},
        )
    ),
    Row(method="patch", path=_ONE, action="change", scope="move", body=_elsewhere, shows=REST),
    Row(method="put", path=_ONE, action="change", scope="move", body=_new_place, shows=REST),
    Row(method="patch", path=_ONE, action="change", scope="move", body=_other, other=True, shows=REST),
    Row(method="delete", path=_ONE, action="delete", scope="share", shows=REST),
    Row(method="post", path=f"{_ONE}pause/", action="change", scope="share", shows=REST),
    Row(method="post", path=f"{_ONE}resume/", action="change", scope="share", shows=REST),
    Row(method="post", path=f"{_ONE}retry/", action="change", scope="share", shows=REST),
    Row(
        method="post",
        path=f"{_ONE}adopt/",
        action="change",
        scope="share",
        shows={**REST, Verdict.DONE: (409,)},  # its creator answers for it
    ),
    Row(
        method="post",
        path=f"{_ONE}resolve/",
        action="change",
        scope="share",
        body=lambda world: {"sent": True},
        shows=REST,
    ),
    Row(
        method="post",
        path=f"{_ONE}withdraw/",
        action="change",
        scope="share",
        body=lambda world: {"deliveries": [world.delivery.pk]},
        shows={**REST, Verdict.DONE: (409,)},  # nothing can be withdrawn there
    ),
    Row(method="post", path=f"{_ONE}replay/", action="view and change", scope="share", shows=REST),
    Row(
        method="post",
        path="/targets/persistentshare/replay/",
        action="change",
        scope="destination",
        body=lambda world: {"destination": "x", "send": True},
        shows=REST,
    ),
    Row(method="get", path=f"{_ONE}activity/", action="view", scope="share", shows=REST),
    Row(method="get", path=_REPORTS, action="", scope="reports", shows=REST),
    Row(method="get", path=f"{_REPORTS}forms/?destination=y", action="", scope="reports", shows=REST),
    Row(method="post", path=_REPORTS, action="", scope="reports", body=_report, shows=REST),
    Row(method="get", path=f"{_REPORTS}{{report}}/", action="view", scope="ledger", shows=REST),
    Row(method="get", path="/targets/shareactivity/", action="view", scope="list", shows=REST),
    Row(method="get", path=f"{_ONE}deliveries/", action="view", scope="share", shows=REST),
    Row(method="get", path=_RECORD, action="view", scope="share", shows=REST),
    Row(
        method="post",
        path=f"{_RECORD}retry/",
        action="change",
        scope="share",
        shows={**REST, Verdict.DONE: (409,)},  # nobody knows whether it arrived
    ),
    Row(
        method="post",
        path=f"{_RECORD}resolve/",
        action="change",
        scope="share",
        body=lambda world: {"sent": True},
        shows=REST,
    ),
)


def check(actor: Actor, rows: Iterable[Row], world: World) -> list[str]:
    """Where the answers that this actor gets differ from the rule."""
    client = actor.client(world)
    before = world.state()
    wrong: list[str] = []
    for row in rows:
        verdict = row.verdict(actor)
        client.cookies.pop("messages", None)  # of what was done before, for the next page
        answer = row.send(client, world)
        wrong += [
            f"{row.method.upper()} {row.path} ({verdict.value}): {what}"
            for what in _faults(actor, row, world, client, verdict, answer, before)
        ]
    return wrong


def _faults(
    actor: Actor,
    row: Row,
    world: World,
    client: Client,
    verdict: Verdict,
    answer: Any,
    before: tuple[Any, ...],
) -> Iterator[str]:
    if answer.status_code not in row.shows[verdict]:
        yield f"{answer.status_code} instead of {row.shows[verdict]}"
    body = answer.getvalue().decode()
    if verdict is not Verdict.DONE and answer.changed != before:
        yield "changed something all the same"
    if not (verdict is Verdict.DONE and actor.can("view")):
        yield from (f"tells {secret!r}" for secret in world.secrets if secret in body)
    if not (verdict is Verdict.DONE and actor.can_with_ledger("view")):
        yield from (f"tells {secret!r}" for secret in world.once_secrets if secret in body)
    if not (verdict is Verdict.DONE and actor.changes_target) and "Unannounced" in body:
        yield "tells the name of the target"
    if verdict is Verdict.DONE and row.scope in ("list", "target") and row.shows is REST and body:
        expected = int(actor.can("view"))
        if answer.json()["count"] != expected:
            yield f"counts {answer.json()['count']} instead of {expected}"
    settles = row.action == "approve" and row.method == "post" and verdict is Verdict.DONE
    if settles and (answer.changed != before) is not actor.changes_target:
        yield "settled nothing" if actor.changes_target else "settled what the user may not approve"
    if verdict is Verdict.HIDDEN and row.scope in ("share", "move", "ledger", "one"):
        gone = {name: pk + 1000 for name, pk in world.places().items() if name != "target"}
        nothing = row.send(client, world, **gone)
        if _plain(nothing, row.path.format(**(world.places() | gone))) != _plain(
            answer, row.path.format(**world.places())
        ):
            yield "differs from the answer for one that was never there"


def _plain(answer: Any, path: str) -> tuple[int, str, str]:
    """Status, where it leads, and the body, without what differs each time and without the path."""
    body = _TOKEN.sub("", answer.getvalue().decode())
    return answer.status_code, answer.get("Location", "").replace(path, ""), body.replace(path, "")
