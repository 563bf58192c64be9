"""What another site says of itself, of content and of keys is believed no further than its account goes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import PhotometryReducedDatum, ReducedDatum

from sharecore import OtherDatum
from sharecore.identity import fingerprint
from sharecore.testing.examples import SITE, example_record
from tom.conftest import Tom
from tom.incoming import Sender, body, entry, outcomes, rows
from tom_integration import site
from tom_integration.mapping.row_to_record import record_of
from tom_integration.models import InboxRecord, Peer

THIRD = {"origin": "3c6c1f0e-0000-4000-8000-00000000000c", "name": "Third TOM"}
FOURTH = {"origin": "4d6c1f0e-0000-4000-8000-00000000000d", "name": "Fourth TOM"}


@pytest.fixture
def sender(tom: Tom, target: Any) -> Sender:
    return Sender(tom.user(target, name="first"))


@pytest.fixture
def other(tom: Tom, target: Any) -> Sender:
    return Sender(tom.user(target, name="second"))


PEERS = "/admin/sharecore/peer/"


class TestOrigins:
    def test_another_account_may_not_use_it(self, sender: Sender, other: Sender, target: Any) -> None:
        record = example_record()
        sender.send(target.name, record)
        answer = other.post(body(target.name, replace(record, brightness=3.0), example_record()))
        assert answer.status_code == 403
        assert (answer.json()["code"], answer.json()["field"]) == ("other-account", "site.origin")
        for word in (SITE.name, SITE.origin, "second", "superuser", "sharing origins"):
            assert word in answer.json()["detail"]
        assert "first" not in answer.json()["detail"], "whose account it is, is nobody else's affair"
        assert [row.brightness for row in rows()] == [record.brightness]

    def test_nothing_is_made_for_it(self, sender: Sender, other: Sender, target: Any) -> None:
        sender.send(target.name, example_record())
        answer = other.post(body("SN 2026new", create_target=True))
        assert answer.status_code == 403
        assert type(target)._default_manager.count() == 1

    def test_an_account_that_was_refused_has_claimed_nothing(self, tom: Tom, target: Any) -> None:
        assert Sender(tom.user()).post(body(target.name, example_record())).status_code == 403
        assert outcomes(Sender(tom.user(target)).send(target.name, example_record())) == ["accepted"]

    def test_one_account_may_send_for_several_sites(self, sender: Sender, target: Any) -> None:
        for origin in (None, THIRD, FOURTH):
            members = {"site": origin} if origin else {}
            assert outcomes(sender.send(target.name, example_record(), **members)) == ["accepted"]
        assert Peer.objects.count() == 3

    def test_the_command_lists_and_reassigns(self, sender: Sender, other: Sender, target: Any) -> None:
        sender.send(target.name, example_record())
        assert _sharing("origins") == f"{SITE.origin} {SITE.name}: first\n"
        assert _sharing("origins", SITE.origin, account="second") == f"{SITE.origin} {SITE.name}: second\n"
        assert sender.post(body(target.name, example_record())).status_code == 403
        assert other.post(body(target.name, example_record())).status_code == 200
        User.objects.filter(username="second").delete()
        assert "deleted" in _sharing("origins")
        assert sender.post(body(target.name, example_record())).status_code == 403

    @pytest.mark.parametrize("given", [("x", "nobody"), (None, "first")])
    def test_the_command_needs_a_site_and_a_user(self, sender: Sender, given: tuple[str | None, str]) -> None:
        origin, account = given
        with pytest.raises(CommandError, match="known here"):
            _sharing("origins", *([origin] if origin else []), account=account)

    def test_a_superuser_reassigns_it_in_the_admin(self, sender: Sender, other: Sender, target: Any) -> None:
        sender.send(target.name, example_record())
        peer = Peer.objects.get()
        client = Client()
        client.force_login(User.objects.create_superuser("root"))
        page = f"{PEERS}{peer.pk}/change/"
        assert "first" in client.get(PEERS).content.decode()
        assert client.get(page).status_code == 200
        account = User.objects.get(username="second").pk
        changed = client.post(page, {"origin": peer.origin, "name": peer.name, "account": account})
        assert changed.status_code == 302, changed.content
        assert other.post(body(target.name, example_record())).status_code == 200

    def test_staff_do_not(self, sender: Sender, target: Any) -> None:
        from django.contrib.auth.models import Permission

        sender.send(target.name, example_record())
        staff = User.objects.create_user("staff", is_staff=True)
        staff.user_permissions.set(Permission.objects.filter(content_type__app_label="sharecore"))
        client = Client()
        client.force_login(staff)
        peer = Peer.objects.get()
        for page in ("", "add/", f"{peer.pk}/change/", f"{peer.pk}/delete/"):
            values = {"origin": peer.origin, "name": "", "account": staff.pk, "post": "yes"}
            for answer in (client.get(f"{PEERS}{page}"), client.post(f"{PEERS}{page}", values)):
                assert answer.status_code != 200
                assert peer.origin not in answer.content.decode()
        assert Peer.objects.get().user_id == peer.user_id


def _sharing(*args: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("sharing", *args, stdout=out, **options)
    return out.getvalue()


class TestContent:
    def test_a_fingerprint_is_not_believed(self, sender: Sender, target: Any) -> None:
        """A false record with the fingerprint of the true one, then the true one."""
        true = example_record()
        false = replace(true, brightness=3.0)
        sent = entry(false) | {"fingerprint": fingerprint(true)}
        assert outcomes(sender.send(target.name, records=[sent], site=THIRD)) == ["accepted"]
        assert outcomes(sender.send(target.name, true)) == ["revised"]
        assert [row.brightness for row in rows()] == [true.brightness]
        assert outcomes(sender.send(target.name, true)) == ["duplicate"]

    @pytest.mark.parametrize("value", [None, 1, "f" * 63, {}])
    def test_nor_needed(self, sender: Sender, target: Any, value: Any) -> None:
        sent = entry(example_record()) | {"fingerprint": value}
        assert outcomes(sender.send(target.name, records=[sent, sent])) == ["accepted", "duplicate"]

    def test_a_site_that_neither_observed_nor_brought_it_changes_nothing(
        self, sender: Sender, other: Sender, target: Any
    ) -> None:
        record = example_record()
        sender.send(target.name, record, site=THIRD)
        false = replace(record, brightness=3.0)
        (answer,) = other.send(target.name, false, site=FOURTH)
        assert (answer["outcome"], answer["field"]) == ("rejected", "key")
        assert [row.brightness for row in rows()] == [record.brightness]


class TestOurOwn:
    def test_its_repetition_under_another_key_changes_nothing_of_ours(
        self, tom: Tom, sender: Sender, target: Any
    ) -> None:
        """The key says that the destination observed it, which has nothing of it."""
        tom.share(target)
        datum = tom.datum(target)
        of_destination = replace(
            record_of(datum, origin="origin-of-x"), key=replace(example_record().key, origin="origin-of-x")
        )
        (answer,) = sender.send(target.name, of_destination, site={"origin": "origin-of-x", "name": "x"})
        assert answer["outcome"] == "duplicate"
        tom.deliver_until_quiet()
        (sent,) = tom.x.records
        assert sent.key.origin == site.origin()
        assert [dict(call.relayed_by) for call in tom.x.calls] == [{}]

    def test_is_there_only_if_it_is_there(self, tom: Tom, sender: Sender, target: Any) -> None:
        datum, gone, edited = (tom.datum(target) for _ in range(3))
        tom.share(target)
        tom.share_existing(target)
        tom.deliver()
        records = [record_of(each, origin=site.origin()) for each in (datum, gone, edited)]
        gone.delete()
        edited.brightness = 3.0
        edited.save()
        invented = replace(records[0], brightness=2.0, key=replace(records[0].key, id="invented"))
        answers = sender.send(target.name, *records, invented)
        assert outcomes(answers) == ["duplicate", "rejected", "duplicate", "rejected"]
        assert {each["field"] for each in answers if each["outcome"] == "rejected"} == {"key"}
        assert len(rows()) == 2


class TestRightsOnSingleData:
    """`sender` may change the target, and view none of its data."""

    @pytest.fixture(autouse=True)
    def rights_on_single_data(self, settings: Any) -> None:
        settings.TARGET_PERMISSIONS_ONLY = False

    @pytest.fixture
    def hidden(self, tom: Tom, target: Any) -> Any:
        return tom.datum(target, brightness_error=0.5, limit=21.0, instrument="fa12")

    def guesses(self, hidden: Any) -> Iterator[Any]:
        right = replace(record_of(hidden, origin=SITE.origin), key=replace(example_record().key, id="1"))
        yield right
        yield replace(right, brightness_error=0.1)
        yield replace(right, brightness_error=None, source_name="x")
        yield replace(right, key=replace(right.key, origin=site.origin()))
        yield replace(right, key=record_of(hidden, origin=site.origin()).key)

    @pytest.mark.parametrize("number", range(5))
    @pytest.mark.parametrize("again", [False, True])
    def test_a_guess_is_answered_alike_whether_right_or_wrong(
        self, sender: Sender, target: Any, hidden: Any, number: int, again: bool
    ) -> None:
        right = list(self.guesses(hidden))[number]
        wrong = replace(right, brightness=3.0, key=replace(right.key, id="2"))
        told: list[list[Any]] = []
        for guess in (right, wrong):
            answers = [sender.send(target.name, guess) for _ in range(1 + again)]
            told.append([{**each, "key": None} for (each,) in answers])
            PhotometryReducedDatum.objects.exclude(pk=hidden.pk).delete()
        assert told[0] == told[1]
        assert not any(each["id"] for answers in told for each in answers)

    @pytest.mark.parametrize("number", range(5))
    def test_no_series_of_batches_finds_it(
        self, sender: Sender, target: Any, hidden: Any, number: int
    ) -> None:
        right, wrong, *_ = self.guesses(hidden)
        other = replace(wrong, brightness_error=0.2)
        series = [
            [[wrong, replace(other, key=replace(wrong.key, id="3"))]],
            [[wrong], [other], [wrong]],
            [[wrong], [replace(right, brightness=3.0)]],
            [[right], [other]],
            [[replace(right, telescope="x" * 1000)]],
        ][number]
        told = []
        for there in (True, False):
            told.append([sender.send(target.name, *batch) for batch in series])
            PhotometryReducedDatum.objects.all().delete()
            InboxRecord.objects.all().delete()
            if there:
                assert not any(each["id"] for answers in told[0] for each in answers)
        assert told[0] == told[1]

    def test_what_was_in_the_way_is_told_once_it_may_be_viewed(
        self, sender: Sender, target: Any, hidden: Any
    ) -> None:
        _, wrong, *_ = self.guesses(hidden)
        assert outcomes(sender.send(target.name, wrong)) == ["accepted"]
        assign_perm("tom_dataproducts.view_photometryreduceddatum", User.objects.get(username="first"))
        (answer,) = sender.send(target.name, wrong)
        assert (answer["outcome"], answer["field"]) == ("rejected", "brightness_error")
        hidden.delete()
        assert outcomes(sender.send(target.name, wrong)) == ["accepted"]

    def test_two_that_cannot_stand_together(self, sender: Sender, target: Any) -> None:
        record = example_record(OtherDatum)
        ReducedDatum.objects.create(
            target=target,
            data_type=record.data_type,
            timestamp=record.timestamp,
            value=dict(record.extra),
            telescope="hidden",
        )
        (answer,) = sender.send(target.name, record)
        assert (answer["outcome"], answer["id"]) == ("accepted", "")

    def test_what_the_account_may_view_is_told(self, sender: Sender, target: Any, hidden: Any) -> None:
        user = User.objects.get(username="first")
        assign_perm("tom_dataproducts.view_photometryreduceddatum", user, hidden)
        right, other_error, *_ = self.guesses(hidden)
        (answer,) = sender.send(target.name, right)
        assert (answer["outcome"], answer["id"]) == ("duplicate", f"photometryreduceddatum/{hidden.pk}")
        (answer,) = sender.send(target.name, replace(other_error, key=replace(right.key, id="2")))
        assert (answer["outcome"], answer["field"]) == ("rejected", "brightness_error")

    @pytest.mark.parametrize("rights", [(), ("view",), ("change",), ("view", "change")])
    @pytest.mark.parametrize("everywhere", [True, False])
    def test_a_revision_needs_rights_on_the_datum(
        self, sender: Sender, target: Any, rights: tuple[str, ...], everywhere: bool
    ) -> None:
        user = User.objects.get(username="first")
        record = example_record()
        sender.send(target.name, record)
        (row,) = rows()
        for right in rights:
            name = f"tom_dataproducts.{right}_photometryreduceddatum"
            assign_perm(name, user) if everywhere else assign_perm(name, user, row)
        (answer,) = sender.send(target.name, replace(record, brightness=3.0))
        if len(rights) == 2:
            assert answer["outcome"] == "revised"
        else:
            assert (answer["outcome"], answer["field"]) == ("rejected", "key")
            assert "rights to view and to change" in answer["reason"]
        row.refresh_from_db()
        assert row.brightness == (3.0 if len(rights) == 2 else record.brightness)
