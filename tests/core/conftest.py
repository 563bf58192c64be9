"""Records, batches and plugins for the tests of the core. Plugins are real modules, written for each test."""

from __future__ import annotations

import importlib
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sharecore import Address, Batch, Kind, Photometry, RecordKey, Registry, Site, Target

SITE = Site(origin="7f1b6f0e-0000-4000-8000-000000000001", name="Our TOM")
TARGET = Target(name="SN 2024abc", aliases=("ZTF24abc",))

HEADER = """
from sharecore import *
from sharecore.outcomes import *

class LampAdapter(Adapter):
    def deliver(self, batch):
        yield from ((record.key, Accepted()) for record in batch.records)
    def preview(self, batch):
        return Preview(content_type="text/plain", body="")

def lamp(kind="lamp"):
    return DestinationType(
        kind=kind, summary="Blinks", config=lambda section: None, open=lambda config: LampAdapter()
    )
"""


@dataclass(frozen=True)
class EntryPoint:
    """What the registry uses of importlib.metadata.EntryPoint."""

    name: str
    module: str
    dist: Any

    def load(self) -> ModuleType:
        return importlib.import_module(self.module)


@pytest.fixture
def make_record() -> Callable[..., Photometry]:
    def make(id: str = "1", **fields: Any) -> Photometry:
        key = RecordKey(kind=Kind.PHOTOMETRY, origin=SITE.origin, id=id)
        when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        base: dict[str, Any] = {"key": key, "timestamp": when, "brightness": 18.5, "bandpass": "r"}
        return Photometry(**base | fields)

    return make


@pytest.fixture
def make_batch(make_record: Callable[..., Photometry]) -> Callable[..., Batch]:
    def make(*ids: str, **fields: Any) -> Batch:
        records = tuple(make_record(id) for id in ids)
        base: dict[str, Any] = {"site": SITE, "address": Address("x"), "target": TARGET, "records": records}
        return Batch(**base | fields)

    return make


_numbers = itertools.count()
"""No name comes twice in a process: an import that hangs keeps its name."""


@pytest.fixture
def make_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Write a module with the header above; its name. It is forgotten after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def make(source: str, header: str = HEADER) -> str:
        name = f"sharecore_test_plugin_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(header + textwrap.dedent(source))
        importlib.invalidate_caches()
        names.append(name)
        return name

    yield make
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def entry_point(make_module: Callable[..., str]) -> Callable[..., EntryPoint]:
    """An entry point that names a new module."""

    def make(
        source: str, name: str = "lamp", distribution: str = "sharecore-lamp", version: str = "1.2"
    ) -> EntryPoint:
        return EntryPoint(name, make_module(source), SimpleNamespace(name=distribution, version=version))

    return make


@pytest.fixture
def load(entry_point: Callable[..., EntryPoint]) -> Callable[..., Registry]:
    """A registry with one plugin for each source, named a of dist-a, b of dist-b and so on."""

    def make(*sources: str) -> Registry:
        letters = "abcdefgh"
        return Registry.load(
            entry_point(source, name=letter, distribution=f"dist-{letter}", version="1.0")  # type: ignore[misc]
            for letter, source in zip(letters, sources, strict=False)
        )

    return make
