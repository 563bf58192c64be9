"""Stand-ins for the API of stock TOMs, as measured on tomtoolkit 3.1.0 and 2.32.4, and what to send there."""

from __future__ import annotations

import gzip
import json
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from requests import PreparedRequest

from sharecore.adapter import Batch, Site
from sharecore.addresses import Address
from sharecore.records import Kind, Photometry, Record, RecordKey
from sharecore.settings import Section
from sharecore.targets import Position, Target, simple_name
from sharecore_http import Client
from sharecore_tom.adapter import TomAdapter
from sharecore_tom.config import TomConfig
from standins.tom_transports import Products, Sharing

BASE = "https://tom.example.org/"
TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
Answer = tuple[int, dict[str, str], str]

_PHOTOMETRY = ("brightness", "brightness_error", "bandpass", "unit", "telescope", "instrument")
_SHOWN = {
    "photometry": _PHOTOMETRY,
    "spectroscopy": (
        "flux",
        "wavelength",
        "error",
        "flux_unit",
        "wavelength_unit",
        "telescope",
        "instrument",
    ),
    "astrometry": ("ra", "dec", "ra_error", "dec_error", "ra_error_units", "dec_error_units", "telescope"),
}
_UNIQUE = {
    "photometry": (
        ("bandpass", "brightness", "instrument", "reduction_version"),
        ("bandpass", "limit", "instrument", "reduction_version"),
    ),
    "spectroscopy": (("telescope", "instrument", "flux", "reduction_version"),),
    "astrometry": (("telescope", "instrument", "ra", "dec", "reduction_version"),),
}


def said(status: int, body: object, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body)


def page(status: int) -> Answer:
    return status, {"Content-Type": "text/html"}, "<!doctype html><html><h1>Server Error (500)</h1></html>"


class StandIn:
    """One TOM. `typed`: 3.1.0, else 2.32.4. `script` what is to be answered instead, by method and path.

    sharing: what it has at `api/sharing/`, where it runs sharecore.
    """

    def __init__(self, *, typed: bool) -> None:
        self.typed = typed
        self.targets: dict[int, dict[str, Any]] = {}
        self.hidden: set[int] = set()
        self.read_only: set[int] = set()
        self.rows: list[dict[str, Any]] = []
        self.products: list[dict[str, Any]] = []
        self.sharing: Sharing | None = None
        self.files = Products(self.rows, _PHOTOMETRY)
        self.token = "tok-1"
        self.password = "pw-secret"
        self.mfa = False
        self.calls: list[tuple[str, str, Any]] = []
        self._scripts: dict[tuple[str, str], list[Answer | Exception | None]] = {}

    def script(self, method: str, path: str, *answers: Answer | Exception | None) -> None:
        """Answer so, once each, before being oneself again; None is oneself."""
        self._scripts.setdefault((method, path), []).extend(answers)

    def add_target(self, name: str, *aliases: str) -> int:
        pk = 40 + len(self.targets)
        self.targets[pk] = {"id": pk, "name": name, "aliases": [{"id": 1, "name": each} for each in aliases]}
        return pk

    def made(self, method: str, path: str) -> list[Any]:
        """The bodies (or queries) of the requests made there."""
        return [body for verb, where, body in self.calls if (verb, where) == (method, path)]

    def __call__(self, request: PreparedRequest) -> Answer:
        url = urlsplit(request.url or "")
        path, method = url.path.removeprefix("/"), request.method or ""
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        body = _read_body(request) if request.body else query
        self.calls.append((method, path, body))
        scripted = self._scripts.get((method, path))
        answer = scripted.pop(0) if scripted else None
        if isinstance(answer, Exception):
            raise answer
        return answer or self._answer(method, path, body, request.headers.get("Authorization", ""))

    def _answer(self, method: str, path: str, body: Any, authorization: str) -> Answer:
        if path == "api/token-auth/":
            return self._give_token(body)
        refusal = self._refusal(authorization)
        if refusal:
            return refusal
        if self.sharing and path.startswith("api/sharing/"):
            if method == "POST" and body["create_target"]:
                name = body["target"]["name"]
                self.targets.setdefault(
                    self.sharing.target, {"id": self.sharing.target, "name": name, "aliases": []}
                )
            return self.sharing(method, path, body)
        if self._is_bulk(method, path, body):
            return self.files(method, path, body)
        if (method, path) == ("OPTIONS", "api/reduceddatums/"):
            return said(200, {"actions": {"POST": {"value": {"required": not self.typed}}}})
        if (method, path) == ("GET", "api/targets/"):
            return _listed([each for each in self._visible() if _is_called(each, body)], body)
        if (method, path) == ("POST", "api/targets/"):
            return self.create(body)
        if (method, path) == ("POST", "api/reduceddatums/"):
            return self.store(body)
        if (method, path) == ("GET", "api/reduceddatums/"):
            wanted = (int(body["target__id"]), body["data_type"])
            return _listed([row for row in self.rows if (row["target"], row["data_type"]) == wanted], body)
        if (method, path) == ("POST", "api/dataproducts/"):
            return self._take_product(body)
        target = re.fullmatch(r"api/targets/(\d+)/", path)
        found_one = target and next((t for t in self._visible() if t["id"] == int(target[1])), None)
        if found_one and method in ("GET", "PATCH"):
            return said(200, found_one)
        return said(404, {"detail": "No Target matches the given query."}) if target else page(404)

    def _is_bulk(self, method: str, path: str, body: Any) -> bool:
        """What a data processor of 3.1 reads, or takes its rows with it."""
        if not self.typed or not path.startswith("api/dataproducts/"):
            return False
        return method == "DELETE" or body.get("data_product_type") == "photometry"

    def _give_token(self, body: Any) -> Answer:
        if self.mfa:
            return said(403, {"detail": "This endpoint is disabled because API tokens require two factors."})
        if body != {"username": "sender", "password": self.password}:
            return said(400, {"non_field_errors": ["Unable to log in with provided credentials."]})
        return said(200, {"token": self.token})

    def _refusal(self, authorization: str) -> Answer | None:
        scheme, _, given = authorization.partition(" ")
        good = scheme == "Token" and (not self.typed or given == self.token)
        if scheme == "Basic":
            good = len(given) > 1 and b64decode(given) == b"sender:pw-secret"
        if good or not scheme:
            return None
        if self.typed:
            return said(
                401, {"detail": "Invalid token." if scheme == "Token" else "Invalid username/password."}
            )
        return 302, {"Location": "/accounts/login/?next=/api/targets/"}, ""

    def _visible(self) -> list[dict[str, Any]]:
        return [target for pk, target in self.targets.items() if pk not in self.hidden]

    def create(self, body: Any) -> Answer:
        if any(target["name"] == body["name"] for target in self.targets.values()):
            return said(400, {"name": ["target with this Name already exists."]})
        taken = {alias["name"] for target in self.targets.values() for alias in target["aliases"]}
        if taken & {alias["name"] for alias in body["aliases"]}:
            return said(400, {"aliases": {"0": {"name": ["target name with this Alias already exists."]}}})
        pk = self.add_target(body["name"], *(alias["name"] for alias in body["aliases"]))
        return said(201, {**body, "id": pk, "message": "Target successfully uploaded."})

    def store(self, body: Any) -> Answer:
        pk = body["target"]
        if pk not in self.targets or pk in self.hidden | self.read_only:
            return said(400, {"target": [f'Invalid pk "{pk}" - object does not exist.']})
        if not self.typed:
            return self._store_in_one_table(body)
        row, kind = dict(body), body["data_type"].lower()
        columns = row["value"]
        same_time = [r for r in self.rows if (r["target"], r["timestamp"]) == (pk, row["timestamp"])]
        same_time = [r for r in same_time if r["data_type"] == kind]
        for unique in _UNIQUE.get(kind, ()):
            if any(
                columns.get(unique[1]) is not None
                and all(r["columns"].get(name) == columns.get(name) for name in unique)
                for r in same_time
            ):
                band = [r for r in same_time if r["columns"].get("bandpass") == columns.get("bandpass")]
                return said(200, {**band[0], "already_exists": True})
        if kind not in _UNIQUE and any(r["value"] == columns for r in same_time):
            return said(200, {**same_time[0], "already_exists": True})
        shown = {name: columns.get(name) for name in _SHOWN.get(kind, columns)}
        stored = {**row, "data_type": kind, "value": shown, "columns": columns}
        self.rows.append(stored)
        return said(201, {**stored, "message": "Data successfully uploaded."})

    def _take_product(self, body: Any) -> Answer:
        known = next((each for each in self.products if each["product_id"] == body["product_id"]), None)
        if known and self.typed:
            return said(200, {"id": known["id"], "already_exists": True})
        if known:
            return said(400, {"product_id": ["data product with this product id already exists."]})
        if body["data_product_type"] not in ("photometry", "spectroscopy", "fits_file", "image_file"):
            return said(400, {"data_product_type": ["Not a valid data_product_type."]})
        product = {**body, "id": len(self.products) + 1}
        self.products.append(product)
        return said(201, {key: value for key, value in product.items() if key != "file"})

    def _store_in_one_table(self, body: Any) -> Answer:
        known = body["data_type"] in ("photometry", "spectroscopy", "fits_file", "image_file")
        unique = ("target", "data_type", "timestamp", "value")
        if not known or any(all(row[name] == body[name] for name in unique) for row in self.rows):
            return page(500)
        self.rows.append(body)
        return said(201, {**body, "message": "Data successfully uploaded."})


def _read_body(request: PreparedRequest) -> Any:
    """JSON, or the fields of a form with its files as names and bytes."""
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith("multipart/form-data"):
        text = request.body or ""
        packed = request.headers.get("Content-Encoding") == "gzip" and isinstance(text, bytes)
        return json.loads(gzip.decompress(text) if packed else text)
    body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
    form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    fields: dict[str, Any] = {}
    for part in form.get_payload():
        assert isinstance(part, Message)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = str(part.get_param("name", header="content-disposition"))
        fields[name] = (part.get_filename(), content) if part.get_filename() else content.decode()
    return fields


def _names(target: dict[str, Any]) -> list[str]:
    return [target["name"], *(alias["name"] for alias in target["aliases"])]


def _is_called(target: dict[str, Any], query: dict[str, str]) -> bool:
    """The filters `name` (a part of a name) and `name_fuzzy` of tomtoolkit 3.1.0 and 2.32.4."""
    terms = query.get("name", "").lower().split(",")
    simple = simple_name(query.get("name_fuzzy", ""))
    return any(
        any(term in name.lower() for term in terms) and simple in ("", simple_name(name))
        for name in _names(target)
    )


def _listed(found: list[dict[str, Any]], query: dict[str, str]) -> Answer:
    start, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
    more = f"{BASE}next" if len(found) > start + limit else None
    return said(200, {"count": len(found), "next": more, "results": found[start : start + limit]})


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        yield web


def _served(web: responses.RequestsMock, tom: StandIn) -> StandIn:
    for method in ("GET", "POST", "PATCH", "OPTIONS", "DELETE"):
        web.add_callback(method, re.compile(re.escape(BASE) + ".*"), tom)
    return tom


@pytest.fixture
def stand_in() -> StandIn:
    """A TOM of 3.1 that a test serves itself."""
    return StandIn(typed=True)


@pytest.fixture
def tom_31(web: responses.RequestsMock) -> StandIn:
    return _served(web, StandIn(typed=True))


@pytest.fixture
def tom_232(web: responses.RequestsMock) -> StandIn:
    return _served(web, StandIn(typed=False))


@pytest.fixture
def tom_sharecore(tom_31: StandIn) -> StandIn:
    """A TOM of 3.1 with sharecore."""
    tom_31.sharing = Sharing()
    return tom_31


@pytest.fixture(params=["3.1", "2.32"])
def tom(request: pytest.FixtureRequest, web: responses.RequestsMock) -> StandIn:
    return _served(web, StandIn(typed=request.param == "3.1"))


@pytest.fixture
def adapter() -> Iterator[Callable[..., TomAdapter]]:
    """Opens adapters: settings as keywords. One request at a time unless told otherwise: order is known."""
    opened: list[TomAdapter] = []

    def open_(
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        **settings: Any,
    ) -> TomAdapter:
        login = {"USERNAME": "sender", "PASSWORD": "pw-secret"}
        config = TomConfig.read(Section("b", {"BASE_URL": BASE, **login, "CONCURRENCY": 1, **settings}))
        client = Client(config.base_url, config.http, sleep=lambda _: None)
        opened.append(TomAdapter(config, client=client, clock=clock, now=now))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def detections() -> Callable[[int], tuple[Record, ...]]:
    """So many detections, a second apart."""

    def make(count: int) -> tuple[Record, ...]:
        return tuple(
            Photometry(
                key=RecordKey(kind=Kind.PHOTOMETRY, origin="site-uuid", id=str(each)),
                timestamp=TIME.replace(second=each % 60, minute=each // 60),
                brightness=18.0 + each,
                brightness_error=0.02,
                unit="AB",
                bandpass="r",
            )
            for each in range(count)
        )

    return make


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """Batches about "SN 2026abc", with the state that outlives a call."""
    state: dict[str, Any] = {}

    def make(*records: Record, name: str = "SN 2026abc", aliases: tuple[str, ...] = (), **more: Any) -> Batch:
        target = more.pop("target", Target(name=name, aliases=aliases, position=Position(ra=10.5, dec=-5.25)))
        return Batch(
            site=Site(origin="site-uuid", name="Site A"),
            address=Address("b"),
            target=target,
            records=records,
            state=more.pop("state", state),
            **more,
        )

    return make
