"""`manage.py sharing status`: everything in one screen, what needs somebody first."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from sharecore.delivery import State
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Rejected
from tom_integration.models import Delivery, Outbox

if TYPE_CHECKING:
    from tom.conftest import Tom


def told(*arguments: Any) -> list[str]:
    out = StringIO()
    call_command("sharing", "status", *arguments, stdout=out, no_color=True)
    return out.getvalue().splitlines()


def written(*arguments: Any) -> Any:
    return json.loads("\n".join(told(*arguments, "--json")))


@pytest.fixture
def shared(tom: Tom) -> Any:
    target = tom.target("SN 2026cmd")
    tom.share(target)
    return target


def test_nothing_is_shared(tom: Tom) -> None:
    assert told() == ["Nothing is shared.", "Delivering: nobody"]


def test_each_share_with_counts_and_what_is_wrong(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    tom.deliver()
    tom.x.will(Rejected(reason="the bandpass is unknown", field="bandpass"))
    tom.datum(shared)
    tom.deliver()
    share = Outbox.objects.get().share_id
    summary, of_x, row, why, *_ = told()
    assert summary == "1 share: action needed for 1"
    assert of_x == "x: action needed for 1"
    assert why == "    refused: the bandpass is unknown"
    assert row == f"action-needed SN 2026cmd to x (share {share}): 1 delivered; 1 refused"
    tom.x.recover()
    tom.x.will(DestinationError("the receiver said 500"))
    tom.datum(shared)
    tom.deliver()
    assert any("does not answer since" in line and "the receiver said 500" in line for line in told())


def test_what_the_destination_refuses_is_told_once(tom: Tom) -> None:
    tom.x.will(AuthenticationFailed("wrong password"))
    for _ in range(3):
        tom.share(target := tom.target())
        tom.datum(target)
    tom.deliver()
    lines = told()
    assert lines[0] == "3 shares: action needed for 3"
    assert sum("wrong password" in line for line in lines) == 1


@pytest.mark.any_database
def test_a_screen_is_enough_for_many_shares_destinations_and_long_reasons(tom: Tom) -> None:
    many = {f"partner-{number:02}": {"ADAPTER": "memory"} for number in range(12)}
    with override_settings(DATA_SHARING=many):
        for number in range(60):
            target = tom.target()
            tom.share(target, f"partner-{number % 12:02}")
            tom.datum(target)
        tom.plugin["partner-11"].will(Rejected(reason="the bandpass " * 30, field="bandpass"), times=1)
        tom.plugin["partner-10"].will(DestinationError("nobody is there " * 30))
        tom.deliver()
        refused = Delivery.objects.get(state=State.FAILED).outbox
        lines = told()
        assert len(lines) < 24
        assert max(map(len, lines)) <= 80
        assert lines[0] == "60 shares: 54 up to date, 5 waiting, action needed for 1"
        assert lines[2] == "partner-10: 5 waiting"
        assert lines[4] == "partner-11: 4 up to date, action needed for 1"
        first = next(line for line in lines if " (share " in line)
        assert first.startswith("action-needed ")
        assert f"(share {refused.share_id})" in first
        assert any("more: --all" in line for line in lines)
        assert sum(" (share " in line for line in told("--all")) == 60


def test_shares_are_chosen(tom: Tom, shared: Any) -> None:
    other = tom.target("AT 2026other")
    tom.share(other, "y")
    tom.share(shared, "x:red")
    tom.datum(other)
    tom.y.will(Rejected(reason="no", field=""))
    tom.deliver()

    def chosen(*arguments: str) -> set[tuple[str, str]]:
        return {(each["target"], each["destination"]) for each in written(*arguments)["outboxes"]}

    assert chosen("--destination", "x") == {("SN 2026cmd", "x"), ("SN 2026cmd", "x:red")}
    assert chosen("--destination", "x:red") == {("SN 2026cmd", "x:red")}
    assert chosen("--target", "other") == chosen("--state", "action-needed") == {("AT 2026other", "y")}
    assert chosen("--state", "ok", "--target", "2026") == chosen("--destination", "x")
    assert written("--state", "ok")["states"] == {"ok": 2}
    assert told("--target", "nobody")[0] == "Nothing is shared."
    with pytest.raises(CommandError, match="invalid choice"):
        told("--state", "fine")


def test_for_programs(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    tom.deliver()
    now = written()
    (outbox,) = now["outboxes"]
    assert (outbox["target"], outbox["destination"], outbox["state"]) == ("SN 2026cmd", "x", "ok")
    assert outbox["counts"] == {"delivered": 1}
    assert [(each["address"], each["states"]) for each in now["destinations"]] == [("x", {"ok": 1})]
    assert (now["states"], now["workers"], now["paused"]) == ({"ok": 1}, [], False)


def test_a_target_that_was_deleted(tom: Tom, shared: Any) -> None:
    number = shared.pk
    shared.delete()
    assert any(f"(deleted target {number})" in line for line in told())
