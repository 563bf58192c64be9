"""What those learn and do who may share a target, but not view or not make shares of it: nothing more."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import DataProduct
from tom_targets.models import PersistentShare, TargetList

from sharecore.delivery import State
from tom.conftest import NIGHT
from tom_integration.models import Delivery, OneTimeShare, Outbox

if TYPE_CHECKING:
    from conftest import Tom

API = "/targets/persistentshare/"
SHARES = f"{API}manage/"
ADMIN = "/admin/tom_targets/persistentshare/"
_CHANGES = re.compile(r"[A-Za-z0-9]{64}|\d\d:\d\d:\d\d|T\d\d:\d\d[^\"]*")
"""Tokens, and the time of day, which differ from one request to the next."""


def browser(user: User, *rights: str, staff: bool = False) -> Client:
    for right in rights:
        assign_perm(f"tom_targets.{right}_persistentshare", user)
    User.objects.filter(pk=user.pk).update(is_staff=staff)
    client = Client()
    client.force_login(user)
    return client


def said(answer: Any) -> list[str]:
    return [str(each) for each in get_messages(answer.wsgi_request)]


def shared_before(tom: Tom, target: Any) -> None:
    """A superuser's share to x, which has delivered what there is, and is deleted for y."""
    root = User.objects.create_superuser("hidden-hand")
    share = tom.share(target, "x", user=root)
    gone = tom.share(target, "y", user=root)
    for destination in ("x", "y"):
        tom.share_existing(target, destination)
    tom.deliver_until_quiet()
    gone.delete()
    assert share.pk
    assert set(tom.states("x")) == set(tom.states("y")) == {"delivered"}


class TestMovingAShare:
    """Whoever moves a share makes one: that takes the right to add, and it is theirs from then on."""

    @pytest.mark.parametrize("method", ["patch", "put"])
    @pytest.mark.parametrize("where", ["destination", "target"])
    def test_without_the_right_to_add(self, tom: Tom, target: Any, method: str, where: str) -> None:
        other = tom.target()
        share = tom.share(target, user=User.objects.create_superuser("root"))
        client = browser(tom.user(target, other), "view", "change")
        body = {"target": target.pk, "destination": "x", "share_existing_data": True}
        body[where] = {"destination": "y", "target": other.pk}[where]
        answer = getattr(client, method)(f"{API}{share.pk}/", body, content_type="application/json")
        assert answer.status_code == 403
        share.refresh_from_db()
        assert (share.target_id, share.destination, share.user.username) == (target.pk, "x", "root")

    def test_who_moves_it_answers_for_it(self, tom: Tom, target: Any) -> None:
        hidden, seen = tom.datum(target), tom.datum(target)
        share = tom.share(target, user=User.objects.create_superuser("root"))
        user = tom.user(target)
        client = browser(user, "view", "change", "add")
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            assign_perm("tom_dataproducts.view_photometryreduceddatum", user, seen)
            body = {"destination": "y", "share_existing_data": True}
            answer = client.patch(f"{API}{share.pk}/", body, content_type="application/json")
            assert answer.json()["user"] == user.pk
            tom.deliver_until_quiet()
        assert tom.outbox(target, "y").creator_id == user.pk
        assert tom.state(seen, "y") is State.DELIVERED
        assert tom.state(hidden, "y") is State.BASELINE

    def test_existing_data_are_those_that_who_asks_may_see(self, tom: Tom, target: Any) -> None:
        hidden, seen = tom.datum(target), tom.datum(target)
        share = tom.share(target, user=User.objects.create_superuser("root"))
        user = tom.user(target)
        client = browser(user, "view", "change")
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            assign_perm("tom_dataproducts.view_photometryreduceddatum", user, seen)
            body = {"share_existing_data": True}
            client.patch(f"{API}{share.pk}/", body, content_type="application/json")
            tom.deliver_until_quiet()
        assert (tom.state(seen), tom.state(hidden)) == (State.DELIVERED, State.BASELINE)

    def test_what_stays_where_it_is_keeps_its_creator(self, tom: Tom, target: Any) -> None:
        root = User.objects.create_superuser("root")
        share = tom.share(target, user=root)
        client = browser(tom.user(target), "view", "change")
        body = {"target": target.pk, "destination": "x", "filter": {"kinds": ["other"]}}
        answer = client.put(f"{API}{share.pk}/", body, content_type="application/json")
        assert (answer.status_code, answer.json()["user"]) == (200, root.pk)


class TestNothingIsToldOfADestination:
    """The same requests, in a TOM where all was shared before and in one where nothing was."""

    @pytest.mark.any_database
    @pytest.mark.parametrize("rights", [(), ("add",), ("change", "delete")])
    @pytest.mark.parametrize("single", [False, True])
    def test_to_who_may_share_the_target_and_not_view_shares(
        self, tom: Tom, rights: tuple[str, ...], single: bool
    ) -> None:
        fresh, known = tom.target("SN 2026aa1"), tom.target("SN 2026aa2")
        for target in (fresh, known):
            for number in range(3):
                tom.datum(target, timestamp=NIGHT + timedelta(minutes=number), brightness=18.0 + number)
            DataProduct.objects.create(target=target, product_id=f"night {target.pk}", data="night.csv")
        shared_before(tom, known)
        user = tom.user(fresh, known, name="mallory")
        assign_perm("tom_targets.view_targetlist", user)
        for model in ("photometryreduceddatum", "dataproduct"):
            assign_perm(f"tom_dataproducts.view_{model}", user)
        client = browser(user, *rights)
        with override_settings(TARGET_PERMISSIONS_ONLY=not single):
            pairs = zip(self.answers(tom, client, known), self.answers(tom, client, fresh), strict=True)
            for told, untold in pairs:
                assert told[:2] == untold[:2]
                assert sorted(told[2] ^ untold[2]) == [], told[0]

    @staticmethod
    def answers(tom: Tom, client: Client, target: Any) -> list[Any]:
        group = TargetList.objects.create(name="Tonight")
        group.targets.add(target)
        form = {"kinds": ["photometry"], "destination": "x", "share_existing_data": "on"}
        once = {"kinds": ["photometry"], "dataSwitch": "on", "selected-target": [target.pk]}
        of_target = f"/targets/{target.pk}/persistentshare/manage/"
        asked: list[tuple[str, Any]] = [(f"/targets/{target.pk}/share/", None)]
        for destination in ("x", "y"):
            body = {**once, "share_destination": destination}
            for path in (
                f"/targets/{target.pk}/share/",
                f"/dataproducts/target/{target.pk}/share/",
                f"/targets/targetgrouping/{group.pk}/share/",
            ):
                asked.append((path, body))
            for part in ("existing", "preview"):
                asked.append((f"{of_target}{part}", {**form, "destination": destination}))
                asked.append((f"{SHARES}{part}", {**form, "destination": destination, "target": target.pk}))
            asked.append((f"{of_target}preview", {**form, "destination": destination, "file": "1"}))
        asked += [
            (f"/targets/{target.pk}/share/", None),
            (f"/targets/{target.pk}/share/?tab=continuous", None),
            (of_target, None),
            (f"{API}?destination=x", None),
            (f"/targets/{target.pk}/persistentshare/", None),
        ]
        found: list[Any] = []
        for path, data in asked:
            client.cookies.pop("messages", None)
            answer = client.get(path) if data is None else client.post(path, data)
            told = [answer.getvalue().decode(), answer.get("Location", ""), *said(answer)]
            body = _CHANGES.sub("", "\n".join(told))
            body = body.replace(target.name, "NAME").replace(f"/{target.pk}/", "/PK/")
            # primary keys of data, lists and targets in fields
            body = re.sub(r'value="(\w+:)?\d+"|name=\d+|datum \d+|"(pk|id)": ?\d+|grouping/\d+', "", body)
            lines = frozenset(line.strip() for line in body.splitlines())
            path = path.replace(f"/{target.pk}/", "/PK/").replace(f"/{group.pk}/", "")
            found.append((path, answer.status_code, lines))
        group.delete()
        return found

    def test_one_who_may_make_shares_is_refused_without_the_reason(self, tom: Tom, target: Any) -> None:
        tom.datum(target)
        shared_before(tom, target)
        client = browser(tom.user(target), "add")
        for answer in (
            client.post(API, {"target": target.pk, "destination": "x"}, content_type="application/json"),
            client.post(f"{SHARES}create", {"target": target.pk, "destination": "x", "kinds": ["other"]}),
        ):
            assert "already" not in answer.getvalue().decode()
            assert "unique" not in answer.getvalue().decode()
        assert PersistentShare.objects.count() == 1

    def test_what_is_made_is_answered_without_what_the_destination_has(self, tom: Tom, target: Any) -> None:
        tom.datum(target)
        shared_before(tom, target)
        user = tom.user(target)
        body = {"target": target.pk, "destination": "y"}
        made = browser(user, "add").post(API, body, content_type="application/json")
        assert made.status_code == 201
        assert set(made.json()) == {"id", "target", "target_name", "destination", "user", "created"}

    def test_what_is_changed_is_answered_without_it(self, tom: Tom, target: Any) -> None:
        tom.datum(target)
        shared_before(tom, target)
        share = PersistentShare.objects.get()
        client = browser(tom.user(target), "change", "delete")
        for act, status in (("retry", 200), ("pause", 200), ("adopt", 409)):
            answer = client.post(f"{API}{share.pk}/{act}/", {}, content_type="application/json")
            assert answer.status_code == status
            assert set(answer.json()) in ({"id"}, {"detail"})
        row = Delivery.objects.filter(destination="x").first()
        assert row is not None
        answer = client.post(f"{API}{share.pk}/deliveries/{row.pk}/retry/")
        assert (answer.status_code, "has it" in answer.getvalue().decode()) == (409, False)
        assert not re.search(r"\d", said(client.post(f"{SHARES}{share.pk}/retry"))[0].replace("2026", ""))
        assert "delivered record" not in client.get(f"{SHARES}{share.pk}/delete").getvalue().decode()

    def test_who_may_view_is_told(self, tom: Tom, target: Any) -> None:
        tom.datum(target)
        shared_before(tom, target)
        client = browser(tom.user(target), "view", "add")
        answer = client.post(
            f"/targets/{target.pk}/share/", {"kinds": ["photometry"], "share_destination": "y"}
        )
        assert said(answer)[0].startswith("Nothing new to send")
        answer = client.post(API, {"target": target.pk, "destination": "x"}, content_type="application/json")
        assert answer.json() == {"destination": ["This target is shared with x already."]}


class TestOneTimeShares:
    def test_their_own_failures_are_told_to_who_asked_and_to_nobody_else(self, tom: Tom, target: Any) -> None:
        tom.datum(target)
        mine, other = tom.user(target, name="mine"), tom.user(target, name="other")
        page = f"/targets/{target.pk}/share/"
        browser(mine).post(page, {"kinds": ["photometry"], "share_destination": "y", "share_title": "By me"})
        Delivery.objects.update(state=State.FAILED, reason="the filter is unknown there")
        seen, unseen = (browser(user).get(page).getvalue().decode() for user in (mine, other))
        assert "By me" in seen
        assert "1 record did not arrive, or may not have: the filter is unknown there." in seen
        assert "By me" not in unseen
        assert "filter is unknown" not in unseen

    @pytest.mark.parametrize("permissions", ["PRIVATE", "OPEN"])
    @pytest.mark.parametrize("rights", [(), ("add",), ("view", "change")])
    @pytest.mark.parametrize("own_target", [False, True])
    def test_no_id_can_be_found_out(
        self, tom: Tom, target: Any, permissions: str, rights: tuple[str, ...], own_target: bool
    ) -> None:
        if rights == ("view", "change") and own_target:
            return_to_who_may(tom, target)
            return
        target.permissions = permissions
        target.save()
        tom.datum(target)
        outbox = once(tom, target)
        row = Delivery.objects.get()
        client = browser(tom.user(*([target] if own_target else [])), *rights)
        for act in ("retry", "arrived", "resend"):
            there, gone = (client.post(f"{SHARES}records/{pk}/{act}") for pk in (row.pk, row.pk + 999))
            assert (
                (there.status_code, there.get("Location"))
                == (gone.status_code, gone.get("Location"))
                == (404, None)
            )
            here = f"/targets/{target.pk}/share/"
            there, gone = (client.post(f"{here}{pk}/{act}") for pk in (outbox.pk, outbox.pk + 999))
            assert there.status_code == gone.status_code
        there, gone = (client.get(f"{here}{pk}/") for pk in (outbox.pk, outbox.pk + 999))
        assert there.status_code == gone.status_code


def once(tom: Tom, target: Any) -> Outbox:
    root = User.objects.create_superuser("root")
    browser(root).post(f"/targets/{target.pk}/share/", {"kinds": ["photometry"], "share_destination": "y"})
    assert OneTimeShare.objects.get().user_id == root.pk
    return tom.outbox(target, "y")


def return_to_who_may(tom: Tom, target: Any) -> None:
    tom.datum(target)
    outbox = once(tom, target)
    client = browser(tom.user(target), "view", "change")
    answer = client.post(f"{SHARES}records/{Delivery.objects.get().pk}/retry")
    assert answer["Location"] == f"/targets/{target.pk}/share/{outbox.pk}/"
    assert client.get(answer["Location"]).status_code == 200


def test_a_viewer_who_may_not_change_the_targets_is_told_no_untruth(tom: Tom, target: Any) -> None:
    for name in ("SN 2026a", "SN 2026b"):
        tom.share(tom.target(name), user=None)
    page = browser(tom.user(), "view").get(SHARES).getvalue().decode()
    assert "There is no continuous share yet" not in page
    assert "no continuous share that you may view" in page
    root = browser(User.objects.create_superuser("root"))
    PersistentShare.objects.all().delete()
    assert "There is no continuous share yet" in root.get(SHARES).getvalue().decode()


class TestAdmin:
    """The admin of tomtoolkit, for staff with every right on shares, of whom one may change the target."""

    @pytest.fixture
    def root(self, tom: Tom) -> User:
        return User.objects.create_superuser("hidden-hand")

    def test_of_a_target_that_is_not_theirs_nothing_is_seen_changed_or_deleted(
        self, tom: Tom, target: Any, root: User
    ) -> None:
        share = tom.share(target, user=root)
        client = browser(tom.user(), "view", "add", "change", "delete", staff=True)
        listed = client.get(ADMIN)
        assert (listed.status_code, "0 persistent shares" in listed.getvalue().decode()) == (200, True)
        for act in ("change", "delete", "history"):
            answers = [client.get(f"{ADMIN}{pk}/{act}/") for pk in (share.pk, share.pk + 999)]
            assert [(each.status_code, each["Location"]) for each in answers] == [(302, "/admin/")] * 2
            client.post(f"{ADMIN}{share.pk}/{act}/", {"post": "yes"})
        client.post(ADMIN, {"action": "delete_selected", "_selected_action": [share.pk], "post": "yes"})
        assert PersistentShare.objects.filter(pk=share.pk).exists()

    def test_nothing_is_made_for_a_target_that_is_not_theirs(self, tom: Tom, target: Any, root: User) -> None:
        client = browser(tom.user(), "view", "add", staff=True)
        assert target.name not in client.get(f"{ADMIN}add/?target={target.pk}").getvalue().decode()
        bodies = []
        for pk in (target.pk, target.pk + 999):
            answer = client.post(f"{ADMIN}add/", {"target": pk, "destination": "y", "user": root.pk})
            assert answer.status_code == 200
            bodies.append(_CHANGES.sub("", answer.getvalue().decode()).replace(f'"{pk}"', ""))
        assert bodies[0] == bodies[1]
        assert not PersistentShare.objects.exists()

    def test_the_creator_is_who_saves(self, tom: Tom, target: Any, root: User) -> None:
        user = tom.user(target)
        client = browser(user, "view", "add", "change", staff=True)
        answer = client.post(f"{ADMIN}add/", {"target": target.pk, "destination": "y", "user": root.pk})
        assert answer.status_code == 302
        share = PersistentShare.objects.get()
        assert (share.user, tom.outbox(target, "y").creator_id) == (user, user.pk)

    @pytest.mark.parametrize(
        ("rights", "moved"), [(("view", "change"), False), (("view", "change", "add"), True)]
    )
    def test_who_moves_it_needs_the_right_to_add_and_answers_for_it(
        self, tom: Tom, target: Any, root: User, rights: tuple[str, ...], moved: bool
    ) -> None:
        share = tom.share(target, user=root)
        user = tom.user(target)
        client = browser(user, *rights, staff=True)
        client.post(f"{ADMIN}{share.pk}/change/", {"target": target.pk, "destination": "y", "user": root.pk})
        share.refresh_from_db()
        assert (share.destination, share.user) == (("y", user) if moved else ("x", root))
        client.post(f"{ADMIN}{share.pk}/change/", {"target": target.pk, "destination": share.destination})
        share.refresh_from_db()
        assert share.user == (user if moved else root)

    def test_a_share_that_is_in_the_way_is_told_to_who_may_view_it(
        self, tom: Tom, target: Any, root: User
    ) -> None:
        share = tom.share(target, "y", user=root)
        viewer = browser(tom.user(target), "view", "add", staff=True)
        adder = browser(tom.user(target), "add", staff=True)
        form = {"target": target.pk, "destination": "y"}
        assert "is shared with y already" in viewer.post(f"{ADMIN}add/", form).getvalue().decode()
        assert "already" not in adder.post(f"{ADMIN}add/", form).getvalue().decode()
        assert PersistentShare.objects.get() == share

    def test_to_delete_a_target_names_no_share(self, tom: Tom, target: Any, root: User) -> None:
        """Whether it is shared or not, the page reads the same, and the target goes."""
        user = tom.user(target)
        user.user_permissions.add(
            *Permission.objects.filter(codename__in=("delete_target", "delete_basetarget", "view_target"))
        )
        client = browser(user, staff=True)
        page = f"/admin/tom_targets/basetarget/{target.pk}/delete/"
        unshared = _CHANGES.sub("", client.get(page).getvalue().decode())
        assert "Are you sure" in unshared
        tom.share(target, user=root)
        assert _CHANGES.sub("", client.get(page).getvalue().decode()) == unshared
        assert client.post(page, {"post": "yes"}).status_code == 302
        assert not type(target).objects.filter(pk=target.pk).exists()

    @pytest.mark.parametrize("value", ["0001-01-01T00:00:00%2B14:00", "x"])
    def test_only_the_filters_of_the_page_are_asked(self, root: User, value: str) -> None:
        client = Client()
        client.force_login(root)
        assert client.get(f"/admin/sharecore/delivery/?sent_at={value}").status_code in (302, 400)
        assert client.get("/admin/sharecore/delivery/?state__exact=failed").status_code == 200

    def test_the_ledger_is_read_by_the_same_rule(self, tom: Tom, target: Any, root: User) -> None:
        tom.datum(target)
        shared_before_by(tom, target, root)
        models = ("outbox", "delivery", "attempt", "onetimeshare")
        stranger, viewer = tom.user(name="stranger"), tom.user(target, name="viewer")
        for user in (stranger, viewer):
            for model in models:
                assign_perm(f"sharecore.view_{model}", user)
        clients = [browser(user, "view", staff=True) for user in (stranger, viewer)]
        for model in models:
            hidden, shown = (client.get(f"/admin/sharecore/{model}/").context["cl"] for client in clients)
            assert hidden.result_count == 0
            assert shown.result_count > 0, model


def shared_before_by(tom: Tom, target: Any, user: User) -> None:
    browser(user).post(f"/targets/{target.pk}/share/", {"kinds": ["photometry"], "share_destination": "y"})
    tom.deliver_until_quiet()
