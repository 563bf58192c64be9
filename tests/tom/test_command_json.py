"""`manage.py sharing ... --json`: one document for programs, whatever the subcommand."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from sharecore.exceptions import DestinationError, Problem
from sharecore.outcomes import Rejected
from tom_integration.models import Delivery, Peer

if TYPE_CHECKING:
    from tom.conftest import Tom


def told(*arguments: Any) -> Any:
    out = StringIO()
    try:
        call_command("sharing", *arguments, "--json", stdout=out, stderr=StringIO(), no_color=True)
    finally:
        document = json.loads(out.getvalue()) if out.getvalue() else None
    return document


@pytest.fixture
def share(tom: Tom) -> Any:
    return tom.share(tom.target("SN 2026cmd"))


def test_activity(tom: Tom, share: Any) -> None:
    told("retry", share.pk)
    tom.share(tom.target(), "y")
    assert [each["what"] for each in told("activity")] == ["made", "made"]
    (row,) = told("activity", "--share", share.pk)
    assert (row["target_name"], row["destination"], row["share"]) == ("SN 2026cmd", "x", share.pk)
    assert told("activity", "--destination", "z") == []
    assert told("activity", "--user", "ada") == told("activity", "--since", "2100-01-01T00:00:00Z") == []


def test_activity_for_people(tom: Tom) -> None:
    ada = tom.user(name="ada")
    for _ in range(25):
        tom.share(tom.target(), user=ada)
    out = StringIO()
    call_command("sharing", "activity", "--user", "ada", stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == 21
    assert " ada made SN 2026" in lines[0]
    assert "--all" in lines[-1]


def test_check(tom: Tom) -> None:
    assert [each["ok"] for each in told("check")["destinations"]] == [True, True]
    tom.x.problems = [Problem(where="DATA_SHARING['x']", what="is slow", hint="Wait.", fatal=False)]
    first, second = told("check")["destinations"]
    assert first["problems"] == [
        {"where": "DATA_SHARING['x']", "what": "is slow", "hint": "Wait.", "fatal": False}
    ]
    assert (first["destination"], first["adapter"], first["ok"]) == ("x", "memory", True)
    assert (second["error"], second["problems"]) == ("", [])


def test_preview(tom: Tom, share: Any) -> None:
    tom.datum(share.target)
    (call,) = told("preview", share.pk)
    assert "18.0" in call["body"]
    assert told("preview", share.pk, "--all", "--validate") == [{**call, "problems": []}]
    with pytest.raises(CommandError, match="no share 987"):
        told("preview", 987)


def test_retry_and_resolve(tom: Tom, share: Any) -> None:
    tom.x.will(Rejected(reason="no", field=""))
    tom.datum(share.target)
    tom.deliver()
    assert told("retry") == {"retried": 1}
    sent = tom.clock()
    Delivery.objects.update(state="needs_review", reason="no answer", sent_at=sent)
    (call,) = told("resolve")
    assert (call["share"], call["number"], call["deliveries"]) == (share.pk, 1, [Delivery.objects.get().pk])
    assert call["reason"] == "no answer"
    assert told("resolve", share.pk, "--arrived") == {"resolved": 1, "arrived": True}
    assert told("resolve") == []


def test_deliver_once(tom: Tom, share: Any, transactional_db: None) -> None:
    tom.data(share.target, 3)
    assert told("deliver", "--once") == {"delivered": 3, "waiting": 0}
    tom.x.will(DestinationError("down"))
    tom.data(share.target, 2)
    assert told("deliver", "--once") == {"delivered": 0, "waiting": 2}
    with pytest.raises(CommandError, match="needs --once"):
        told("deliver")


def test_upkeep(tom: Tom, share: Any) -> None:
    tom.datum(share.target)
    assert told("restored") == {"looked_up": 1}
    assert set(told("purge").values()) == {0}
    peer = Peer.objects.create(origin="there", name="Partner", user_id=User.objects.create_user("robot").pk)
    assert told("origins") == [{"origin": "there", "name": "Partner", "account": "robot"}]
    User.objects.all().delete()
    assert told("origins", peer.origin)[0]["account"] is None
    assert told("rules") == []


def test_replay(tom: Tom, share: Any) -> None:
    since = tom.clock().isoformat()
    tom.data(share.target, 2)
    tom.deliver()
    told_first = told("replay", "--since", since, "--dry-run")
    assert (told_first["number"], told_first["counts"], told_first["dry_run"]) == (2, {"x": 2}, True)
    with pytest.raises(CommandError, match="--yes"):
        told("replay", "--since", since)
    assert told("replay", "--since", since, "--yes")["dry_run"] is False
