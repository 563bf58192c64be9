"""The table of what each destination takes, compared with the adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from documentation.samples import DOCS, tables
from sharecore import (
    Adapter,
    Address,
    Astrometry,
    DestinationError,
    Destinations,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Registry,
    Spectrum,
)
from sharecore.testing import example_batch, example_record

HEADING = "What each destination takes"
NOBODY = "http://127.0.0.1:9/"
KINDS = {
    Kind.PHOTOMETRY: Photometry,
    Kind.PHOTOMETRY_LIMIT: PhotometryLimit,
    Kind.SPECTRUM: Spectrum,
    Kind.ASTROMETRY: Astrometry,
    Kind.OTHER: OtherDatum,
}
ADDRESS = Address("x", "hermes.test")


@pytest.fixture
def adapters(tmp_path: Path) -> dict[str, Adapter]:
    """Each built-in adapter with usual settings; nobody answers any of them."""
    entries: dict[str, dict[str, object]] = {
        "tom": {"BASE_URL": NOBODY, "API_KEY": "x"},
        "hermes": {"BASE_URL": NOBODY, "HERMES_API_KEY": "x"},
        "webhook": {"URL": NOBODY, "SECRET": "whsec_" + 32 * "A", "ALLOW_PRIVATE": True},
        "files": {"DIRECTORY": str(tmp_path)},
        "notify": {"URL": NOBODY.replace("http", "json")},
        "skyportal": {"BASE_URL": NOBODY, "TOKEN": "x", "GROUPS_THERE": [1]},
        "tns": {"BASE_URL": NOBODY, "BOT_ID": 1, "BOT_NAME": "x", "API_KEY": "x"},
    }
    settings = {kind: {"ADAPTER": kind, **entry} for kind, entry in entries.items()}
    destinations = Destinations.parse(settings, Registry.load())
    return {kind: destinations[kind].open() for kind in entries}


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _takes(adapter: Adapter, kind: type[Any]) -> bool:
    """A preview notes what it leaves out."""
    record = example_record(kind)
    note = adapter.preview(example_batch(record, address=ADDRESS)).note
    return str(record.key) not in note and "left out" not in note


def _can_be_asked(adapter: Adapter) -> bool:
    """A batch without records asks just that."""
    try:
        return adapter.find(example_batch(address=ADDRESS)) is not None
    except DestinationError:
        return True  # it asked, and nobody answered


def _overrides(adapter: Adapter, method: str) -> bool:
    return getattr(type(adapter), method) is not getattr(Adapter, method)


def _examines(kind: str, adapter: Adapter, method: str) -> str:
    return "with sharecore" if kind == "tom" else _yes(_overrides(adapter, method))


def test_the_table_is_true(adapters: dict[str, Adapter]) -> None:
    rows = {row[0]: row[1:] for row in tables((DOCS / "reference" / "adapters.md").read_text())[HEADING]}
    real: dict[str, list[str]] = {
        kind.value: [_yes(_takes(each, record)) for each in adapters.values()]
        for kind, record in KINDS.items()
    }
    real |= {
        "any data, by continuous shares and once": [_yes(each.takes_records) for each in adapters.values()],
        "file": [_yes(each.takes_files) for each in adapters.values()],
        "report": [_yes(each.takes_reports) for each in adapters.values()],
        "an edit changes what is there": [_yes(each.can_update) for each in adapters.values()],
        "withdraws what was delivered": [_yes(each.can_withdraw) for each in adapters.values()],
        "can be asked after an unknown outcome, or sent again without harm": [
            _yes(_can_be_asked(each)) for each in adapters.values()
        ],
        "answers later": [_yes(_overrides(each, "follow")) for each in adapters.values()],
        "topics": [_yes(_overrides(each, "topics")) for each in adapters.values()],
        "says what is wrong before anything is sent": [
            _examines(kind, each, "validate") for kind, each in adapters.items()
        ],
        "takes a test without harm": [_examines(kind, each, "send_test") for kind, each in adapters.items()],
        "permanent: a person approves each record, unless `APPROVAL` is `False`": [
            _yes(Registry.load().destination_types[kind].permanent) for kind in adapters
        ],
        "each person can share with their own key": [
            _yes(bool(Registry.load().destination_types[kind].personal)) for kind in adapters
        ],
        "links to what it became": [_yes(_overrides(each, "link")) for each in adapters.values()],
        "records of one call, at most": [str(each.max_batch) for each in adapters.values()],
        "seconds that new records wait for others, to go in one call": [
            f"{each.batch_window_seconds:g}" for each in adapters.values()
        ],
    }
    assert rows == real
