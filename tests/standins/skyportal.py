"""A stand-in for SkyPortal: the part that sharing meets, as measured and as its code of August 2026 says.

Photometry is kept as there: fluxes in microjanskys with AB zero point, found again by object, instrument,
origin, time, flux and its error. A batch is stored as a whole or not at all, and most failures are HTTP 400
with a traceback. A spectrum that comes twice is there twice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sharecore.testing import Answer, FakeServer, Request, answer

TOKEN = "1f0a2c3e-5d6b-4a7c-8e9f-0a1b2c3d4e5f"
READ_ONLY = "2f0a2c3e-5d6b-4a7c-8e9f-0a1b2c3d4e5f"
ZP = 23.9
MAX_ROWS = 10_000
FILTERS = {"ztfg": -0.09, "ztfr": 0.16, "bessellv": 0.02, "sdssr": 0.15, "sdssi": 0.36}
"""Filters of sncosmo, with AB minus Vega, in mag."""
GROUPS = [
    {"id": 1, "name": "Sitewide Group", "nickname": None, "single_user_group": False},
    {"id": 2, "name": "Supernovae", "nickname": "SNe", "single_user_group": False},
    {"id": 3, "name": "Kilonovae", "nickname": None, "single_user_group": False},
    {"id": 4, "name": "observer", "nickname": None, "single_user_group": True},
    {"id": 5, "name": "Others", "nickname": None, "single_user_group": False},
]
"""Groups; the account of the token is in all but the last."""

TAXONOMIES: list[dict[str, Any]] = [
    {
        "id": 7, "name": "Sitewide Taxonomy", "version": "2.0", "isLatest": False,
        "hierarchy": {"class": "Time-domain Source", "subclasses": [{"class": "Type X"}]},
    },
    {
        "id": 8, "name": "Sitewide Taxonomy", "version": "3.0", "isLatest": True,
        "hierarchy": {
            "class": "Time-domain Source",
            "subclasses": [
                {"class": "Supernova", "subclasses": [{"class": "Ia"}, {"class": "Ib/c"}]},
                {"class": "AGN", "subclasses": []},
            ],
        },
    },
]  # fmt: skip

_ID = re.compile(r"[A-Za-z0-9_\-;:+.]+")
_ONE_ROW = ("obj_id", "instrument_id", "mjd", "filter", "magsys", "origin", "altdata")
_TRACEBACK = """Traceback (most recent call last):
  File "/skyportal/skyportal/handlers/api/photometry.py", line 1450, in put
    ids, upload_id = await insert_new_photometry_data(
{error}"""


class Bad(Exception):
    """Raised for a request that is refused."""


def success(data: object = None) -> Answer:
    return answer(200, {"status": "success", "data": data, "version": "1.4.0"})


def error(message: str, status: int = 400) -> Answer:
    return answer(status, {"status": "error", "message": message, "data": {}, "version": "1.4.0"})


class SkyPortal:
    """The state, behind a scripted server.

    Attributes:
        instruments: instruments, which a test may change.
        sources: sources by id.
        points: photometry.
        spectra: spectra.
        classifications: classifications.
        taxonomies: taxonomies.
        fails_after_classification: store the next classification, then answer with an error.
        may_classify: whether the token has the right to.
        refuses: return why a row of photometry fails in the database; empty for one that does not.
        fails_after_spectrum: store the next spectrum, then answer with an error.
        has_every_instrument: have an instrument of each name that somebody asks for, with all filters.
    """

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.groups = [dict(each) for each in GROUPS]
        self.instruments: list[dict[str, Any]] = [
            _instrument(11, "ZTF", "Palomar 1.2m Oschin", "P48", ["ztfg", "ztfr"]),
            _instrument(12, "Camera", "Observatory A", "A", ["sdssr", "sdssi", "bessellv"]),
            _instrument(13, "Camera", "Observatory B", "B", ["sdssr"]),
        ]
        self.sources: dict[str, dict[str, Any]] = {}
        self.points: list[dict[str, Any]] = []
        self.spectra: list[dict[str, Any]] = []
        self.refuses: Callable[[Mapping[str, Any]], str] = lambda row: ""
        self.fails_after_spectrum = False
        self.classifications: list[dict[str, Any]] = []
        self.taxonomies = [dict(each) for each in TAXONOMIES]
        self.fails_after_classification = False
        self.may_classify = True
        self.has_every_instrument = False
        self._number = 1000
        source = "/api/sources/([0-9A-Za-z-_.+]+)"
        self._on("GET", "/api/groups", self._groups)
        self._on("GET", "/api/instrument", self._instruments)
        self._on("GET", source, self._source)
        self._on("GET", f"{source}/photometry", self._photometry)
        self._on("GET", f"{source}/spectra", self._spectra)
        self._on("POST", "/api/sources", self._save)
        self._on("PUT", "/api/photometry", self._put)
        self._on("POST", "/api/spectrum", self._post)
        self._on("GET", "/api/taxonomy", lambda _: success(self.taxonomies))
        self._on("GET", f"{source}/classifications", self._classified)
        self._on("POST", "/api/classification", self._classify)

    @property
    def stored(self) -> list[dict[str, Any]]:
        """All data."""
        return [*self.points, *self.spectra, *self.classifications]

    def requests(self, method: str, path: str) -> list[Any]:
        """The bodies of the requests of this kind."""
        made = self.server.requests
        return [each.json for each in made if (each.method, each.path) == (method, path)]

    def _on(self, method: str, path: str, serve: Callable[[Request], Answer]) -> None:
        def checked(request: Request) -> Answer:
            given = request.headers.get("authorization", "")
            if given not in (f"token {TOKEN}", f"token {READ_ONLY}"):
                return error("Unauthorized", 401)
            if request.writes and given.endswith(READ_ONLY):
                return error("HTTP 401: Unauthorized", 401)
            if request.writes and not request.body.strip().startswith(b"{"):
                return error("Malformed JSON", 500)
            try:
                return serve(request)
            except Bad as bad:
                return error(str(bad))

        self.server.on(method, path, checked)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _groups(self, request: Request) -> Answer:
        own = self.groups[:4]
        lists = {
            "user_groups": own,
            "user_accessible_groups": [each for each in own if not each["single_user_group"]],
            "all_groups": [each for each in self.groups if not each["single_user_group"]],
        }
        return success(lists)

    def _instruments(self, request: Request) -> Answer:
        name = request.query.get("name")
        if name and self.has_every_instrument and not any(each["name"] == name for each in self.instruments):
            self.instruments.append(_instrument(self._next(), name, "1m0", "", [*FILTERS]))
        return success([each for each in self.instruments if name in (None, each["name"])])

    def _source(self, request: Request) -> Answer:
        found = self.sources.get(request.path.rpartition("/")[2])
        return success(found) if found else error("Source not found", 404)

    def _save(self, request: Request) -> Answer:
        body = request.json
        name, groups = body.get("id"), self._group_ids(body)
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise Bad("Only letters, numbers, underscores, semicolons, colons, +, -, and periods are allowed")
        if not all(isinstance(body.get(each), int | float) for each in ("ra", "dec")):
            raise Bad("Invalid/missing parameters: {'ra': ['Missing data for required field.']}")
        source = self.sources.setdefault(name, {**body, "groups": []})
        source["groups"] = sorted({*source["groups"], *groups})
        return success({"id": name, "saved_to_groups": groups})

    def _put(self, request: Request) -> Answer:
        body = request.json
        groups = self._group_ids(body) if "group_ids" in body else []
        rows = [self._point(row) for row in self._rows(body)]
        if len(rows) > MAX_ROWS:
            raise Bad(f"Maximum number of photometry rows to post exceeded: {len(rows)} > {MAX_ROWS}.")
        for row in rows:
            instrument = self._instrument(row)
            if row["filter"] not in instrument["filters"]:
                wrong = f"Instrument {instrument['name']} has no filter {row['filter']}."
                raise Bad(_TRACEBACK.format(error=f"marshmallow.exceptions.ValidationError: {wrong}"))
            if why := self.refuses(row):
                raise Bad(_TRACEBACK.format(error=why))
        ids = []
        for row in rows:
            same = next((each for each in self.points if _key(each) == _key(row)), None)
            if same is None:
                same = {"id": self._next(), **row, "groups": []}
                self.points.append(same)
            same["groups"] = sorted({*same["groups"], *groups})
            ids.append(same["id"])
        return success({"ids": ids, "upload_id": "0c5f1c9a"})

    def _rows(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """As pandas spreads scalars over the columns, and makes numbers of texts."""
        values = {name: value for name, value in body.items() if name != "group_ids"}
        lengths = {len(value) for value in values.values() if isinstance(value, list)} or {1}
        if len(lengths) != 1:
            raise Bad("Unable to coerce passed JSON to a series of packets.")
        (length,) = lengths
        rows = [
            {name: value[at] if isinstance(value, list) else value for name, value in values.items()}
            for at in range(length)
        ]
        for row in rows:
            with suppress(KeyError, ValueError, TypeError):
                row["obj_id"] = str(float(row["obj_id"]))
        return rows

    def _point(self, row: Mapping[str, Any]) -> dict[str, Any]:
        names = set(row)
        missing = {"obj_id", "instrument_id", "mjd", "filter", "magsys"} - names
        in_flux = not missing and {"flux", "fluxerr", "zp"} <= names
        if missing or not (in_flux or "limiting_mag" in names):
            raise Bad(
                'Invalid input format: Tried to parse data in mag space, got: "Missing data". Tried ...'
            )
        needed = ("fluxerr", "zp") if in_flux else ("limiting_mag",)
        for name in (*needed, "mjd", "magsys", "filter"):
            if row[name] is None:
                raise Bad(f'Error parsing packet "{row}": missing required field {name}.')
        if row["filter"] not in FILTERS:
            raise Bad(
                f"Filter(s) {{'{row['filter']}'}} is not allowed. Allowed filters are: {tuple(FILTERS)}"
            )
        if row["magsys"] not in ("ab", "vega"):
            raise Bad("Error standardizing photometry data")
        self._instrument(row)
        if row["obj_id"] not in self.sources:
            raise Bad(f"Invalid object ID: {row['obj_id']}")
        flux, fluxerr = _flux(row) if in_flux else _of_magnitude(row)
        scale = 10 ** (-0.4 * (FILTERS[row["filter"]] if row["magsys"] == "vega" else 0.0))
        kept = {name: row.get(name) for name in _ONE_ROW}
        limiting = {} if in_flux else {"limiting_mag": row["limiting_mag"]}
        return {
            **kept,
            **limiting,
            "flux": None if flux is None else flux * scale,
            "fluxerr": fluxerr * scale,
        }

    def _instrument(self, row: Mapping[str, Any]) -> dict[str, Any]:
        found = next((each for each in self.instruments if each["id"] == row["instrument_id"]), None)
        if found is None:
            raise Bad(f"Invalid instrument ID: {row['instrument_id']}")
        return found

    def _post(self, request: Request) -> Answer:
        body = request.json
        missing = {"obj_id", "instrument_id", "observed_at", "wavelengths", "fluxes"} - set(body)
        if missing:
            raise Bad(f"Invalid / missing parameters; {sorted(missing)}")
        if body["obj_id"] not in self.sources:
            raise Bad("Failed to post spectrum: violates foreign key constraint")
        self._instrument(body)
        if body.get("units") not in ("Jy", "AB", "erg/s/cm/cm/AA"):
            raise Bad("Failed to post spectrum: units must be Jy, AB, or erg/s/cm/cm/AA")
        spectrum = {"id": self._next(), "errors": None, **body, "groups": self._group_ids(body)}
        self.spectra.append(spectrum)
        if self.fails_after_spectrum:
            self.fails_after_spectrum = False
            raise Bad("Failed to post spectrum: Connection refused")
        return success({"id": spectrum["id"]})

    def _classify(self, request: Request) -> Answer:
        """As its code says; a repeat is a second classification."""
        if not self.may_classify:
            return error("HTTP 401: Unauthorized", 401)
        body = request.json
        failed = "Error posting classification: "
        if missing := [name for name in ("obj_id", "taxonomy_id", "classification") if name not in body]:
            raise Bad(f"{failed}'{missing[0]}'")
        if body["obj_id"] not in self.sources:
            raise Bad(f"{failed}Cannot find object with ID {body['obj_id']}.")
        # Without groups, or with none, everybody sees it.
        groups = body.get("group_ids") or [1]
        taxonomy = next((each for each in self.taxonomies if each["id"] == body["taxonomy_id"]), None)
        if taxonomy is None:
            raise Bad(f"{failed}Cannot find a taxonomy with ID: {body['taxonomy_id']}.")
        if body["classification"] not in _classes(taxonomy["hierarchy"]):
            said = f"That classification ({body['classification']}) is not in the allowed classes for the "
            raise Bad(f"{failed}{said}chosen taxonomy (id={taxonomy['id']}")
        probability = body.get("probability")
        if probability is not None and not 0 <= probability <= 1:
            raise Bad(f"{failed}That probability ({probability}) is outside the allowable range (0-1).")
        if not set(groups) <= {each["id"] for each in self.groups[:4]}:
            raise Bad(f"{failed}Cannot find one or more groups with IDs: {groups}.")
        kept = {name: body.get(name) for name in ("obj_id", "classification", "taxonomy_id", "probability")}
        made = {"id": self._next(), **kept, "origin": body.get("origin"), "ml": body.get("ml", False)}
        self.classifications.append({**made, "author_name": "observer", "groups": groups})
        if self.fails_after_classification:
            self.fails_after_classification = False
            raise Bad(f"{failed}Connection refused")
        return success({"classification_id": made["id"]})

    def _classified(self, request: Request) -> Answer:
        """As for a source that is not there: none."""
        name, own = request.path.split("/")[3], {each["id"] for each in self.groups[:4]}
        seen = [each for each in self.classifications if each["obj_id"] == name and own & set(each["groups"])]
        return success([{**each, "votes": []} for each in seen])

    def _group_ids(self, body: Mapping[str, Any]) -> list[int]:
        given = body.get("group_ids")
        own = {each["id"] for each in self.groups[:4]}
        if not isinstance(given, list) or not given or not set(given) <= own:
            raise Bad(f"Invalid group IDs: {given}. Available group IDs: {own}")
        return list(given)

    def _photometry(self, request: Request) -> Answer:
        name = request.path.split("/")[3]
        if name not in self.sources:
            return error(f"Insufficient permissions for User 1 to read Obj {name}", 403)
        system = request.query.get("magsys", "ab")
        assert request.query.get("format") == "both", "the tests of the adapter ask so"
        return success([_shown(each, system) for each in self.points if each["obj_id"] == name])

    def _spectra(self, request: Request) -> Answer:
        name = request.path.split("/")[3]
        if name not in self.sources:
            raise Bad("Invalid object ID.")
        return success({"obj_id": name, "spectra": [each for each in self.spectra if each["obj_id"] == name]})


def _classes(hierarchy: Mapping[str, Any]) -> list[str]:
    below = [name for each in hierarchy.get("subclasses", []) for name in _classes(each)]
    return [hierarchy["class"], *below] if "class" in hierarchy else below


def _instrument(number: int, name: str, telescope: str, nickname: str, filters: list[str]) -> dict[str, Any]:
    place = {"id": number, "name": telescope, "nickname": nickname}
    return {"id": number, "name": name, "type": "imager", "filters": filters, "telescope": place}


def _flux(row: Mapping[str, Any]) -> tuple[float | None, float]:
    scale = 10 ** (0.4 * (ZP - row["zp"]))
    return None if row["flux"] is None else row["flux"] * scale, row["fluxerr"] * scale


def _of_magnitude(row: Mapping[str, Any]) -> tuple[float | None, float]:
    mag, magerr, limit = row.get("mag"), row.get("magerr"), row["limiting_mag"]
    if (mag is None) != (magerr is None):
        raise Bad(f'Error parsing packet "{row}": mag and magerr must both be null, or both be not null.')
    if mag is None or magerr is None:
        return None, float(10 ** (-0.4 * (limit - ZP)) / 3)
    flux = 10 ** (-0.4 * (mag - ZP))
    return flux, magerr / (2.5 / math.log(10)) * flux


def _key(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(row[each] for each in ("obj_id", "instrument_id", "origin", "mjd", "fluxerr", "flux"))


def _shown(point: Mapping[str, Any], system: str) -> dict[str, Any]:
    """As `format=both` shows a point: fluxes stay, the zero point says the system."""
    correction = -FILTERS[point["filter"]] if system == "vega" else 0.0
    own = -FILTERS[point["filter"]] if point["magsys"] == "vega" else 0.0
    flux, fluxerr = point["flux"], point["fluxerr"]
    detected = flux is not None and flux > 0
    if "limiting_mag" in point:
        limit = point["limiting_mag"] - own + correction
    else:
        limit = -2.5 * math.log10(5 * fluxerr) + ZP + correction
    shown = {
        name: point[name] for name in ("id", "obj_id", "mjd", "filter", "instrument_id", "origin", "altdata")
    }
    return {
        **shown,
        "magsys": system,
        "mag": -2.5 * math.log10(flux) + ZP + correction if detected else None,
        "magerr": 2.5 / math.log(10) * fluxerr / flux if detected else None,
        "limiting_mag": limit,
        "flux": flux,
        "fluxerr": fluxerr,
        "zp": ZP + correction,
    }
