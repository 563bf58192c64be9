"""Whatever is sent to pages and REST, the answer says what is wrong: there is no server error."""

from __future__ import annotations

import base64
import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.test import Client, override_settings
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tom_dataproducts.models import DataProduct
from tom_targets.models import TargetList

from tom_integration.models import Delivery, Outbox

if TYPE_CHECKING:
    from conftest import Tom

API = "/targets/persistentshare/"
SHARES = f"{API}manage/"
NUMBERS = st.sampled_from(
    ["9" * 5000, "9" * 19, "9" * 18, "1" * 40, "0", "-1", "1.5", "1e400", "٣", "²", "NaN", ""]
)
TOO_LATE = "9999-12-31T23:59:59-14:00"
"""A time that Python reads, and that is in the year 10000 in UTC."""
TEXTS = st.one_of(NUMBERS, st.sampled_from(["\0", "x\0y", "x:\0", TOO_LATE]), st.text(max_size=30))
MOMENTS = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-02-30T00:00", "soon"]
)
ANY = st.one_of(TEXTS, MOMENTS)
FORM_FIELDS = (
    "kinds", "destination", "target", "target_name", "until", "share_existing_data", "part", "file", "datum",
    "share-box", "share_destination", "share_title", "share_message", "selected-target", "dataSwitch",
    "filesSwitch", "sent_at", "next", "name",
)  # fmt: skip
QUERY = ("page", "q", "state", "destination", "creator", "rule", "seen", "target_name", "tab")
REST_QUERY = (
    "page", "limit", "offset", "target", "user", "destination", "state", "ordering", "search", "kind",
    "model", "datum_pk", "format",
)  # fmt: skip
VALUES = {
    "kinds": ["photometry"],
    "destination": ["x"],
    "share_destination": ["y"],
    "target_name": ["SN"],
    "selected-target": ["1"],
}
_OF_SHARES = (
    "", "table", "create", "existing", "preview", "targets", "{share}/", "{share}/live", "{share}/change",
    "{share}/delete", "{share}/retry", "{share}/arrived", "{share}/resend", "records/{delivery}/retry",
)  # fmt: skip
_OF_TARGETS = (
    "share/", "share/{outbox}/", "share/{outbox}/live", "share/{outbox}/arrived",
    "persistentshare/manage/", "persistentshare/manage/table", "persistentshare/manage/create",
    "persistentshare/manage/existing",
    "persistentshare/manage/preview",
)  # fmt: skip
PAGES = (
    *(f"{SHARES}{rest}" for rest in _OF_SHARES),
    *(f"/targets/{{target}}/{rest}" for rest in _OF_TARGETS),
    "/targets/targetgrouping/{group}/share/",
    "/dataproducts/data/{product}/share/",
    "/dataproducts/target/{target}/share/",
    f"{API}destinations/",
    f"{API}destinations/check",
)
RESTS = (API, "/targets/{target}/persistentshare/", f"{API}{{share}}/", f"{API}{{share}}/deliveries/",
         f"{API}{{share}}/deliveries/{{delivery}}/", f"{API}{{share}}/deliveries/{{delivery}}/resolve/",
         *(f"{API}{{share}}/{act}/" for act in ("resolve", "retry", "adopt")))  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([10**18, 10**30, -(10**400)]), st.floats(), ANY,
    st.text(st.characters(exclude_categories=()), max_size=5), st.just("\ud800"),
)  # fmt: skip
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
REST_FIELDS = ("target", "destination", "filter", "until", "share_existing_data", "user", "sent", "sent_at",
               "deliveries")  # fmt: skip
BODIES = JSON | st.dictionaries(st.sampled_from(REST_FIELDS), JSON)
fuzzed = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def places(tom: Tom) -> dict[str, Any]:
    target = tom.target("SN 2026abc")
    share = tom.share(target)
    product = DataProduct.objects.create(target=target, product_id="night", data="night.csv")
    tom.data(target, 2)
    group = TargetList.objects.create(name="Tonight")
    group.targets.add(target)
    tom.deliver(after=60)
    return {
        "share": share.pk,
        "target": target.pk,
        "delivery": Delivery.objects.first().pk,  # type: ignore[union-attr]
        "outbox": Outbox.objects.get().pk,
        "group": group.pk,
        "product": product.pk,
    }


def refused_at_most(answer: Any) -> None:
    assert answer.status_code < 500, answer.getvalue()[:500]
    answer.getvalue()


@fuzzed
@given(
    path=st.sampled_from(PAGES),
    odd=st.dictionaries(st.sampled_from(FORM_FIELDS), st.lists(ANY, max_size=2)),
    query=st.dictionaries(st.sampled_from(QUERY), ANY),
    htmx=st.booleans(),
)
@example(path=f"{SHARES}{{share}}/retry", odd={"next": ["no-view"]}, query={}, htmx=False)
@example(path=f"{SHARES}{{share}}/change", odd={"until": [TOO_LATE]}, query={}, htmx=False)
def test_pages(
    admin: Client, places: dict[str, Any], path: str, odd: dict[str, Any], query: dict[str, str], htmx: bool
) -> None:
    headers = {"HX-Request": "true"} if htmx else {}
    with transaction.atomic():
        refused_at_most(admin.post(path.format(**places), VALUES | odd, headers=headers))
        refused_at_most(admin.get(path.format(**places), query, headers=headers))
        transaction.set_rollback(True)


@fuzzed
@given(
    path=st.sampled_from(PAGES + RESTS),
    number=NUMBERS,
    name=st.sampled_from(["share", "target", "delivery", "outbox"]),
)
def test_numbers_in_addresses(
    admin: Client, places: dict[str, Any], path: str, number: str, name: str
) -> None:
    path = path.format(**(places | {name: number}))
    refused_at_most(admin.get(path))
    if number != "0":
        refused_at_most(admin.post(path, {}, content_type="application/json"))


@fuzzed
@given(
    path=st.sampled_from(RESTS),
    body=BODIES.map(lambda body: json.dumps(body).replace("Infinity", "1e400")),
    method=st.sampled_from(["post", "put", "patch"]),
    query=st.dictionaries(st.sampled_from(REST_QUERY), ANY),
)
@example(path=API, body="[" * 3000 + "]" * 3000, method="post", query={})
@example(path=API, body='{"destination": "\\ud800", "target": 1}', method="post", query={})
@example(path=API, body='{"destination": "x", "target": 1e400}', method="post", query={})
@example(path=API, body='{"target": %s, "destination": "x"}' % ("9" * 5000), method="post", query={})
@example(path=API, body='{"filter": {"kinds": %s}}' % ("[" * 400 + "]" * 400), method="post", query={})
def test_rest(
    admin: Client, places: dict[str, Any], path: str, body: str, method: str, query: dict[str, str]
) -> None:
    path = path.format(**places)
    with transaction.atomic():
        refused_at_most(getattr(admin, method)(path, body, content_type="application/json"))
        refused_at_most(admin.get(path, query))
        transaction.set_rollback(True)


@fuzzed
@given(odd=st.dictionaries(st.sampled_from(REST_FIELDS), ANY))
def test_rest_forms(admin: Client, places: dict[str, Any], odd: dict[str, str]) -> None:
    with transaction.atomic():
        refused_at_most(admin.post(API, odd))
        refused_at_most(admin.post(f"{API}{places['share']}/resolve/", odd))
        transaction.set_rollback(True)


@pytest.mark.parametrize("body", ["[" * 3000 + "]" * 3000, '{"destination": "\\ud800"}', '{"target": 1e400}'])
def test_a_body_that_cannot_be_used_is_said_to_be_so(admin: Client, tom: Tom, body: str) -> None:
    answer = admin.post(API, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("The body must be")


@pytest.mark.parametrize("time", [TOO_LATE, "9999-12-31T23:00:00", "0001-01-01T00:00:00+14:00"])
@override_settings(TIME_ZONE="Pacific/Honolulu")
def test_a_time_that_no_database_can_hold(tom: Tom, admin: Client, places: dict[str, Any], time: str) -> None:
    """In the time zone of Hawaii the last hours of the year 9999 are in the year 10000 in UTC."""
    share = f"{API}{places['share']}/"
    bodies: dict[str, tuple[str, ...]] = {
        API: ("until", "not_before"),
        share: ("until", "not_before"),
        f"{share}replay/": ("since", "until"),
        f"{share}resolve/": ("sent_at",),
    }
    for path, fields in bodies.items():
        send = admin.patch if path == share else admin.post
        for field in fields:
            body = {"target": places["target"], "destination": "y", "sent": True, field: time}
            answer = send(path, body, content_type="application/json")
            assert (answer.status_code, list(answer.json())) == (400, [field]), path
    for path in ("/targets/shareactivity/", f"{share}activity/"):
        for field in ("since", "until"):
            answer = admin.get(path, {field: time})
            assert (answer.status_code, list(answer.json())) == (400, [field]), path


FORMULAS = ("=cmd|' /C calc'!A0", "+SUM(1)", "-2+3", "@x", "\t=1", "\r=1", " =1+1", "\uff1d1")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_download_is_a_formula(tom: Tom, admin: Client, text: str) -> None:
    target = tom.target()
    tom.datum(target, bandpass=text[:10], telescope=text, brightness=-5.25, source_name=text)
    form = {"share_destination": "download", "kinds": ["photometry"], "share_message": f"a,{text}"}
    answer = admin.post(f"/targets/{target.pk}/share/", form)
    lines = b"".join(answer.streaming_content).decode()
    comment, table = lines.split("timestamp,", 1)
    cells = [cell for row in csv.reader(comment.splitlines()) for cell in row]
    rows = list(csv.DictReader(f"timestamp,{table}".splitlines(keepends=True)))
    assert rows[0]["telescope"] == f"'{text}"
    assert rows[0]["brightness"] == "-5.25"
    cells += [value for name, value in rows[0].items() if name != "brightness"]
    assert [cell for cell in cells if cell.strip().startswith(("=", "+", "-", "@", "\uff1d"))] == []


def test_numbers_that_are_texts_stay_numbers(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.datum(target, instrument="-1.5")
    form = {"share_destination": "download", "kinds": ["photometry"]}
    answer = admin.post(f"/targets/{target.pk}/share/", form)
    assert ",-1.5," in b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize("charset", ["idna", "punycode", "utf-16", "utf-7"])
def test_a_form_in_an_odd_charset(tom: Tom, admin: Client, charset: str) -> None:
    field = b'--x\r\nContent-Disposition: form-data; name="target"\r\n\r\n1\r\n--x--\r\n'
    answer = admin.generic("POST", API, field, f"multipart/form-data; boundary=x; charset={charset}")
    assert answer.status_code == 400
    assert "destination" in answer.json()


@pytest.mark.parametrize(
    "charset", ["zlib", "rot13", "undefined", "idna", "punycode", "utf-8''zlib", "utf-8", "\0", "a" * 5000]
)
@pytest.mark.parametrize("path", [API, "/api/sharing/batch/", "/targets/persistentshare/manage/"])
def test_an_address_with_a_query_in_an_odd_charset(tom: Tom, admin: Client, path: str, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    query = "a=%e9&" * 1001  # Django refuses more than a thousand
    assert admin.generic("POST", f"{path}?a=%e9&b=1", b"{}", kind).status_code in (400, 403, 405, 415, 422)
    assert admin.generic("POST", f"{path}?{query}", b"{}", kind).status_code in (400, 403, 405, 415, 422)


@pytest.mark.parametrize("path", [API, "/api/sharing/"])
@pytest.mark.parametrize("name", [b"a\0b", b"\xff", b"\xed\xa0\x80", b"", b"a" * 100_000])
def test_a_name_that_nobody_can_have(tom: Tom, path: str, name: bytes) -> None:
    login = f"Basic {base64.b64encode(name + b':password').decode()}"
    answer = Client().get(path, headers={"Authorization": login})
    assert answer.status_code == 401
    assert answer.json()["detail"]


@pytest.mark.parametrize("name", ["limit", "offset", "page"])
@pytest.mark.parametrize("number", ["9" * 20, "9" * 400, str(2**63 - 1)])
def test_a_page_beyond_what_databases_count_to(tom: Tom, admin: Client, name: str, number: str) -> None:
    share = tom.share(tom.target())
    for path in (API, f"{API}{share.pk}/deliveries/"):
        assert admin.get(path, {name: number}).status_code in (200, 404)
        assert admin.get(path, {name: number, "limit": "5"}).status_code in (200, 404)
