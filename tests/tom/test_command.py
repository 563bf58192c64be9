"""`manage.py sharing`: what an operator reads, and what a cron job does."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from sharecore.exceptions import AuthenticationFailed, DestinationError, Problem
from sharecore.outcomes import Rejected
from tom_integration import checks, site_status
from tom_integration.models import Worker

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


def _sharing(*arguments: Any) -> str:
    out = StringIO()
    call_command("sharing", *arguments, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def shared(tom: Tom) -> Any:
    target = tom.target("SN 2026cmd")
    tom.share(target)
    return target


class TestCheck:
    def test_all_is_well(self, tom: Tom) -> None:
        said = _sharing("check")
        assert "x (memory) ... ok" in said
        assert "y (memory) ... ok" in said

    def test_a_destination_that_would_refuse(self, tom: Tom) -> None:
        tom.x.problems = [Problem(where="DATA_SHARING['x']", what="the password is wrong", hint="Mend it.")]
        out = StringIO()
        with pytest.raises(CommandError, match="One or more destinations failed the check"):
            call_command("sharing", "check", stdout=out, no_color=True)
        assert "the password is wrong" in out.getvalue()
        assert "Mend it." in out.getvalue()
        assert "y (memory) ... ok" in out.getvalue(), "the others are asked all the same"

    def test_a_warning_is_no_failure(self, tom: Tom) -> None:
        note = Problem(where="DATA_SHARING['x']", what="is slow", hint="Wait.", fatal=False)
        tom.x.problems = [note]
        assert "is slow" in _sharing("check")

    def test_settings_that_cannot_be_used(self, tom: Tom) -> None:
        out = StringIO()
        with override_settings(DATA_SHARING={"z": {"ADAPTER": "pigeon"}}), pytest.raises(CommandError):
            call_command("sharing", "check", stdout=out, no_color=True)
        assert "DATA_SHARING['z']" in out.getvalue()

    def test_it_ends_the_pause_of_a_destination_that_takes_us_again(self, tom: Tom, shared: Any) -> None:
        tom.x.will(AuthenticationFailed("wrong password"))
        tom.datum(shared)
        tom.deliver()
        assert "wrong password" in _sharing("status")
        tom.x.recover()
        _sharing("check")
        assert tom.deliver() == 1
        assert "wrong password" not in _sharing("status")


class TestRetry:
    def test_what_was_refused_is_tried_again(self, tom: Tom, shared: Any) -> None:
        tom.x.will(Rejected(reason="no", field=""), times=2)
        tom.data(shared, 2)
        tom.deliver()
        assert tom.deliver(after=86400) == 0
        assert _sharing("retry") == "2 records will be tried again.\n"
        assert tom.deliver() == 2
        assert _sharing("retry") == "0 records will be tried again.\n"

    def test_a_share_that_is_none(self, tom: Tom) -> None:
        with pytest.raises(CommandError, match=r"no share 987; `manage.py sharing status` lists them"):
            _sharing("retry", "987")


class TestDeliver:
    def test_once(self, tom: Tom, shared: Any, transactional_db: None) -> None:
        tom.data(shared, 3)
        _sharing("deliver", "--once")
        assert len(tom.x.records) == 3
        assert Worker.objects.count() == 0
        _sharing("deliver", "--once")
        assert len(tom.x.received) == 3

    def test_once_with_a_destination_that_is_down(
        self, tom: Tom, shared: Any, transactional_db: None
    ) -> None:
        """The cron job goes well; the ledger has what is left."""
        tom.share(shared, "y")
        tom.x.will(DestinationError("down"))
        tom.data(shared, 3)
        _sharing("deliver", "--once")
        assert (len(tom.x.records), len(tom.y.records)) == (0, 3)
        assert "down" in _sharing("status")

    def test_paused(self, tom: Tom, shared: Any) -> None:
        with override_settings(SHARECORE_PAUSED=True), pytest.raises(CommandError, match="SHARECORE_PAUSED"):
            _sharing("deliver", "--once")
        assert "SHARECORE_PAUSED" not in _sharing("status")


def test_shares_whose_destination_was_removed_are_named(tom: Tom, shared: Any) -> None:
    assert site_status.without_destination() == []
    with override_settings(DATA_SHARING={}):
        with pytest.raises(CommandError):
            _sharing("check")
        (problem,) = site_status.without_destination()
        (warning,) = checks.check_shares(databases=["default"])
    assert "'x'" in problem.what
    assert problem.what.endswith("to which 1 share goes")
    assert warning.id == "sharecore.W011"


@pytest.mark.parametrize("arguments", [(), ("delivr",), ("retry", "x"), ("status", "--jsn")], ids=str)
def test_a_mistyped_command_says_what_there_is(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"required|invalid|unrecognized"):
        _sharing(*arguments)
