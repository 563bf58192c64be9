"""Files of data products: shared by hand, kept in the ledger, and sent by nobody who must not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import DataProduct
from tom_targets.models import TargetList

from sharecore import DataFile, WithholdRequest, hookimpl
from sharecore.delivery import State
from sharecore.outcomes import Accepted, Submitted, Unconfirmed
from tom_integration.models import Delivery

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

CONTENT = b"time,magnitude\n61041.5,18.5\n"


class Rules:
    """A plugin of the site."""

    @hookimpl
    def sharecore_withhold(self, request: WithholdRequest) -> str | None:
        record = request.record
        return "secret" if isinstance(record, DataFile) and record.name.startswith("secret") else None


@pytest.fixture
def plugins() -> Iterable[object]:
    return (Rules(),)


@pytest.fixture
def admin(tom: Tom) -> Client:
    tom.y.takes_files = True
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def product(target: Any, name: str = "night.csv", content: bytes = CONTENT, **fields: Any) -> DataProduct:
    data = SimpleUploadedFile(name, content)
    number = DataProduct.objects.count()
    return DataProduct.objects.create(target=target, product_id=f"p{number}", data=data, **fields)


def share(client: Client, made: DataProduct, destination: str = "y") -> str:
    """Share it as the button of a target's page does; what the next page will say."""
    answer = client.post(f"/dataproducts/data/{made.pk}/share/", {"share_destination": destination})
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def there(tom: Tom) -> list[bytes]:
    return [content for _, content in tom.y.files.values()]


def test_a_data_product_goes_with_its_data_and_its_file(tom: Tom, admin: Client) -> None:
    target = tom.target()
    made = product(target)
    tom.datum(target, data_product=made)
    tom.datum(target)
    assert share(admin, made).startswith("2 records of")
    assert tom.deliver(after=60) == 2
    (sent,) = tom.y.files.values()
    assert sent[1] == CONTENT
    assert (sent[0].size, sent[0].media_type, sent[0].product_id) == (len(CONTENT), "text/csv", "p0")
    assert len(tom.y.received) == 1
    assert "has these data" in share(admin, made)
    assert tom.deliver(after=60) == 0
    history = admin.get(
        reverse("sharing:history", args=[target.pk, tom.outbox(target, "y").pk])
    ).content.decode()
    assert "File night" in " ".join(history.split())


def test_an_answer_that_is_lost_leaves_one_file(tom: Tom, admin: Client) -> None:
    target = tom.target()
    made = product(target)
    tom.y.file_answers = [Unconfirmed(reason="no answer"), None]
    share(admin, made)
    tom.deliver(after=60)
    assert tom.states("y") == [State.UNCONFIRMED]
    tom.deliver(after=600)
    assert (tom.states("y"), there(tom), tom.y.looked_up) == ([State.DELIVERED], [CONTENT], [])


def test_a_file_that_is_processed_there_is_asked_about_and_not_sent_again(tom: Tom, admin: Client) -> None:
    target = tom.target()
    made = product(target)
    tom.y.file_answers = [Submitted(ticket="f1", ask_after=60)]
    share(admin, made)
    tom.deliver(after=60)
    assert tom.states("y") == [State.SUBMITTED]
    tom.y.follow_answers = [Accepted(remote_id="f")]
    tom.deliver(after=61)
    assert (tom.states("y"), len(tom.y.calls)) == ([State.DELIVERED], 1)
    assert [list(asked.values()) for asked in tom.y.followed] == [["f1"]]


def test_a_continuous_share_sends_no_files(tom: Tom, admin: Client) -> None:
    target = tom.target()
    product(target)
    tom.share(target, "y")
    tom.share_existing(target, "y")
    tom.datum(target)
    assert tom.deliver(after=60) == 1
    assert there(tom) == []


def test_a_destination_that_takes_none_is_not_offered_any(tom: Tom, admin: Client) -> None:
    target = tom.target()
    made = product(target)
    assert "x:red takes no files" in share(admin, made, "x:red")
    path = f"/targets/{target.pk}/share/"
    page = admin.get(path).content.decode()
    assert page.count("Takes files too.") == 1
    answer = admin.post(path, {"share_destination": "x:red", "kinds": ["file"]})
    assert "x:red takes no files. Untick them" in answer.content.decode()
    assert not Delivery.objects.exists()
    admin.post(path, {"share_destination": "y", "kinds": ["file"]})
    tom.y.takes_files = False
    from tom_integration import site

    site.forget()
    tom.deliver(after=60)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (State.UNSUPPORTED, "y takes no files")


def test_files_are_ticked_one_by_one(tom: Tom, admin: Client) -> None:
    target = tom.target()
    first, second = product(target, content=b"1"), product(target, content=b"2")
    foreign = product(tom.target(), content=b"3")
    path = f"/targets/{target.pk}/share/"
    assert f'value="dataproduct:{second.pk}"' in admin.get(path).content.decode()
    ticked = [f"dataproduct:{each.pk}" for each in (second, foreign)]
    admin.post(path, {"share_destination": "y", "datum": ticked})
    tom.deliver(after=60)
    assert there(tom) == [b"2"]
    assert first.pk not in Delivery.objects.values_list("datum_pk", flat=True)


def test_the_targets_of_a_list_go_with_their_files(tom: Tom, admin: Client) -> None:
    target = tom.target()
    product(target)
    group = TargetList.objects.create(name="Tonight")
    group.targets.add(target)
    path = f"/targets/targetgrouping/{group.pk}/share/"
    form = {"selected-target": [target.pk], "filesSwitch": "on"}
    assert "x:red takes no files" in admin.post(path, {**form, "share_destination": "x:red"}).content.decode()
    admin.post(path, {**form, "share_destination": "y"})
    tom.deliver(after=60)
    assert there(tom) == [CONTENT]


def test_the_rules_of_the_site_hold_for_files(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share(admin, product(target, name="secret.csv"))
    tom.deliver(after=60)
    row = Delivery.objects.get()
    assert (row.state, row.reason, there(tom)) == (State.WITHHELD, "secret", [])


def test_who_may_not_see_a_file_cannot_send_or_fetch_it(tom: Tom, admin: Client) -> None:
    target = tom.target()
    seen, unseen = product(target, content=b"seen"), product(target, content=b"unseen")
    user = tom.user(target)
    client = Client()
    client.force_login(user)
    path = f"/targets/{target.pk}/share/"
    with override_settings(TARGET_PERMISSIONS_ONLY=False):
        assign_perm("tom_dataproducts.view_dataproduct", user, seen)
        assert f"dataproduct:{unseen.pk}" not in client.get(path).content.decode()
        archive = client.post(path, {"share_destination": "download", "kinds": ["file"]})
        assert _unzipped(archive)[1:] == [b"seen"]
        client.post(path, {"share_destination": "y", "kinds": ["file"]})
        assert Delivery.objects.get().datum_pk == seen.pk
        share(client, unseen)
        tom.deliver(after=60)
        assert there(tom) == [b"seen"]
        assert Client().post(path, {"share_destination": "y", "kinds": ["file"]}).status_code == 302


def test_a_file_that_is_gone_is_told_without_its_place(tom: Tom, admin: Client) -> None:
    target = tom.target()
    made = product(target)
    share(admin, made)
    Path(made.data.path).unlink()
    tom.deliver(after=60)
    row = Delivery.objects.get()
    assert row.state == State.UNSUPPORTED
    assert "cannot be read: No such file" in row.reason
    assert str(Path(made.data.path).parent) not in row.reason
    answer = admin.post(f"/targets/{target.pk}/share/", {"share_destination": "download", "kinds": ["file"]})
    assert b"These files are not there any more" in _unzipped(answer)[-1]


def test_data_and_files_are_downloaded_together(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.data(target, 3)
    product(target, content=b"one")
    product(target, content=b"two")
    form = {"share_destination": "download", "kinds": ["photometry", "file"], "share_title": "Night"}
    answer = admin.post(f"/targets/{target.pk}/share/", form)
    assert answer["Content-Disposition"] == 'attachment; filename="night.zip"'
    data, *files = _unzipped(answer)
    assert data.count(b"\n") == 4
    assert sorted(files) == [b"one", b"two"]


def _unzipped(answer: Any) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        return [archive.read(name) for name in archive.namelist()]
