"""What a TOM has beside single rows: `api/sharing/` with sharecore, `api/dataproducts/` of a stock 3.1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import numpy as np
from astropy.io import ascii as astropy_ascii
from astropy.time import Time

Answer = tuple[int, dict[str, str], str]
COLUMNS = (
    "brightness", "brightness_error", "limit", "unit", "bandpass", "exposure_time", "telescope", "instrument",
    "reduction_version",
)  # fmt: skip
SOURCE = ("source_name", "source_location")


def said(status: int, body: object) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body)


class Sharing:
    """`api/sharing/` of a TOM with one target.

    target: its id. stored: fingerprint by key. batches: what came in. bad: reasons by id.
    """

    def __init__(self, *, origin: str = "receiver-uuid", records: int = 1000, size: int = 8_000_000) -> None:
        self.about: dict[str, Any] = {
            "sharecore": "1.2",
            "protocols": [1],
            "origin": origin,
            "name": "B",
            "limits": {"records": records, "bytes": size},
            "kinds": ["photometry", "photometry-limit", "spectrum", "astrometry", "other"],
            "new": "ignored",
        }
        self.target = 12
        self.stored: dict[tuple[str, ...], str] = {}
        self.batches: list[dict[str, Any]] = []
        self.bad: dict[str, tuple[str, str]] = {}

    def __call__(self, method: str, path: str, body: Any) -> Answer:
        if (method, path) == ("GET", "api/sharing/"):
            return said(200, self.about)
        if path == "api/sharing/test/":
            return said(200, {"stored": False, "records": [self._examined(each) for each in body["records"]]})
        self.batches.append(body)
        return said(
            200,
            {
                "protocol": 1,
                "target": {"id": self.target, "created": not self.stored},
                "origin": self.about["origin"],
                "records": [self._record(each) for each in body["records"]],
            },
        )

    def _examined(self, record: Mapping[str, Any]) -> dict[str, Any]:
        if record["key"]["id"] in self.bad:
            return self._record(record)
        return {"key": record["key"], "outcome": "accepted", "id": ""}

    def _record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        key = tuple(record["key"].values())
        if record["key"]["id"] in self.bad:
            field, reason = self.bad[record["key"]["id"]]
            return {"key": record["key"], "outcome": "rejected", "id": "", "field": field, "reason": reason}
        known = self.stored.get(key)
        outcome = {None: "accepted", record["fingerprint"]: "duplicate"}.get(known, "revised")
        self.stored[key] = record["fingerprint"]
        return {"key": record["key"], "outcome": outcome, "id": f"row/{record['key']['id']}"}


class Products:
    """`api/dataproducts/` of a stock 3.1: reads a file with astropy, keeps a row for each line.

    rows: those of the TOM. loses: columns that its processor does not keep. shift: seconds by which it moves
    times.
    """

    def __init__(self, rows: list[dict[str, Any]], shown: tuple[str, ...]) -> None:
        self._rows = rows
        self._shown = shown
        self.products: dict[str, int] = {}
        self.sizes: list[int] = []
        self.loses: tuple[str, ...] = ()
        self.withdrawn: list[int] = []

    def __call__(self, method: str, path: str, body: Any) -> Answer:
        if method == "DELETE":
            pk = int(path.split("/")[2])
            self.withdrawn.append(pk)
            self._rows[:] = [row for row in self._rows if row.get("data_product") != pk]
            return 204, {}, ""
        if body["product_id"] in self.products:
            return said(200, {"id": self.products[body["product_id"]], "already_exists": True})
        pk = self.products[body["product_id"]] = 100 + len(self.products)
        _, content = body["file"]
        lines = astropy_ascii.read(content.decode())
        self.sizes.append(len(lines))
        for line in lines:
            self._keep(int(body["target"]), pk, line)
        return said(201, {"id": pk, "message": "Data product successfully uploaded."})

    def _keep(self, target: int, pk: int, line: Any) -> None:
        """As `PhotometryProcessor` and `try_parse_reduced_datum` of tomtoolkit 3.1.0 do it."""
        time = Time(float(line["time"]), format="mjd").to_datetime(timezone=UTC)
        given = {name: line[name] for name in line.colnames if not np.ma.is_masked(line[name])}
        given |= given.pop("value", {})
        columns = {name: given.get(name) for name in COLUMNS if name not in self.loses}
        columns = {
            name: each.item() if isinstance(each, np.generic) else each for name, each in columns.items()
        }
        row = {
            "target": target,
            "data_product": pk,
            "data_type": "photometry",
            "timestamp": time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "source_name": str(given["source_name"]),
            "source_location": str(given["source_location"]),
            "value": {name: columns.get(name) for name in self._shown},
            "columns": columns,
            "extra": {name: each for name, each in given.items() if name not in (*COLUMNS, *SOURCE)},
        }
        if not any(_alike(row, each) for each in self._rows):
            self._rows.append(row)


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """The constraints of 3.1 that drop a repeated row."""
    same = ("bandpass", "instrument", "reduction_version")
    ours, theirs = one["columns"], other["columns"]
    if any((ours.get(name) or "") != (theirs.get(name) or "") for name in same):
        return False
    if (one["target"], one["timestamp"]) != (other["target"], other["timestamp"]):
        return False
    return any(ours.get(n) is not None and ours.get(n) == theirs.get(n) for n in ("brightness", "limit"))
