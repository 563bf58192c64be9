"""A TOM whose guard of proprietary data cannot be loaded sends nothing, says so, and goes on once it can."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse

from tom_integration import checks, conf

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

GUARDED = override_settings(SHARECORE_REQUIRED_PLUGINS=["embargo"])


def test_nothing_is_sent_and_nothing_is_lost(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    with GUARDED:
        datum = tom.datum(target)
        assert tom.deliver() == 0
        assert not tom.x.opened
        assert tom.deliver_until_quiet(hours=200) == 0
    assert tom.deliver() == 1
    assert tom.row(datum).attempts == 1, "the wait has cost no tries"


def test_what_is_there_stops_nothing(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    with override_settings(SHARECORE_REQUIRED_PLUGINS=["tom", "hermes"]):
        tom.datum(target)
        assert tom.deliver() == 1


def test_the_operator_is_told_everywhere(tom: Tom, admin_client: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    with GUARDED:
        tom.datum(target)
        tom.commit()
        (found,) = checks.check_plugins()
        assert found.id == "sharecore.E003"
        assert "'embargo'" in found.msg
        assert "SHARECORE_REQUIRED_PLUGINS" in str(found.hint)
        said = StringIO()
        call_command("sharing", "status", stdout=said)
        assert "'embargo'" in said.getvalue()
        with pytest.raises(CommandError, match="embargo"):
            call_command("sharing", "deliver", "--once")
        with pytest.raises(CommandError, match="embargo"):
            call_command("sharing", "preview", str(share.pk), "--validate", stdout=StringIO())
        for page in ("sharing:destinations", "targets:persistent-share"):
            assert "embargo" in admin_client.get(reverse(page)).content.decode(), page


@pytest.mark.parametrize("value", ["embargo", ["embargo", 3], {"embargo"}])
def test_a_guard_that_is_misnamed_is_missing(value: Any) -> None:
    """Whoever writes this setting wants something kept at home: a slip must not let it out."""
    with override_settings(SHARECORE_REQUIRED_PLUGINS=value):
        assert conf.settings().required_plugins
        assert [each.id for each in checks.check_settings()] == ["sharecore.E001"]
        assert checks.check_plugins()
