"""The stock functions that a TOM's own code calls: they answer at once, in the form that it expects."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.test import RequestFactory, override_settings
from tom_dataproducts.models import DataProduct
from tom_dataproducts.sharing import (
    get_sharing_destination_options,
    share_data_with_tom,
    sharing_feedback_handler,
)
from tom_targets.models import TargetList
from tom_targets.sharing import share_target_and_all_data, share_target_with_tom

from sharecore.exceptions import DestinationError
from tom_integration.models import Delivery

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            pytest.fail(f"a stock function connected to {address}")
        connect(self, address)

    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", refuse)


def _said(answer: Any) -> tuple[str, str]:
    """Level and text of what tomtoolkit's own handler shows the user."""
    request = RequestFactory().get("/")
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    sharing_feedback_handler(answer, request)
    (message,) = get_messages(request)
    return message.level_tag, str(message)


def test_a_target_with_all_its_data(tom: Tom) -> None:
    target = tom.target()
    tom.data(target, 3)
    assert _said(share_data_with_tom("x", {}, target_id=target.pk)) == ("success", "3 records queued for x.")
    assert tom.x.calls == []
    assert tom.deliver() == 3


def test_chosen_data_of_several_targets(tom: Tom) -> None:
    rows = [tom.datum(tom.target()) for _ in range(3)]
    chosen = [str(row.pk) for row in rows[:2]]  # as the form sends them
    answer = share_data_with_tom("x", {"share_title": "t"}, None, None, selected_data=chosen)
    assert _said(answer) == ("success", "2 records queued for x.")
    assert tom.deliver() == 2


def test_a_data_product(tom: Tom) -> None:
    target = tom.target()
    product = DataProduct.objects.create(target=target, product_id="p", data_product_type="photometry")
    tom.datum(target, data_product=product)
    tom.datum(target)
    assert _said(share_data_with_tom("x", None, product_id=product.pk)) == (
        "success",
        "1 record queued for x.",
    )
    assert tom.deliver() == 1


def test_the_second_time_nothing_is_sent_and_the_user_is_told(tom: Tom) -> None:
    target = tom.target()
    tom.datum(target)
    share_data_with_tom("x", {}, target_id=target.pk)
    tom.deliver()
    level, text = _said(share_data_with_tom("x", {}, target_id=target.pk))
    assert level == "success"
    assert text == "Nothing new was queued for x."
    assert tom.deliver() == 0


def test_a_destination_that_is_down_is_no_matter_of_the_caller(tom: Tom) -> None:
    target = tom.target()
    tom.datum(target)
    tom.x.will(DestinationError("down"))
    assert _said(share_data_with_tom("x", {}, target_id=target.pk))[0] == "success"
    tom.deliver()
    tom.x.recover()
    assert tom.deliver_until_quiet() == 1


@pytest.mark.parametrize(
    "wanted", [{"target_id": 0}, {"product_id": 987}, {"selected_data": ["987"]}, {}], ids=str
)
def test_nothing_to_share_is_an_error_for_the_user(tom: Tom, wanted: dict[str, Any]) -> None:
    if "target_id" in wanted:
        wanted = {"target_id": tom.target().pk}
    level, text = _said(share_data_with_tom("x", {}, **wanted))
    assert (level, text[:7]) == ("error", "ERROR: ")
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize("address", ["nowhere", ""])
def test_an_address_that_is_not_configured_is_an_error_for_the_user(tom: Tom, address: str) -> None:
    target = tom.target()
    tom.datum(target)
    for answer in (
        share_data_with_tom(address, {}, target_id=target.pk),
        share_target_with_tom(address, {"target": target}),
        {"message": share_target_and_all_data(address, target, None)},
    ):
        level, text = _said(answer)
        assert (level, text[:7]) == ("error", "ERROR: "), text
        assert "Traceback" not in text
    assert Delivery.objects.count() == 0


def test_a_target_alone_with_its_lists(tom: Tom) -> None:
    target = tom.target("SN 2026xyz")
    answer = share_target_with_tom("x", {"target": target}, [TargetList(name="favourites")], tom.user(target))
    assert _said(answer) == ("success", "Target SN 2026xyz queued for x.")
    tom.deliver()
    (introduced,) = tom.x.introduced
    assert (introduced.name, introduced.lists) == ("SN 2026xyz", ("favourites",))


def test_a_target_and_all_data_answers_with_a_text(tom: Tom) -> None:
    target = tom.target()
    tom.data(target, 2)
    assert share_target_and_all_data("x", target, tom.user(target)) == "2 records queued for x."
    assert tom.deliver() == 2


def test_the_choices_of_a_form(tom: Tom) -> None:
    """`DATA_SHARING` as tomtoolkit documents it; names and topics as stock shows them."""
    sharing = {
        "mine": {"DISPLAY_NAME": "My other TOM", "ADAPTER": "memory"},
        "topics": {"ADAPTER": "memory", "USER_TOPICS": ["red", "blue"]},
    }
    with override_settings(DATA_SHARING=sharing):
        options = get_sharing_destination_options()
        assert options == (("download", "download"), *get_sharing_destination_options(include_download=False))
    assert options[1:] == (
        ("mine", "My other TOM"),
        ("topics", (("topics:red", "red"), ("topics:blue", "blue"))),
    )
