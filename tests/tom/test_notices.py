"""Who is told of what by mail: troubles, one for each cause, and their ends, to those who may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm, remove_perm

from sharecore.exceptions import AuthenticationFailed
from sharecore.outcomes import Rejected, Unconfirmed
from tom.conftest import DATA_SHARING
from tom.notices import HOUR, Post, post, told
from tom_integration import checks, site
from tom_integration.models import DestinationHealth, Outbox
from tom_integration.services import retry, shares

if TYPE_CHECKING:
    from tom.conftest import Tom

__all__ = ["post"]
PAGE = "/targets/persistentshare/notices/"
NAMED = DATA_SHARING | {"x": {"ADAPTER": "memory", "DISPLAY_NAME": "Partner TOM"}}


@pytest.fixture
def ann(post: Post, target: Any) -> User:
    """Ann shares a target to x; a datum of it waits."""
    user = post.person("ann", target)
    post.tom.share(target, user=user)
    post.tom.datum(target)
    return user


@pytest.mark.usefixtures("ann")
class TestTroubles:
    def test_nobody_is_told_when_all_is_well(self, tom: Tom, post: Post) -> None:
        tom.deliver()
        assert post.look() == []

    def test_a_destination_is_down_for_longer_than_an_hour_and_well_again(self, tom: Tom, post: Post) -> None:
        with override_settings(DATA_SHARING=NAMED):
            post.fail_for(0.75 * HOUR)
            assert post.look() == []
            post.fail_for(0.5 * HOUR)
            (mail,) = post.look()
            assert mail.to == ["ann@tom.test"]
            since = DestinationHealth.objects.get(destination="x", topic=None).down_since
            assert since is not None
            text = mail.body.replace(f"{since:%Y-%m-%d} ", "")
            said = (
                f"Partner TOM does not answer since {since:%H:%M} UTC; 1 record of 1 share waits: no answer."
            )
            assert said in text
            assert mail.subject.startswith("[Test TOM] Sharing: Partner TOM does not answer")
            assert "/targets/persistentshare/destinations/#destination-x\n" in mail.body
            assert post.look() == post.look(after=5 * HOUR) == []

            tom.x.recover()
            tom.deliver(after=900)
            assert tom.states() == ["delivered"]
            (mail,) = post.look()
            assert "Solved\n- Partner TOM can be reached again." in mail.body
            assert mail.subject == "[Test TOM] Sharing: solved: Partner TOM can be reached again"
            assert post.look(after=2 * HOUR) == []

    def test_a_short_outage_is_no_trouble(self, tom: Tom, post: Post) -> None:
        post.fail_for(0.5 * HOUR)
        assert post.look() == []
        tom.x.recover()
        tom.deliver(after=900)
        assert post.look(after=2 * HOUR) == []

    def test_the_time_is_a_setting(self, post: Post) -> None:
        with override_settings(SHARECORE_NOTIFY_AFTER_MINUTES=10):
            post.fail_for(0.5 * HOUR)
            assert len(post.look()) == 1

    def test_refused_credentials(self, tom: Tom, post: Post) -> None:
        tom.x.will(AuthenticationFailed("wrong password"))
        tom.deliver()
        (mail,) = post.look()
        assert "x refuses us since" in mail.body
        assert "1 record of 1 share waits: wrong password." in mail.body
        tom.x.recover()
        shares.check(site.destinations()["x"])
        (mail,) = post.look(after=HOUR)
        assert "x takes our data again." in mail.body

    def test_records_that_failed_lead_to_the_share(self, tom: Tom, target: Any, post: Post) -> None:
        tom.x.will(Rejected(reason="no such filter"))
        tom.deliver()
        (mail,) = post.look()
        assert "1 record of 1 share was refused by x: no such filter." in mail.body
        assert f"/targets/persistentshare/manage/{tom.outbox(target).share_id}/" in mail.body
        tom.x.recover()
        retry.retry(tom.outbox(target).share_id)
        tom.deliver(after=60)
        (mail,) = post.look(after=HOUR)
        assert "No record of your shares to x is refused any more." in mail.body

    def test_records_that_need_review(self, tom: Tom, post: Post) -> None:
        tom.x.can_tell = False
        tom.x.will(Unconfirmed(reason="lost"), times=1)
        tom.deliver()
        tom.deliver(after=100)
        (mail,) = post.look()
        assert "1 record of 1 share may have arrived at x" in mail.body
        assert "Look there, then say whether it did." in mail.body

    def test_a_share_that_stopped(self, tom: Tom, post: Post) -> None:
        tom.deliver()
        with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory"}}):
            Outbox.objects.update(look_now=True)
            tom.deliver(after=60)
            (mail,) = post.look()
        assert "1 share to x is stopped: " in mail.body
        Outbox.objects.update(look_now=True)
        tom.deliver(after=60)
        (mail,) = post.look(after=HOUR)
        assert "None of your shares to x is stopped any more." in mail.body

    def test_more_failed_records_are_told_after_a_day_and_another_share_at_once(
        self, tom: Tom, target: Any, post: Post
    ) -> None:
        tom.x.will(Rejected(reason="no such filter"))
        tom.deliver()
        assert len(post.look()) == 1
        tom.datum(target)
        tom.deliver()
        assert post.look(after=2 * HOUR) == []
        (mail,) = post.look(after=23 * HOUR)
        assert "2 records of 1 share were refused" in mail.body
        other = tom.target()
        user = User.objects.get(username="ann")
        assign_perm("tom_targets.change_target", user, other)
        tom.share(other, user=user)
        tom.datum(other)
        tom.deliver()
        (mail,) = post.look(after=2 * HOUR)
        assert "3 records of 2 shares were refused" in mail.body


def test_one_cause_is_one_line_however_many_shares_it_stops(tom: Tom, post: Post) -> None:
    targets = [tom.target() for _ in range(30)]
    user = post.person("ann", *targets)
    for target in targets:
        tom.share(target, user=user)
        tom.datum(target)
    tom.x.will(AuthenticationFailed("no"))
    tom.deliver(after=60)
    tom.deliver(after=60)
    (mail,) = post.look()
    assert mail.body.count("\n- ") == 1
    assert "30 records of 30 shares wait: no." in mail.body


def test_the_mail_is_text_and_html_without_markup_of_others(tom: Tom, ann: User, post: Post) -> None:
    tom.x.will(AuthenticationFailed("<script>no\r\nBcc: eve@tom.test</script>"))
    tom.deliver()
    with override_settings(SHARECORE_SITE_URL="https://tom.example.org/"):
        (mail,) = post.look()
    ((html, kind),) = mail.alternatives
    assert kind == "text/html"
    assert "&lt;script&gt;no" in html
    assert "<script>" not in html
    for each in (html, mail.body):
        assert "https://tom.example.org/targets/persistentshare/destinations/" in each
        assert "https://tom.example.org/targets/persistentshare/notices/" in each
    assert "\nBcc" not in mail.message().as_string()


class TestPeople:
    def test_a_creator_is_told_of_own_shares_only(self, tom: Tom, ann: User, target: Any, post: Post) -> None:
        bob = post.person("bob", target)
        other = tom.target()
        post.tom.share(other, "y", user=post.person("cid", other))
        tom.datum(other)
        tom.x.will(Rejected(reason="no"))
        tom.y.will(Rejected(reason="never"))
        tom.deliver()
        mails = told(post.look())
        assert mails.keys() == {"ann@tom.test", "cid@tom.test"}
        assert "never" not in mails["ann@tom.test"]
        assert bob.email not in mails

    def test_nobody_without_rights_address_or_active_account(
        self, tom: Tom, ann: User, target: Any, post: Post
    ) -> None:
        for name, email in (("idle", None), ("mute", ""), ("lost", None)):
            other = tom.target()
            user = post.person(name, other, email=email)
            tom.share(other, user=user)
            tom.datum(other)
        tom.x.will(Rejected(reason="no"))
        tom.deliver()
        User.objects.filter(username="idle").update(is_active=False)
        remove_perm("tom_targets.view_persistentshare", User.objects.get(username="lost"))
        assert told(post.look()).keys() == {"ann@tom.test"}

    def test_who_may_see_a_share_no_more_is_told_nothing_of_its_end(
        self, tom: Tom, ann: User, post: Post
    ) -> None:
        tom.x.will(AuthenticationFailed("no"))
        tom.deliver()
        assert len(post.look()) == 1
        remove_perm("tom_targets.view_persistentshare", ann)
        tom.x.recover()
        shares.check(site.destinations()["x"])
        assert post.look(after=2 * HOUR) == []

    def test_members_only(self, tom: Tom, ann: User, post: Post) -> None:
        tom.x.will(AuthenticationFailed("no"))
        tom.deliver()
        closed = DATA_SHARING | {"x": {"ADAPTER": "memory", "GROUPS": ["Observers"]}}
        with override_settings(DATA_SHARING=closed):
            assert post.look() == []

    def test_operators_by_address(self, tom: Tom, ann: User, post: Post) -> None:
        tom.x.will(Rejected(reason="no"))
        tom.deliver()
        post.person("guest")
        User.objects.create_superuser("root", "Root@tom.test")
        names = ["ops@tom.test", "guest@tom.test", "root@tom.test", "ann@tom.test"]
        with override_settings(SHARECORE_NOTIFY=names):
            mails = told(post.look())
        assert mails.keys() == {"ops@tom.test", "Root@tom.test", "ann@tom.test"}
        assert all("1 record of 1 share was refused by x: no." in text for text in mails.values())

    def test_a_paused_copy_of_a_database_writes_to_nobody(self, tom: Tom, ann: User, post: Post) -> None:
        tom.x.will(Rejected(reason="no"))
        tom.deliver()
        with override_settings(SHARECORE_PAUSED=True):
            assert post.look() == []
        assert len(post.look()) == 1

    def test_data_that_a_user_may_not_see_are_not_counted(self, tom: Tom, ann: User, post: Post) -> None:
        tom.x.will(Rejected(reason="no"))
        tom.deliver()
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            assert post.look() == []


class TestChoices:
    def choose(self, user: User, choice: str) -> Any:
        client = Client()
        client.force_login(user)
        return client.post(PAGE, {"choice": choice})

    def test_nothing(self, tom: Tom, ann: User, post: Post) -> None:
        assert self.choose(ann, "nothing").status_code == 302
        tom.x.will(Rejected(reason="no"))
        tom.deliver()
        assert post.look() == post.look(after=30 * HOUR) == []
        self.choose(ann, "at_once")
        assert len(post.look()) == 1

    def test_a_daily_digest(self, tom: Tom, target: Any, ann: User, post: Post) -> None:
        self.choose(ann, "daily")
        tom.x.will(Rejected(reason="no"))
        tom.deliver()
        (mail,) = post.look()
        assert "daily digest, 1 problem" in mail.subject
        for _ in range(22):
            assert post.look(after=HOUR) == []
        (mail,) = post.look(after=2 * HOUR)
        assert "Not solved yet\n- 1 record" in mail.body
        tom.x.recover()
        retry.retry(tom.outbox(target).share_id)
        tom.deliver(after=60)
        assert post.look(after=HOUR) == []
        (mail,) = post.look(after=24 * HOUR)
        assert "Solved" in mail.body
        assert post.look(after=25 * HOUR) == []

    def test_the_page(self, tom: Tom, ann: User) -> None:
        client = Client()
        client.force_login(ann)
        page = client.get("/targets/persistentshare/manage/").content.decode()
        assert f'href="{PAGE}"' in page
        assert 'value="at_once" checked' in client.get(PAGE).content.decode()
        self.choose(ann, "daily")
        page = client.get(PAGE).content.decode()
        assert 'value="daily" checked' in page
        assert "ann@tom.test" in page
        page = client.post(PAGE, {"choice": "hourly"}).content.decode()
        assert "Choose one of these." in page
        assert 'value="daily" checked' in page
        User.objects.update(email="")
        assert "has no e-mail address" in client.get(PAGE).content.decode()

    def test_the_page_is_for_those_who_have_to_do_with_shares(self, tom: Tom) -> None:
        client = Client()
        assert client.get(PAGE).status_code == 302
        client.force_login(tom.user())
        assert "/accounts/login" in client.get(PAGE).url


def _queries(post: Post) -> int:
    with CaptureQueriesContext(connection) as queries:
        post.look()
    return len(queries)


def test_a_look_that_finds_no_change_costs_three_queries(tom: Tom, ann: User, post: Post) -> None:
    tom.x.will(Rejected(reason="no"))
    tom.deliver()
    with override_settings(SHARECORE_NOTIFY=["ops@tom.test"]):
        assert len(post.look()) == 2
        assert [_queries(post) for _ in range(20)] == [3] * 20
        tom.clock.forward(seconds=-31)
        assert _queries(post) == 0, "a minute has not passed"


def test_the_check_warns_of_mails_without_links() -> None:
    with override_settings(SHARECORE_NOTIFY=["ops@tom.test"]):
        assert [each.id for each in checks.check_mails()] == ["sharecore.W014"]
        with override_settings(SHARECORE_SITE_URL="http://localhost:8000"):
            assert checks.check_mails() == []
    assert checks.check_mails() == []
