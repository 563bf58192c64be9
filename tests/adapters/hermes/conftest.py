"""Records, batches and settings for the tests of the HERMES adapter, and the recorded answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import responses

from sharecore.adapter import Batch, Site
from sharecore.addresses import Address
from sharecore.records import Astrometry, Kind, Photometry, PhotometryLimit, Record, RecordKey, Spectrum
from sharecore.settings import Section
from sharecore.targets import Position, Target
from sharecore_hermes.adapter import HermesAdapter
from sharecore_hermes.config import HermesConfig, read_config
from sharecore_hermes.topics import TopicCache
from sharecore_http import Client
from standins.hermes_process import running

ORIGIN = "5c9e6f0a-1111-4222-8333-444455556666"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
BASE_URL = "https://hermes.example.org/"
VECTORS = Path(__file__).parent / "vectors"

_numbers = count(1)


def key(kind: Kind) -> RecordKey:
    return RecordKey(kind=kind, origin=ORIGIN, id=str(next(_numbers)))


@dataclass(frozen=True)
class Make:
    """Makes what a test needs; every value can be given."""

    when: datetime = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)

    def detection(self, **values: Any) -> Photometry:
        given = {"brightness": 18.5, "unit": "AB mag", "bandpass": "r", "telescope": "LCO 1m"} | values
        return Photometry(key=key(Kind.PHOTOMETRY), timestamp=self.when, **given)

    def limit(self, **values: Any) -> PhotometryLimit:
        given = {"limit": 21.3, "unit": "AB mag", "bandpass": "r", "telescope": "LCO 1m"} | values
        return PhotometryLimit(key=key(Kind.PHOTOMETRY_LIMIT), timestamp=self.when, **given)

    def spectrum(self, **values: Any) -> Spectrum:
        given = {
            "flux": (1e-16, 2e-16), "wavelength": (4000.0, 4001.0), "flux_unit": "erg / (Angstrom s cm2)",
            "wavelength_unit": "Angstrom", "instrument": "FLOYDS",
        } | values  # fmt: skip
        return Spectrum(key=key(Kind.SPECTRUM), timestamp=self.when, **given)

    def astrometry(self, **values: Any) -> Astrometry:
        given = {"ra": 150.1, "dec": -12.5, "telescope": "LCO 1m"} | values
        return Astrometry(key=key(Kind.ASTROMETRY), timestamp=self.when, **given)

    def target(self, name: str = "AT2026abc", **values: Any) -> Target:
        position = Position(**({"ra": 150.1, "dec": -12.5} | values.pop("position", {})))
        return Target(name=name, position=position, **values)

    def batch(self, *records: Record, **values: Any) -> Batch:
        given = {
            "site": Site(origin=ORIGIN, name="Lab TOM"),
            "address": Address("hermes", "hermes.test"),
            "target": self.target(),
        } | values
        return Batch(records=records, **given)

    def config(self, **settings: Any) -> HermesConfig:
        given = {"BASE_URL": BASE_URL, "HERMES_API_KEY": TOKEN, "USER_TOPICS": ["hermes.test"]} | settings
        return read_config(Section("hermes", given))

    def adapter(self, **settings: Any) -> HermesAdapter:
        config = self.config(**settings)
        client = Client(config.base_url, config.http, sleep=lambda seconds: None)
        return HermesAdapter(config, client=client, topic_cache=TopicCache())

    def message(
        self, *records: Record, batch: dict[str, Any] | None = None, **settings: Any
    ) -> dict[str, Any]:
        """The one message that these records become."""
        preview = self.adapter(**settings).preview(self.batch(*records, **(batch or {})))
        return dict(json.loads(preview.body))

    def row(self, record: Record, **settings: Any) -> dict[str, Any]:
        """The one row that this record becomes."""
        data = self.message(record, **settings)["data"]
        (row,) = [*data.get("photometry", ()), *data.get("spectroscopy", ()), *data.get("astrometry", ())]
        return dict(row)


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture
def hermes() -> Iterator[Answers]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Answers(mock)


@dataclass(frozen=True)
class Answers:
    """Scripted answers of HERMES: those of one endpoint come in the order in which they were given."""

    mock: responses.RequestsMock

    def submit(self, status: int, body: Any, **headers: str) -> None:
        self._add("POST", "api/v0/submit_message/", status, body, headers)

    def validate(self, status: int, body: Any) -> None:
        self._add("POST", "api/v0/submit_message/validate/", status, body, {})

    def profile(self, status: int, body: Any) -> None:
        self._add("GET", "api/v0/profile/", status, body, {})

    def fail(self, error: Exception, path: str = "api/v0/submit_message/") -> None:
        self.mock.add("POST", BASE_URL + path, body=error)

    def sent(self, path: str = "api/v0/submit_message/") -> list[dict[str, Any]]:
        """The bodies that were posted there."""
        return [
            json.loads(call.request.body) for call in self.mock.calls if call.request.url == BASE_URL + path
        ]

    def _add(self, method: str, path: str, status: int, body: Any, headers: dict[str, str]) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.mock.add(method, BASE_URL + path, status=status, body=text, headers=named)


@pytest.fixture(scope="session")
def vectors() -> dict[str, dict[str, Any]]:
    index = json.loads((VECTORS / "00_index.json").read_text())
    return {each["name"]: json.loads((VECTORS / each["file"]).read_text()) for each in index}


@dataclass(frozen=True)
class Server:
    """A running stand-in."""

    base_url: str
    log: Path

    def published(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
def start_hermes(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts the stand-in as a process; it is ended after the test."""
    logs = (tmp_path / f"published-{number}.jsonl" for number in count())
    with ExitStack() as stack:

        def start(*topics: str, development: bool = False) -> Server:
            log = next(logs)
            more = ["--development"] if development else []
            url = stack.enter_context(running(log, ",".join(topics or ("hermes.test",)), *more))
            return Server(url, log)

        yield start


@pytest.fixture
def server(start_hermes: Callable[..., Server]) -> Server:
    return start_hermes()
