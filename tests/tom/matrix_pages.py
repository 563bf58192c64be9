"""The pages, their partials and their forms, as rows of the permission matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction
from django.test import Client

from tom.matrix import Row, Verdict, World

LOGIN = 499
"""Stands for a redirect to the login, which is no other status than that after something was done."""
PAGE: Mapping[Verdict, tuple[int, ...]] = {
    Verdict.DONE: (200, 302),  # a form that was taken leads back to its page
    Verdict.UNKNOWN: (LOGIN,),
    Verdict.REFUSED: (LOGIN,),
    Verdict.HIDDEN: (404,),
    Verdict.INVALID: (200,),
}
SHARES = "/targets/persistentshare/manage/"
ONE = f"{SHARES}{{share}}/"
OF_TARGET = "/targets/{target}/persistentshare/manage/"
DESTINATIONS = "/targets/persistentshare/destinations/"
APPROVALS = "/targets/persistentshare/approvals/"
ACTIVITY = "/targets/persistentshare/activity/"
NOTICES = "/targets/persistentshare/notices/"
BY_HAND = "/targets/{target}/share/"
REPORT = f"{BY_HAND}report/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow(Row):
    """A request of a browser: a form is sent as browsers do."""

    shows: Mapping[Verdict, tuple[int, ...]] = field(default_factory=lambda: PAGE)

    def send(self, client: Client, world: World, **places: int) -> Any:
        path = self.path.format(**(world.places() | places))
        with transaction.atomic():
            answer = getattr(client, self.method)(path, self.body(world))
            answer.changed = world.state()
            transaction.set_rollback(True)
        if answer.status_code == 302 and answer.url.startswith("/accounts/login"):
            answer.status_code = LOGIN
        return answer


def _form(world: World) -> dict[str, Any]:
    return {"kinds": ["photometry"], "destination": "y"}


def _with_target(world: World) -> dict[str, Any]:
    return {**_form(world), "target": world.target.pk}


def _once(world: World) -> dict[str, Any]:
    chosen = {"kinds": ["photometry"], "share-box": ["1"], "selected-target": [world.target.pk]}
    return {"share_destination": "y", "dataSwitch": "on", **chosen}


def _ticked(action: str, world: World) -> dict[str, Any]:
    return {"action": action, "reason": "no", "chosen": f"{world.waiting.pk}:{world.waiting.asked}"}


def _report(world: World) -> dict[str, Any]:
    return {"destination": "y", "form": "note", "report-text": "a", "step": "preview"}


def _ticked_one(name: str, world: World) -> dict[str, Any]:
    return {"delivery": getattr(world, name).pk}


def _rows() -> Iterator[PageRow]:
    def get(path: str, action: str, scope: str) -> PageRow:
        return PageRow(method="get", path=path, action=action, scope=scope)

    def post(path: str, action: str, scope: str, **more: Any) -> PageRow:
        return PageRow(method="post", path=path, action=action, scope=scope, **more)

    # seeing
    yield get(SHARES, "view or add", "list")
    yield get(f"{SHARES}table", "view", "list")
    yield get(OF_TARGET, "view or add", "target")
    yield get(f"{OF_TARGET}table", "view", "target")
    yield get(ONE, "view", "share")
    yield get(f"{ONE}live", "view", "share")
    yield get(f"{ONE}deliveries.csv", "view", "share")
    yield get(f"{ONE}deliveries.ecsv", "view", "share")
    yield get(f"{SHARES}records/{{delivery}}/attempts/{{attempt}}/", "view", "share")
    yield get(DESTINATIONS, "view or add or change", "list")
    yield get(ACTIVITY, "view or add or change", "list")
    yield get(f"{ACTIVITY}?share={{share}}", "view or add or change", "list")
    yield get(NOTICES, "view or add or change or approve", "list")
    yield get("/targets/persistentshare/glossary/", "view or add or change or approve", "list")
    yield post(NOTICES, "view or add or change or approve", "list", body=lambda world: {"choice": "daily"})
    # approving
    yield get(APPROVALS, "approve", "waiting")
    yield get(f"{APPROVALS}?outbox={{once}}", "approve", "waiting")
    yield get(f"{APPROVALS}{{waiting}}/", "approve", "one")
    for action in ("approve", "decline"):
        yield post(APPROVALS, "approve", "waiting", body=partial(_ticked, action))
    # making
    yield get(f"{SHARES}targets?target_name=nnounced-1987", "add", "list")
    for part in ("create", "existing", "preview"):
        yield post(f"{SHARES}{part}", "add", "make", body=_with_target)
        yield post(f"{OF_TARGET}{part}", "add", "target", body=_form)
    yield post(f"{SHARES}preview", "add", "make", body=lambda world: {**_with_target(world), "file": "1"})
    yield post(f"{OF_TARGET}preview", "add", "target", body=lambda world: {**_form(world), "file": "1"})
    # doing
    for act in ("pause", "resume", "retry", "adopt", "arrived", "resend"):
        yield post(f"{ONE}{act}", "change", "share")
    yield get(f"{ONE}change", "change", "share")
    yield post(f"{ONE}change", "change", "share", body=_form)
    for act in ("retry", "arrived", "resend"):
        yield post(f"{SHARES}records/{{delivery}}/{act}", "change", "share")
    yield post(f"{ONE}withdraw", "change", "share", body=lambda world: {"delivery": world.delivery.pk})
    yield get(f"{ONE}replay", "view and change", "share")
    yield post(f"{ONE}replay", "view and change", "share")
    yield get(f"{DESTINATIONS}replay?name=x", "change", "list")
    yield post(f"{DESTINATIONS}replay?name=x", "change", "list")
    yield post(f"{DESTINATIONS}test", "add or change", "list", body=lambda world: {"name": "x"})
    yield get(f"{ONE}delete", "delete", "share")
    yield post(f"{ONE}delete", "delete", "share")
    yield post(f"{DESTINATIONS}check", "add or change", "list", body=lambda world: {"name": "x"})
    # sharing once: whoever may change the target; what became of it is for those who may view shares
    yield get(BY_HAND, "", "target")
    yield get(f"{BY_HAND}?tab=continuous", "", "target")
    yield post(BY_HAND, "", "target", body=_once)
    yield get(f"{BY_HAND}{{once}}/", "view", "ledger")
    yield get(f"{BY_HAND}{{once}}/live", "view", "ledger")
    yield get(f"{BY_HAND}{{once}}/deliveries.csv", "view", "ledger")
    yield get(f"{BY_HAND}{{outbox}}/", "view", "share")
    yield get(f"{BY_HAND}{{outbox}}/live", "view", "share")
    yield get(f"{REPORT}?destination=y", "", "target")
    yield post(REPORT, "", "target", body=_report)
    yield get(f"{REPORT}{{report}}/", "view", "ledger")
    for act in ("retry", "arrived", "resend"):
        yield post(f"{BY_HAND}{{once}}/{act}", "change", "ledger")
        yield post(f"{SHARES}records/{{one_time}}/{act}", "change", "ledger")
        yield post(f"{BY_HAND}{{outbox}}/{act}", "change", "share")
    for outbox, scope in (("once", "ledger"), ("outbox", "share")):
        one = partial(_ticked_one, {"once": "one_time", "outbox": "delivery"}[outbox])
        yield post(f"{BY_HAND}{{{outbox}}}/withdraw", "change", scope, body=one)
    yield post("/dataproducts/target/{target}/share/", "", "target", body=_once)
    yield post("/dataproducts/data/{product}/share/", "", "target", body=_once)
    yield get("/targets/targetgrouping/{group}/share/", "", "targets")
    yield post("/targets/targetgrouping/{group}/share/", "", "targets", body=_once)


PAGE_ROWS = tuple(_rows())
