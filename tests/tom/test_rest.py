"""The REST API of shares: what it shows, what it takes, and what it says when it takes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from guardian.shortcuts import assign_perm, remove_perm
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient
from tom_targets.models import PersistentShare

from sharecore.delivery import State
from tom.clients import rest_client
from tom_integration.models import Delivery, Outbox

if TYPE_CHECKING:
    from conftest import Tom

URL = "/targets/persistentshare/"
RIGHTS = ("view", "add", "change", "delete")


@pytest.fixture
def user(tom: Tom, target: Any) -> Any:
    user = tom.user(target, name="ada")
    for right in RIGHTS:
        assign_perm(f"tom_targets.{right}_persistentshare", user)
    return user


@pytest.fixture
def api(user: Any) -> APIClient:
    return rest_client(user)


def make(api: APIClient, target: Any, **fields: Any) -> Any:
    return api.post(URL, {"target": target.pk, "destination": "x", **fields}, format="json")


class TestCreating:
    def test_the_share_belongs_to_who_asks_whatever_the_request_says(
        self, api: APIClient, target: Any, user: Any, tom: Tom
    ) -> None:
        other = tom.user()
        answer = make(api, target, user=other.pk)
        assert answer.status_code == 201
        assert answer.json()["user"] == user.pk
        assert tom.outbox(target).creator_id == user.pk

    def test_stock_fields_keep_name_and_form(self, api: APIClient, target: Any, user: Any) -> None:
        made = make(api, target).json()
        share = PersistentShare.objects.get()
        stock = {name: made[name] for name in ("id", "target", "destination", "user")}
        assert stock == {"id": share.pk, "target": target.pk, "destination": "x", "user": user.pk}
        assert made["created"].endswith("Z")
        assert "share_existing_data" not in made

    def test_data_that_were_there_are_not_sent(self, api: APIClient, target: Any, tom: Tom) -> None:
        tom.datum(target)
        made = make(api, target).json()
        assert made["counts"] == {"baseline": 1}
        assert tom.deliver() == 0

    def test_unless_they_are_asked_for(self, api: APIClient, target: Any, tom: Tom) -> None:
        tom.datum(target)
        made = make(api, target, share_existing_data=True).json()
        assert made["pending"] == 1
        assert tom.deliver() == 1
        shown = api.get(f"{URL}{made['id']}/").json()
        assert (shown["delivered"], shown["pending"], shown["state"]) == (1, 0, "ok")

    def test_existing_data_can_be_asked_for_later(self, api: APIClient, target: Any, tom: Tom) -> None:
        tom.datum(target)
        pk = make(api, target).json()["id"]
        answer = api.patch(f"{URL}{pk}/", {"share_existing_data": True}, format="json")
        assert answer.json()["pending"] == 1

    def test_filter_and_until(self, api: APIClient, target: Any, tom: Tom) -> None:
        until = tom.clock.now + timedelta(days=30)
        made = make(api, target, filter={"kinds": ["spectrum"]}, until=until.isoformat()).json()
        assert made["filter"] == {"version": 1, "kinds": ["spectrum"]}
        assert made["until"].startswith(until.strftime("%Y-%m-%dT%H:%M"))
        tom.datum(target)
        tom.deliver(after=60)
        assert tom.states() == []

    def test_existing_data_of_a_limited_share_stay_within_its_limits(
        self, api: APIClient, target: Any, tom: Tom
    ) -> None:
        tom.datum(target)
        make(api, target, filter={"kinds": ["spectrum"]}, share_existing_data=True)
        tom.deliver()
        assert tom.states() == []

    def test_a_form_works_as_json_does(self, api: APIClient, target: Any) -> None:
        fields = {"target": target.pk, "destination": "y", "filter": '{"kinds": ["other", "spectrum"]}'}
        answer = api.post(URL, fields, format="multipart")
        assert answer.status_code == 201
        assert answer.json()["filter"]["kinds"] == ["spectrum", "other"]

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"destination": "z"}, "destination", "has no destination 'z'"),
            ({"destination": "broken"}, "destination", "DATA_SHARING['broken']"),
            ({"destination": ""}, "destination", "blank"),
            ({"destination": "x\x00"}, "destination", "Null"),
            ({"destination": "x" * 201}, "destination", "200"),
            ({"target": 0}, "target", "does not exist"),
            ({"target": "SN"}, "target", "pk value"),
            ({"target": None}, "target", "null"),
            ({"filter": {"kinds": ["radio"]}}, "filter", "radio"),
            ({"filter": {"telescope": "FTN"}}, "filter", "telescopes"),
            ({"filter": "spectrum"}, "filter", "filter"),
            ({"release_days": -1}, "release_days", "0"),
            ({"not_before": "soon"}, "not_before", "format"),
            ({"until": "2001-01-01T00:00:00Z"}, "until", "over"),
            ({"until": "soon"}, "until", "format"),
            ({"share_existing_data": "perhaps"}, "share_existing_data", "boolean"),
        ],
    )
    def test_an_error_stands_beside_its_field(
        self, api: APIClient, target: Any, fields: dict[str, Any], field: str, says: str
    ) -> None:
        sharing = {"x": {"ADAPTER": "memory"}, "broken": {"ADAPTER": "no-such-adapter"}}
        with override_settings(DATA_SHARING=sharing):
            answer = api.post(URL, {"target": target.pk, "destination": "x", **fields}, format="json")
        assert answer.status_code == 400
        assert list(answer.json()) == [field]
        assert says in json.dumps(answer.json()[field])
        assert not PersistentShare.objects.exists()

    def test_each_target_once_at_each_destination(self, api: APIClient, target: Any, tom: Tom) -> None:
        make(api, target)
        answer = make(api, target)
        assert answer.status_code == 400
        assert answer.json() == {"destination": ["This target is shared with x already."]}

    def test_two_at_the_same_moment(
        self, api: APIClient, target: Any, tom: Tom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tom_integration.api.share_serializers import ShareSerializer

        make(api, target)
        monkeypatch.setattr(ShareSerializer, "validate", lambda self, attrs: attrs)
        answer = make(api, target)
        assert answer.json() == {"destination": ["This target is shared with x already."]}

    def test_a_target_that_is_not_theirs_does_not_exist(self, api: APIClient, tom: Tom) -> None:
        secret = tom.target("secret")
        answer, none = make(api, secret), make(api, Nothing(secret.pk + 1000))
        assert answer.status_code == none.status_code == 400
        expected = answer.json()["target"][0].replace(str(secret.pk), "?")
        assert expected == none.json()["target"][0].replace(str(secret.pk + 1000), "?")

    def test_not_a_thing_that_is_read_as_json(self, api: APIClient) -> None:
        answer = api.post(URL, "[1", content_type="application/json")
        assert answer.status_code == 400
        assert api.post(URL, [1], format="json").status_code == 400


class Nothing:
    """A target that was never there."""

    def __init__(self, pk: int) -> None:
        self.pk = pk


class TestReading:
    def test_all_that_the_pages_know(self, api: APIClient, target: Any, tom: Tom) -> None:
        pk = make(api, target).json()["id"]
        tom.datum(target)
        shown = api.get(f"{URL}{pk}/").json()
        assert shown["target_name"] == "SN 2026abc"
        for name in (
            "state",
            "state_text",
            "counts",
            "pending",
            "failed",
            "needs_review",
            "withheld",
            "problem",
        ):
            assert name in shown
        for name in ("delivered_at", "next_at", "filter", "until", "paused", "remote"):
            assert name in shown

    def test_pages_of_the_size_that_the_tom_has_set(self, api: APIClient, target: Any) -> None:
        for destination in ("x", "y", "x:red"):
            make(api, target, destination=destination)
        answer = api.get(URL, {"limit": 2}).json()
        assert (answer["count"], len(answer["results"])) == (3, 2)
        rest = api.get(answer["next"]).json()
        assert len(rest["results"]) == 1

    def test_the_number_of_queries_does_not_grow_with_the_shares(
        self, api: APIClient, tom: Tom, user: Any, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(12):
            target = tom.target()
            assign_perm("tom_targets.change_target", user, target)
            tom.share(target, user=user)
        with django_assert_max_num_queries(32):
            assert len(api.get(URL).json()["results"]) == 12

    def test_a_share_made_in_bulk_is_shown_before_a_worker_saw_it(self, api: APIClient, target: Any) -> None:
        PersistentShare.objects.bulk_create([PersistentShare(target=target, destination="x")])
        (shown,) = api.get(URL).json()["results"]
        assert shown["state"] == "waiting"

    def test_shares_of_one_target(self, api: APIClient, target: Any, tom: Tom, user: Any) -> None:
        other = tom.target()
        assign_perm("tom_targets.change_target", user, other)
        make(api, target)
        make(api, other)
        (shown,) = api.get(f"/targets/{target.pk}/persistentshare/").json()["results"]
        assert shown["target"] == target.pk

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"destination": "x"}, ["x", "x:red"]),
            ({"destination": "x:red"}, ["x:red"]),
            ({"destination": "nowhere"}, []),
            ({"target": 0}, []),
            ({"user": 0}, []),
            ({"state": "paused"}, ["y"]),
            ({"state": ["paused", "ok"]}, ["x", "x:red", "y"]),
            ({"state": "action-needed"}, []),
        ],
    )
    def test_filters(
        self, api: APIClient, target: Any, tom: Tom, query: dict[str, Any], expected: list[str]
    ) -> None:
        for destination in ("x", "y", "x:red"):
            make(api, target, destination=destination)
        Outbox.objects.filter(destination="y").update(paused="by hand")
        tom.deliver()
        found = api.get(URL, query).json()["results"]
        assert sorted(each["destination"] for each in found) == expected

    @pytest.mark.parametrize("query", [{"state": "fine"}, {"target": "SN"}, {"user": "ada"}])
    def test_a_filter_that_means_nothing_is_refused(self, api: APIClient, query: dict[str, str]) -> None:
        answer = api.get(URL, query)
        assert answer.status_code == 400
        assert list(answer.json()) == list(query)

    def test_order(self, api: APIClient, target: Any) -> None:
        for destination in ("x", "y", "x:red"):
            make(api, target, destination=destination)
        up = [each["destination"] for each in api.get(URL, {"ordering": "destination"}).json()["results"]]
        assert up == ["x", "x:red", "y"]
        newest = [each["destination"] for each in api.get(URL).json()["results"]]
        assert newest == ["x:red", "y", "x"]

    def test_json_whatever_a_browser_would_like(self, api: APIClient, target: Any) -> None:
        answer = api.get(URL, headers={"Accept": "text/html"})
        assert answer["Content-Type"] == "application/json"


class TestChanging:
    def test_the_creator_stays(self, api: APIClient, target: Any, user: Any, tom: Tom) -> None:
        other = tom.user()
        pk = make(api, target).json()["id"]
        for method in (api.put, api.patch):
            fields = {"target": target.pk, "destination": "x", "user": other.pk}
            answer = method(f"{URL}{pk}/", fields, format="json")
            assert answer.status_code == 200
            assert answer.json()["user"] == user.pk

    def test_another_destination_gets_what_comes_from_now_on(
        self, api: APIClient, target: Any, tom: Tom
    ) -> None:
        pk = make(api, target, filter={"kinds": ["photometry"]}).json()["id"]
        api.post(f"{URL}{pk}/pause/")
        tom.datum(target)
        answer = api.patch(f"{URL}{pk}/", {"destination": "y"}, format="json").json()
        # What it was told before still holds.
        assert (answer["filter"]["kinds"], answer["state"]) == (["photometry"], "paused")
        api.post(f"{URL}{pk}/resume/")
        fresh = tom.datum(target)
        tom.deliver_until_quiet()
        assert tom.state(fresh, "y") is State.DELIVERED
        assert tom.states("y") == ["baseline", "delivered"]
        assert not Delivery.objects.filter(destination="x", state=State.DELIVERED).exists()

    def test_another_target_must_be_theirs_too(self, api: APIClient, target: Any, tom: Tom) -> None:
        pk = make(api, target).json()["id"]
        answer = api.patch(f"{URL}{pk}/", {"target": tom.target("secret").pk}, format="json")
        assert answer.status_code == 400
        assert "does not exist" in answer.json()["target"][0]

    def test_a_share_whose_user_is_gone_belongs_to_who_moves_it(
        self, api: APIClient, target: Any, tom: Tom, user: Any
    ) -> None:
        maker = tom.user(target)
        share = tom.share(target, user=maker)
        maker.delete()
        api.patch(f"{URL}{share.pk}/", {"destination": "y"}, format="json")
        assert tom.outbox(target, "y").creator_id == user.pk
        tom.datum(target)
        remove_perm("tom_targets.change_target", user, target)
        tom.deliver_until_quiet()
        assert State.DELIVERED not in tom.states("y")

    def test_onto_another_share(self, api: APIClient, target: Any) -> None:
        make(api, target)
        pk = make(api, target, destination="y").json()["id"]
        answer = api.patch(f"{URL}{pk}/", {"destination": "x"}, format="json")
        assert answer.status_code == 400
        assert list(answer.json()) == ["destination"]

    def test_a_share_of_a_removed_destination_can_still_be_limited(self, api: APIClient, target: Any) -> None:
        pk = make(api, target, destination="y").json()["id"]
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory"}}):
            fields = {"target": target.pk, "destination": "y", "filter": {"kinds": ["other"]}}
            answer = api.put(f"{URL}{pk}/", fields, format="json")
            assert answer.status_code == 200
            shown = api.get(f"{URL}{pk}/").json()
        assert (shown["state"], shown["filter"]["kinds"]) == ("action-needed", ["other"])
        assert "has no destination 'y'" in shown["state_text"]

    def test_limits_that_are_not_named_stay(self, api: APIClient, target: Any, tom: Tom) -> None:
        until = (tom.clock.now + timedelta(days=3)).isoformat()
        pk = make(api, target, kinds=["other"], until=until).json()["id"]
        shown = api.patch(f"{URL}{pk}/", {"filter": {}}, format="json").json()
        assert shown["filter"] == {}
        assert shown["until"]
        shown = api.patch(f"{URL}{pk}/", {"until": None}, format="json").json()
        assert shown["until"] is None

    def test_deleting_says_nothing(self, api: APIClient, target: Any, tom: Tom) -> None:
        pk = make(api, target).json()["id"]
        tom.datum(target)
        answer = api.delete(f"{URL}{pk}/")
        assert (answer.status_code, answer.content) == (204, b"")
        assert tom.deliver(after=60) == 0
        assert api.get(f"{URL}{pk}/").status_code == 404


class TestActing:
    def test_pause_and_resume(self, api: APIClient, target: Any, tom: Tom) -> None:
        pk = make(api, target).json()["id"]
        shown = api.post(f"{URL}{pk}/pause/").json()
        assert (shown["state"], shown["paused"]) == ("paused", "paused by ada")
        tom.datum(target)
        assert tom.deliver(after=60) == 0
        api.post(f"{URL}{pk}/resume/")
        assert tom.deliver(after=60) == 1

    @pytest.mark.parametrize("act", ["pause", "resume", "retry"])
    def test_a_share_made_in_bulk_before_a_worker_saw_it(self, api: APIClient, target: Any, act: str) -> None:
        PersistentShare.objects.bulk_create([PersistentShare(target=target, destination="x")])
        answer = api.post(f"{URL}{PersistentShare.objects.get().pk}/{act}/")
        assert (answer.status_code, answer.json().get("retried")) == (200, 0 if act == "retry" else None)

    def test_adopting_what_its_user_can_answer_for(self, api: APIClient, target: Any) -> None:
        pk = make(api, target).json()["id"]
        answer = api.post(f"{URL}{pk}/adopt/")
        assert answer.status_code == 409
        assert "still answers" in answer.json()["detail"]

    def test_adopting(self, api: APIClient, target: Any, tom: Tom, user: Any) -> None:
        gone = tom.user(target)
        share = tom.share(target, user=gone)
        gone.is_active = False
        gone.save()
        tom.datum(target)
        tom.deliver(after=60)
        assert api.get(f"{URL}{share.pk}/").json()["state"] == "action-needed"
        assert api.post(f"{URL}{share.pk}/adopt/").json()["user"] == user.pk
        assert tom.deliver() == 1

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
    def test_actions_are_posted(self, api: APIClient, target: Any, method: str) -> None:
        pk = make(api, target).json()["id"]
        assert getattr(api, method)(f"{URL}{pk}/pause/").status_code == 405


class TestDeliveries:
    @pytest.fixture
    def share(self, tom: Tom, target: Any, user: Any) -> Any:
        share = tom.share(target, user=user)
        rows = [tom.datum(target) for _ in range(3)]
        tom.deliver(after=60)
        lost = {"delivered_at": None, "fingerprint": ""}
        failed, held = (Delivery.objects.filter(datum_pk=row.pk) for row in rows[1:])
        failed.update(state=State.FAILED, reason="<b>bad</b> filter", **lost)
        held.update(state=State.NEEDS_REVIEW, reason="no answer", **lost)
        return share

    @pytest.fixture
    def url(self, share: Any) -> str:
        return f"{URL}{share.pk}/deliveries/"

    def test_latest_datum_first(self, api: APIClient, url: str) -> None:
        shown = api.get(url).json()
        assert [each["state"] for each in shown["results"]] == ["needs_review", "failed", "delivered"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"state": "failed"}, ["failed"]),
            ({"state": ["failed", "needs_review"]}, ["needs_review", "failed"]),
            ({"search": "filter"}, ["failed"]),
            ({"search": "nothing of that"}, []),
            ({"kind": "spectrum"}, []),
            ({"ordering": "timestamp"}, ["delivered", "failed", "needs_review"]),
            ({"limit": 1}, ["needs_review"]),
        ],
    )
    def test_finding(self, api: APIClient, url: str, query: Any, expected: list[str]) -> None:
        assert [each["state"] for each in api.get(url, query).json()["results"]] == expected

    def test_a_state_that_there_is_not(self, api: APIClient, url: str) -> None:
        assert api.get(url, {"state": "lost"}).status_code == 400

    def test_one_with_what_each_call_brought(self, api: APIClient, url: str) -> None:
        pk = Delivery.objects.get(state=State.DELIVERED).pk
        (attempt,) = api.get(f"{url}{pk}/").json()["history"]
        assert attempt["outcome"] == "accepted"

    def test_trying_one_again(self, api: APIClient, url: str, tom: Tom) -> None:
        row = Delivery.objects.get(state=State.FAILED)
        assert api.post(f"{url}{row.pk}/retry/").json()["state"] == "pending"
        assert tom.deliver() == 1

    @pytest.mark.parametrize(("sent", "state"), [(True, "delivered"), (False, "pending")])
    def test_saying_what_became_of_one(self, api: APIClient, url: str, sent: bool, state: str) -> None:
        row = Delivery.objects.get(state=State.NEEDS_REVIEW)
        answer = api.post(f"{url}{row.pk}/resolve/", {"sent": sent}, format="json")
        assert answer.json()["state"] == state

    def test_without_saying_it(self, api: APIClient, url: str) -> None:
        row = Delivery.objects.get(state=State.NEEDS_REVIEW)
        answer = api.post(f"{url}{row.pk}/resolve/", {}, format="json")
        assert (answer.status_code, list(answer.json())) == (400, ["sent"])

    @pytest.mark.parametrize("act", ["retry", "resolve"])
    def test_of_one_that_arrived(self, api: APIClient, url: str, act: str) -> None:
        row = Delivery.objects.get(state=State.DELIVERED)
        answer = api.post(f"{url}{row.pk}/{act}/", {"sent": False}, format="json")
        assert answer.status_code == 409
        row.refresh_from_db()
        assert row.state == State.DELIVERED

    def test_of_another_share(self, api: APIClient, url: str, tom: Tom) -> None:
        other = tom.target()
        tom.share(other)
        datum = tom.datum(other)
        tom.deliver(after=60)
        row = tom.row(datum)
        assert api.get(f"{url}{row.pk}/").status_code == 404
        assert api.post(f"{url}{row.pk}/retry/").status_code == 404

    def test_of_data_that_the_user_may_not_see(self, api: APIClient, url: str, tom: Tom, user: Any) -> None:
        row = Delivery.objects.get(state=State.FAILED)
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            assert api.get(url).json()["count"] == 0
            assert api.post(f"{url}{row.pk}/retry/").status_code == 404
            from tom_dataproducts.models import PhotometryReducedDatum

            datum = PhotometryReducedDatum.objects.get(pk=row.datum_pk)
            assign_perm("tom_dataproducts.view_photometryreduceddatum", user, datum)
            assert api.get(url).json()["count"] == 1


class TestRefusals:
    def test_anonymous(self, target: Any, tom: Tom) -> None:
        share = tom.share(target)
        for path in (URL, f"{URL}{share.pk}/", f"{URL}{share.pk}/deliveries/"):
            answer = APIClient().get(path)
            assert answer.status_code == 401
            assert answer.json() == {"detail": "Authentication credentials were not provided."}

    def test_without_permission_json_and_no_login_page(self, target: Any, tom: Tom) -> None:
        answer = rest_client(tom.user(target)).get(URL)
        assert answer.status_code == 403
        assert answer.json()["detail"].startswith("You have no permission")

    def test_a_session_needs_the_csrf_token(self, user: Any, target: Any) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        answer = make(client, target)
        assert answer.status_code == 403
        assert "CSRF" in answer.json()["detail"]
        assert not PersistentShare.objects.exists()

    def test_a_token_needs_none(self, user: Any, target: Any) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get(user=user).key}")
        assert make(client, target).status_code == 201

    def test_a_wrong_token_or_password(self, tom: Tom) -> None:
        for credentials in ("Token 0123", "Basic YWRhOndyb25n"):
            client = APIClient()
            client.credentials(HTTP_AUTHORIZATION=credentials)
            assert client.get(URL).status_code == 401

    def test_htmx_gets_the_refusal_itself(self, target: Any, tom: Tom) -> None:
        answer = rest_client(tom.user()).get(URL, headers={"HX-Request": "true"})
        assert answer.status_code == 403

    def test_an_account_with_terms_to_accept(self, api: APIClient, user: Any) -> None:
        with override_settings(TOM_TERMS_OF_SERVICE_VERSION="2026"):
            answer = api.get(URL)
        assert answer.status_code == 403
        assert answer.json()["detail"].endswith("on the page: /terms/accept/")

    @pytest.mark.parametrize("number", ["99999999999999999999999", "-1"])
    def test_numbers_beyond_all_measure(self, api: APIClient, target: Any, number: str) -> None:
        assert api.get(f"{URL}{number}/").status_code == 404
        assert api.get(f"/targets/{number}/persistentshare/").status_code == 404
        assert list(api.get(URL, {"target": number, "user": number}).json()) == ["target", "user"]
        answer = api.post(URL, {"target": number, "destination": "x"}, format="json")
        assert list(answer.json()) == ["target"]
        pk = make(api, target).json()["id"]
        assert list(api.get(f"{URL}{pk}/deliveries/", {"datum_pk": number}).json()) == ["datum_pk"]
        assert api.get(f"{URL}{pk}/deliveries/{number}/").status_code == 404

    def test_other_pages_still_lead_to_the_login(self, tom: Tom) -> None:
        answer = rest_client(tom.user()).get("/users/create/")
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


class TestLocked:
    """tomtoolkit refuses whoever has no session before a view is asked, so before tokens are looked at."""

    @pytest.fixture(autouse=True)
    def locked(self, tom: Tom) -> Iterator[None]:
        with override_settings(AUTH_STRATEGY="LOCKED"):
            yield

    def test_a_session_works(self, api: APIClient, target: Any) -> None:
        assert make(api, target).status_code == 201

    def test_anonymous_gets_json_and_the_reason(self, tom: Tom) -> None:
        answer = APIClient().get(URL)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"]
        assert "locked" in answer.json()["detail"]

    def test_a_token_works_where_the_operator_opened_the_path(self, user: Any, target: Any) -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get(user=user).key}")
        answer = make(client, target)
        assert answer.status_code == 401
        assert "OPEN_URLS" in answer.json()["detail"]
        with override_settings(OPEN_URLS=["/targets/persistentshare/*"]):
            client.handler._middleware_chain = None  # type: ignore[attr-defined]  # reads OPEN_URLS once
            assert make(client, target).status_code == 201
            assert APIClient().get(URL).status_code == 401

    def test_other_pages_are_as_before(self, tom: Tom) -> None:
        assert APIClient().get("/targets/").status_code == 302
