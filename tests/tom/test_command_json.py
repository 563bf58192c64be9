"""`manage.py sharing ... --json`: one document for programs, whatever the subcommand."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import override_settings
from guardian.shortcuts import assign_perm

from sharecore.exceptions import DestinationError, Problem
from sharecore.outcomes import Rejected
from tom_integration import site
from tom_integration.models import Activity, Delivery, Peer
from tom_integration.services.personal_keys import give

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


def printed(*arguments: Any) -> str:
    out = StringIO()
    call_command("sharing", *arguments, stdout=out, no_color=True)
    return out.getvalue()


class TestApprovals:
    @pytest.fixture(autouse=True)
    def waits(self, tom: Tom, share: Any) -> Any:
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "APPROVAL": True}}):
            tom.data(share.target, 2)
            tom.deliver()
            yield

    @pytest.fixture
    def editor(self, tom: Tom, share: Any) -> str:
        user = tom.user(share.target, name="editor")
        user.user_permissions.add(Permission.objects.get(codename="approve_share"))
        return "editor"

    def test_what_was_seen_is_approved_in_the_name_of_a_user(self, tom: Tom, share: Any, editor: str) -> None:
        listed = told("approvals", "--by", editor, "--show")
        assert [each["target"] for each in listed["deliveries"]] == [share.target_id] * 2
        assert all("brightness" in each["preview"] for each in listed["deliveries"])
        shown = printed("approvals", "--by", editor, "--show")
        assert "brightness" in shown
        assert shown.rstrip().endswith(f"--approve {listed['word']}")
        assert told("approvals", "--by", editor, "--approve", listed["word"]) == {"approved": 2, "left": 0}
        assert tom.deliver() == 2
        assert Activity.objects.get(what="approved").user_name == "editor"
        assert "Nothing waits" in printed("approvals", "--by", editor)

    def test_what_came_since_is_not_approved_with_it(self, tom: Tom, share: Any, editor: str) -> None:
        word = told("approvals", "--by", editor)["word"]
        tom.datum(share.target)
        tom.deliver()
        with pytest.raises(CommandError, match="List it again"):
            told("approvals", "--by", editor, "--approve", word)
        assert tom.states() == ["to_approve"] * 3

    def test_one_is_declined_with_a_reason(self, tom: Tom, share: Any, editor: str) -> None:
        first, _ = told("approvals", "--by", editor)["deliveries"]
        chosen = ["--delivery", str(first["id"])]
        with pytest.raises(CommandError, match="Give a reason"):
            told("approvals", "--by", editor, *chosen, "--decline", " ")
        with pytest.raises(CommandError, match="Name a share"):
            told("approvals", "--by", editor, "--decline", "no")
        assert told("approvals", "--by", editor, *chosen, "--decline", "wrong filter")["declined"] == 1
        assert sorted(tom.states()) == ["to_approve", "withheld"]
        assert Delivery.objects.get(pk=first["id"]).reason == "declined by editor: wrong filter"

    def test_nobody_approves_without_the_right(self, tom: Tom, share: Any) -> None:
        tom.user(share.target, name="ada")
        for name, said in (("ada", "no permission"), ("nobody", "no active user")):
            with pytest.raises(CommandError, match=said):
                told("approvals", "--by", name)


class TestWithdraw:
    @pytest.fixture(autouse=True)
    def there(self, tom: Tom, share: Any) -> None:
        tom.x.can_withdraw = True
        tom.data(share.target, 3)
        tom.deliver()
        User.objects.create_superuser("pi")

    def test_it_is_listed_counted_and_withdrawn(self, tom: Tom, share: Any) -> None:
        listed = told("withdraw", share.pk, "--by", "pi")
        assert [each["kind"] for each in listed] == ["photometry"] * 3
        assert f"delivery {listed[0]['id']}: photometry of 2026-" in printed(
            "withdraw", share.pk, "--by", "pi"
        )
        chosen = ["--delivery", str(listed[0]["id"])]
        counted = {"number": 1, "others": 0, "withdrawn": False}
        assert told("withdraw", "--by", "pi", *chosen) == counted
        assert tom.states() == ["delivered"] * 3
        said = told("withdraw", share.pk, "--by", "pi", *chosen, "--reason", "wrong calibration")
        assert said == counted | {"withdrawn": True}
        tom.deliver()
        assert sorted(tom.states()) == ["delivered", "delivered", "withdrawn"]
        row = Activity.objects.get(what="withdrawn")
        assert (row.user_name, row.detail) == ("pi", "1 record: wrong calibration")
        assert told("withdraw", share.pk, "--by", "pi", "--all", "--reason", "all of it")["number"] == 2

    def test_what_goes_with_them_is_asked_for(self, tom: Tom, share: Any) -> None:
        Delivery.objects.update(remote_id="message-1")
        one = str(Delivery.objects.earliest("pk").pk)
        with pytest.raises(CommandError, match=r"2 more go with them.*--with-others"):
            told("withdraw", share.pk, "--by", "pi", "--delivery", one, "--reason", "no")
        given = ["--delivery", one, "--reason", "no", "--with-others"]
        assert told("withdraw", share.pk, "--by", "pi", *given)["others"] == 2

    def test_only_with_the_rights_of_the_user(self, tom: Tom, share: Any) -> None:
        tom.user(share.target, name="ada")
        with pytest.raises(CommandError, match="may not change it"):
            told("withdraw", share.pk, "--by", "ada", "--all", "--reason", "no")
        with pytest.raises(CommandError, match="Name a share"):
            told("withdraw", "--by", "pi")


def test_status_names_the_people_whose_key_is_missing_or_refused(tom: Tom) -> None:
    own = {"x": {"ADAPTER": "memory", "CREDENTIALS": "user"}, "y": {"ADAPTER": "memory"}}
    with override_settings(DATA_SHARING=own):
        refused, missing, well, idle = (tom.user(name=name) for name in ("ada", "bob", "cem", "dan"))
        for user in (refused, well):
            give(user, site.destinations()["x"], {"PASSWORD": f"key-of-{user.username}-0123456789"})
        tom.x.refused.add("key-of-ada-0123456789")
        for user in (refused, missing, well, idle):
            target = tom.target(f"SN of {user.username}")
            assign_perm("tom_targets.change_target", user, target)
            tom.share(target, user=user)
            if user != idle:
                tom.datum(target)
        tom.deliver()
        ada, bob = told("status")["keys"]
        assert [ada["destination"], ada["user"], ada["state"], ada["reason"]] == [
            "x", "ada", "refused", "the password is refused",
        ]  # fmt: skip
        assert ada["since"]
        assert bob == {
            "destination": "x",
            "user": "bob",
            "state": "missing",
            "reason": "x: bob has given no key for it. Enter it on the profile page.",
            "since": None,
        }
        assert [each["user"] for each in told("status", "--target", "of bob")["keys"]] == ["bob"]
        assert told("status", "--destination", "y")["keys"] == []
        give(missing, site.destinations()["x"], {"PASSWORD": "key-of-bob-0123456789"})
        tom.deliver()
        assert [each["user"] for each in told("status")["keys"]] == ["ada"]
