"""Who may send a batch, for which target, and what is refused as a whole: then nothing is stored."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import OperationalError
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm
from tom_targets.base_models import BaseTarget, TargetMatchManager, get_target_model_app_label
from tom_targets.models import Target, TargetList, TargetName
from tom_targets.serializers import TargetSerializer

from sharecore import Target as SharedTarget
from sharecore.testing.examples import SITE, TARGETS, example_record
from sharecore.wire import target_as_wire
from tom.conftest import Tom
from tom.incoming import URL, Sender, body, entry, outcomes
from tom_integration import site
from tom_integration.inbox import batch_limits, store
from tom_integration.inbox import body as bodies
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.target_fields import custom_fields
from tom_integration.models import InboxRecord

GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture(params=[True, False], ids=["target permissions", "permissions on data"])
def permissions_only(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.TARGET_PERMISSIONS_ONLY = request.param


def stored() -> int:
    return (
        sum(model._default_manager.count() for model in DATUM_MODELS.values()) + InboxRecord.objects.count()
    )


def _permission(name: str) -> str:
    return f"{get_target_model_app_label()}.{name}"


def _nothing(user: User, target: Any) -> None: ...


def _view(user: User, target: Any) -> None:
    assign_perm(_permission("view_target"), user, target)


def _change(user: User, target: Any) -> None:
    assign_perm(_permission("change_target"), user, target)


def _change_by_group(user: User, target: Any) -> None:
    group = Group.objects.create(name="observers")
    user.groups.add(group)
    assign_perm(_permission("change_target"), group, target)


def _change_all(user: User, target: Any) -> None:
    permission = Permission.objects.get(
        codename="change_target", content_type__app_label=get_target_model_app_label()
    )
    user.user_permissions.add(permission)


def _superuser(user: User, target: Any) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=True)


@pytest.mark.usefixtures("permissions_only")
class TestRights:
    @pytest.mark.parametrize(
        ("grant", "status"),
        [
            (_nothing, 403),
            (_view, 403),
            (_change, 200),
            (_change_by_group, 200),
            (_change_all, 200),
            (_superuser, 200),
        ],
    )
    def test_on_the_target(
        self, tom: Tom, target: Any, grant: Callable[[User, Any], None], status: int
    ) -> None:
        user = tom.user()
        grant(user, target)
        answer = Sender(user).post(body(target.name, example_record()))
        assert answer.status_code == status, answer.content
        if status == 403:
            assert answer.json()["code"] == "no-right"
            assert "no right to change" in answer.json()["detail"]
        assert stored() == (2 if status == 200 else 0)

    def test_nobody_known(self, tom: Tom, target: Any) -> None:
        for answer in (Sender(None).get(), Sender(None).post(body(target.name, example_record()))):
            assert answer.status_code == 401
            assert answer["WWW-Authenticate"]
            assert answer.json()["detail"]
        assert stored() == 0

    def test_a_token_of_nobody(self, tom: Tom, target: Any) -> None:
        answer = Client().get("/api/sharing/", headers={"Authorization": "Token 123"})
        assert answer.status_code == 401

    def test_nobody_active(self, tom: Tom, target: Any) -> None:
        user = tom.user(target)
        sender = Sender(user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        assert sender.post(body(target.name, example_record())).status_code == 401

    def test_no_rights_on_data_are_given(self, sender: Sender, target: Any) -> None:
        """As tomtoolkit's own API gives none: its serializer of data knows no groups."""
        from guardian.models import UserObjectPermission

        before = UserObjectPermission.objects.count()
        sender.send(target.name, example_record())
        assert UserObjectPermission.objects.count() == before


class TestLocked:
    @pytest.fixture(autouse=True)
    def locked(self, settings: Any) -> None:
        settings.AUTH_STRATEGY = "LOCKED"

    def test_says_so_in_json(self, sender: Sender, target: Any) -> None:
        answer = sender.post(body(target.name, example_record()))
        assert answer.status_code == 401
        assert "/api/" in answer.json()["detail"]

    def test_answers_where_the_api_is_open(self, sender: Sender, target: Any) -> None:
        with override_settings(OPEN_URLS=["/api/*"]):
            assert sender.get().status_code == 200
            assert outcomes(sender.send(target.name, example_record())) == ["accepted"]
            assert Sender(None).get().status_code == 401


def test_capabilities(sender: Sender) -> None:
    answer = sender.get()
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("sharecore")
    assert told == {
        "protocols": [1],
        "origin": site.origin(),
        "name": "Test TOM",
        "limits": {
            "records": 1000,
            "bytes": 8_000_000,
            "seconds": 25,
            "batches_per_minute": 6000,
            "depth": 64,
            "members": 10_000,
            "aliases": 1000,
            "lists": 1000,
            "extras": 1000,
            "target_keys": 100,
            "key": 64,
            "name": 1000,
        },
        "kinds": ["photometry", "photometry-limit", "spectrum", "astrometry", "other"],
    }


class TestTargets:
    def make(self, sender: Sender, shared: SharedTarget, **members: Any) -> Any:
        members = {"create_target": True, **members}
        return sender.post(body("", example_record(), target=target_as_wire(shared), **members))

    def test_by_alias_of_either_side(self, tom: Tom, sender: Sender, target: Any) -> None:
        TargetName.objects.create(target=target, name="ZTF26aaa")
        for names in (("ZTF26aaa",), ("Somebody's", "SN 2026abc"), ("Somebody's", "ZTF26aaa")):
            shared = SharedTarget(name=names[0], aliases=names[1:])
            answer = self.make(sender, shared, create_target=False)
            assert answer.json()["target"] == {"id": target.pk, "created": False}, names

    @pytest.mark.parametrize("name", ["sn 2026abc", "SN2026abc", "SN-2026_ABC", "(SN) 2026abc"])
    @pytest.mark.parametrize("alias", [True, False])
    def test_names_are_compared_as_the_toolkit_does(
        self, sender: Sender, target: Any, name: str, alias: bool
    ) -> None:
        if alias:
            TargetName.objects.create(target=target, name="SN 2026abc")
            Target.objects.update(name="renamed")
        assert outcomes(sender.send(name, example_record(), create_target=True)) == ["accepted"]
        assert Target.objects.count() == 1

    @pytest.mark.parametrize("alias", [True, False])
    def test_capitals_beyond_ascii_are_compared_alike_on_every_database(
        self, sender: Sender, target: Any, alias: bool
    ) -> None:
        if alias:
            TargetName.objects.create(target=target, name="Ångström-2")
        else:
            Target.objects.update(name="Ångström-2")
        assert outcomes(sender.send("ångström 2", example_record(), create_target=True)) == ["accepted"]
        assert Target.objects.count() == 1

    @pytest.mark.parametrize(
        ("here", "sent"),
        [
            ("NGC 42", "NGC 42\u00a0"), ("NGC 42", "\tngc42\n"), ("\N{KELVIN SIGN}2-18", "k2-18"),
            ("K2-18", "\N{KELVIN SIGN}2-18"),
        ],
    )  # fmt: skip
    def test_blanks_around_a_name_and_the_letter_of_the_kelvin(
        self, sender: Sender, target: Any, here: str, sent: str
    ) -> None:
        Target.objects.update(name=here)
        assert outcomes(sender.send(sent, example_record(), create_target=True)) == ["accepted"]
        assert Target.objects.count() == 1

    def test_a_site_that_compares_names_in_its_own_way(
        self, sender: Sender, target: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Matches(TargetMatchManager):
            def simplify_name(self, name: str) -> str:
                return super().simplify_name(name).removeprefix("at").removeprefix("sn")

        matches = Matches()
        matches.model = Target
        monkeypatch.setattr(BaseTarget, "matches", matches)
        Target.objects.update(name="AT 2026lab")
        assert outcomes(sender.send("SN2026lab", example_record(), create_target=True)) == ["accepted"]
        assert Target.objects.count() == 1

    def test_the_very_name_goes_before_one_that_is_alike(self, tom: Tom) -> None:
        targets = [tom.target(name) for name in ("AT 2026lab", "AT2026lab", "at2026lab")]
        sender = Sender(tom.user(*targets))
        for target in targets:
            answer = sender.post(body(target.name, example_record()))
            assert answer.json()["target"]["id"] == target.pk
        assert sender.post(body("AT-2026lab", example_record())).json()["code"] == "several-targets"

    @pytest.mark.parametrize("name", ["SN 2026ab", "SN 2026abc%", "SN 2026abc\0", "-"])
    def test_other_names(self, sender: Sender, target: Any, name: str) -> None:
        answer = sender.post(body(name, example_record()))
        assert (answer.status_code, answer.json()["code"]) == (404, "no-target")
        assert stored() == 0

    def test_several(self, tom: Tom, target: Any) -> None:
        other, hidden = tom.target("SN 2026xyz"), tom.target("SN 2026hid")
        sender = Sender(tom.user(target, other))
        shared = SharedTarget(name=target.name, aliases=(other.name, hidden.name))
        answer = self.make(sender, shared)
        assert (answer.status_code, answer.json()["code"]) == (409, "several-targets")
        assert [each["id"] for each in answer.json()["targets"]] == [target.pk, other.pk]
        assert stored() == 0
        answer = self.make(sender, shared, target_id=other.pk)
        assert answer.json()["target"]["id"] == other.pk

    @pytest.mark.parametrize("hint", [10**30, -1, True, "1", 7.5])
    def test_a_hint_is_only_a_hint(self, sender: Sender, target: Any, hint: Any) -> None:
        assert sender.send(target.name, example_record(), target_id=hint)[0]["outcome"] == "accepted"

    def test_made_as_the_tom_s_own_api_makes_it(self, tom: Tom) -> None:
        user = tom.user()
        shared = TARGETS["sidereal"]
        answer = self.make(Sender(user), shared, target_lists=["From afar", "x" * 300, " "])
        assert answer.status_code == 200, answer.content
        assert answer.json()["target"]["created"]
        row = Target.objects.get(pk=answer.json()["target"]["id"])
        assert (row.name, row.ra, row.dec, row.epoch) == ("SN 2026abc", 150.1, -12.5, 2000.0)
        assert (row.shared_from, row.shared_by) == (SITE.name, "astronomer")
        assert [alias.name for alias in row.aliases.all()] == ["ZTF26aaaaaaa"]
        assert [each.name for each in TargetList.objects.filter(targets=row)] == ["From afar"]
        assert User.objects.get(pk=user.pk).has_perm(_permission("change_target"), row)
        assert self.make(Sender(user), shared).json()["target"] == {"id": row.pk, "created": False}

    @pytest.mark.parametrize("name", ["at 0, 0", "minor planet", "of every script"])
    def test_any_that_can_be_made(self, tom: Tom, name: str) -> None:
        shared = TARGETS[name]
        if name == "of every script":
            shared = SharedTarget(
                name=shared.name,
                aliases=shared.aliases,
                extras=shared.extras,
                position=TARGETS["sidereal"].position,
            )
        answer = self.make(Sender(tom.user()), shared)
        if name == "at 0, 0":  # measured on tomtoolkit 3.1.0: a coordinate of 0 is a missing one to it
            assert (answer.status_code, answer.json()["code"]) == (400, "target-refused")
            return
        assert answer.status_code == 200, answer.content
        row = Target.objects.get(pk=answer.json()["target"]["id"])
        assert row.name == shared.name
        assert {each.key: each.value for each in row.targetextra_set.all()} == dict(shared.extras)
        assert row.type == ("SIDEREAL" if shared.sidereal else "NON_SIDEREAL")

    @pytest.mark.parametrize(("said", "kept"), [("NGC 1", "NGC 1"), ("x" * 101, "")])
    def test_a_field_of_our_own_target_model(self, tom: Tom, said: str, kept: str) -> None:
        """It travels as an extra, and is the field again where there is one that takes it."""
        shared = replace(TARGETS["sidereal"], extras={"host_galaxy": said})
        answer = self.make(Sender(tom.user()), shared)
        assert answer.status_code == 200, answer.content
        row = Target.objects.get(pk=answer.json()["target"]["id"])
        extras = {each.key: each.value for each in row.targetextra_set.all()}
        if "host_galaxy" in custom_fields(Target):
            assert (row.host_galaxy, extras) == (kept, {})
        else:
            assert extras == {"host_galaxy": said}

    def test_one_that_cannot_be_made(self, tom: Tom) -> None:
        answer = self.make(Sender(tom.user()), TARGETS["without position"])
        assert (answer.status_code, answer.json()["code"]) == (400, "target-refused")
        assert not Target.objects.exists()
        assert stored() == 0

    @pytest.mark.parametrize("extra", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
    def test_one_with_an_extra_that_no_column_holds(self, tom: Tom, extra: str) -> None:
        answer = self.make(Sender(tom.user()), replace(TARGETS["sidereal"], extras={"a": extra}))
        assert (answer.status_code, answer.json()["code"]) == (400, "target-refused")
        assert answer.json()["field"] == "target.extras"
        assert not Target.objects.exists()

    @pytest.mark.parametrize("validated", [False, True])
    def test_made_by_another_hand_meanwhile(
        self, tom: Tom, sender: Sender, target: Any, monkeypatch: pytest.MonkeyPatch, validated: bool
    ) -> None:
        """Before its values are validated, or between that and the moment in which it is stored."""
        real, name = TargetSerializer.is_valid, "SN 2026xyz"

        def slow(self: TargetSerializer, **given: Any) -> Any:
            valid = real(self, **given) if validated else None
            Target.objects.filter(pk=target.pk).update(name=name)
            return valid if validated else real(self, **given)

        monkeypatch.setattr(TargetSerializer, "is_valid", slow)
        answer = self.make(sender, SharedTarget(name=name, position=TARGETS["sidereal"].position))
        assert answer.json()["target"] == {"id": target.pk, "created": False}

    def test_lists(self, sender: Sender, target: Any) -> None:
        """Those that the sender's settings name are for targets that it introduces."""
        chosen = {"name": target.name, "lists": ["Chosen"]}

        def joined() -> list[str]:
            return sorted(each.name for each in TargetList.objects.filter(targets=target))

        for _ in range(2):
            sender.send(target.name, example_record(), target=chosen, target_lists=["From afar"])
            assert joined() == ["Chosen"]
        sender.send(target.name, target_lists=["From afar"])
        assert joined() == ["Chosen", "From afar"]

    def test_introduced_without_records(self, sender: Sender, target: Any) -> None:
        answer = sender.post(body(target.name))
        assert answer.status_code == 200
        assert answer.json()["records"] == []
        answer = sender.post(body("Nowhere"))
        assert answer.status_code == 404


def _nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


class TestBadInput:
    @pytest.mark.parametrize(
        ("sent", "headers", "status", "told"),
        [
            (b" ", {}, 400, "must be JSON in UTF-8: Expecting value"),
            (b"{", {}, 400, "line 1 column 2"),
            (b"\xff\xfe{\x00}\x00", {}, 400, "byte 0xff in position 0"),
            (b'{"protocol": NaN}', {}, 400, "NaN is no number of JSON"),
            (b"[]", {}, 400, "must be a JSON object, not a list"),
            (b"null", {}, 400, "not a NoneType"),
            (_nested(100_000), {}, 400, "recursion"),
            (b'{"protocol": ' + b"9" * 5000 + b"}", {}, 400, "4300 digits"),
            (b"{}", {"content_type": "text/plain"}, 415, "not 'text/plain'"),
            (b"a=1", {"content_type": "application/x-www-form-urlencoded"}, 415, "application/json"),
            (b"{}", {"Content-Encoding": "br"}, 415, "not 'br'"),
            (b"{}", {"Content-Encoding": "gzip, gzip"}, 415, "not 'gzip, gzip'"),
            (b"{}", GZIP, 400, "must be gzip"),
            (gzip.compress(b"{}" * 100, mtime=0)[:-4], GZIP, 400, "its end is missing"),
            (gzip.compress(b"{}", mtime=0) + b"more", GZIP, 400, "there is more after its end"),
            (b" " * 8_000_001, {}, 413, "Send fewer records at once"),
            (gzip.compress(b" " * 8_000_001, mtime=0), GZIP, 413, "Send fewer records at once"),
            (zlib.compress(b"{}"), GZIP, 400, "must be gzip"),
        ],
    )
    def test_bodies(
        self, sender: Sender, sent: bytes, headers: dict[str, str], status: int, told: str
    ) -> None:
        answer = sender.post(sent, **headers)
        assert answer.status_code == status
        assert told in answer.json()["detail"]

    def test_a_bomb_is_not_unpacked(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        unpacked: list[int] = []
        real = bodies.zlib.decompressobj

        class Counted:
            def __init__(self, *given: Any) -> None:
                self._real = real(*given)

            def decompress(self, *given: Any) -> bytes:
                unpacked.append(len(result := self._real.decompress(*given)))
                return result

        monkeypatch.setattr(bodies.zlib, "decompressobj", Counted)
        bomb = gzip.compress(b" " * 200_000_000, compresslevel=1)
        assert sender.post(bomb, **GZIP).status_code == 413
        assert sum(unpacked) <= batch_limits.MAX_BYTES + 1

    @pytest.mark.parametrize(
        ("members", "status", "field"),
        [
            ({"protocol": 2}, 422, None),
            ({"protocol": None}, 422, None),
            ({"protocol": True}, 422, None),
            ({"protocol": [1]}, 422, None),
            ({"site": None}, 400, "site"),
            ({"site": {"origin": 1, "name": "x"}}, 400, "site.origin"),
            ({"site": {"origin": "", "name": "x"}}, 400, "site.origin"),
            ({"site": {"origin": "x" * 65, "name": "x"}}, 400, "site.origin"),
            ({"site": {"origin": "a\0b", "name": "x"}}, 400, "site.origin"),
            ({"shared_by": None}, 400, "shared_by"),
            ({"target": None}, 400, "target"),
            ({"target": {"name": ""}}, 400, "target.name"),
            ({"target": {"name": "x", "position": {"ra": "10:00"}}}, 400, "target.position.ra"),
            ({"target_lists": "one"}, 400, "target_lists"),
            ({"target_lists": [1]}, 400, "target_lists"),
            ({"create_target": 1}, 400, "create_target"),
            ({"records": None}, 400, "records"),
            ({"records": {"0": {}}}, 400, "records"),
            ({"records": [{}] * 1001}, 413, "records"),
        ],
    )
    def test_members(
        self, sender: Sender, target: Any, members: dict[str, Any], status: int, field: str | None
    ) -> None:
        answer = sender.post(body(target.name, example_record(), **members))
        assert answer.status_code == status, answer.content
        assert answer.json().get("field") == field
        assert answer.json()["detail"]
        if status == 422:
            assert answer.json()["protocols"] == [1]
        assert stored() == 0

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"key": None}, "key"),
            ({"key": {"kind": "photometry", "origin": "o", "id": "x" * 65}}, "key.id"),
            ({"timestamp": "2026-01-01"}, "timestamp"),
            # a TOM could not show them in its time zone
            ({"timestamp": "0001-01-01T00:00:00Z"}, "timestamp"),
            ({"timestamp": "9999-12-31T23:59:59.999999Z"}, "timestamp"),
        ],
    )
    def test_records(self, sender: Sender, target: Any, change: dict[str, Any], field: str) -> None:
        bad = entry(example_record()) | change
        answers = sender.send(target.name, records=[bad, None, 3, entry(example_record())])
        assert outcomes(answers) == ["rejected", "rejected", "rejected", "accepted"]
        assert answers[0]["field"] == field
        assert answers[0]["key"] == bad["key"]

    def test_later_members_are_ignored(self, sender: Sender, target: Any) -> None:
        record = entry(example_record(), airmass=1.2)
        assert outcomes(sender.send(target.name, records=[record], weather="fine")) == ["accepted"]

    def test_limits_are_those_that_are_told(self, sender: Sender, target: Any) -> None:
        records = [example_record() for _ in range(batch_limits.MAX_RECORDS)]
        assert set(outcomes(sender.send(target.name, *records))) == {"accepted"}

    @pytest.mark.parametrize("method", ["put", "patch", "delete", "get"])
    def test_methods(self, sender: Sender, method: str) -> None:
        answer = getattr(sender.client, method)(URL, headers=sender.login)
        assert answer.status_code == 405

    def test_a_copy_of_our_own_database(self, sender: Sender, target: Any) -> None:
        """Its keys would be ours, and its data taken for what we have."""
        answer = sender.post(
            body(target.name, example_record(), site={"origin": site.origin(), "name": "copy"})
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "same-origin")
        assert stored() == 0

    def test_a_busy_database(self, sender: Sender, target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def busy(*_: Any, **__: Any) -> None:
            raise OperationalError("database is locked")

        monkeypatch.setattr(store, "insert", busy)
        answer = sender.post(body(target.name, example_record()))
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert stored() == 0
