"""A stand-in for TNS: the part that reports meet, as its manual of January 2025 and its clients tell.

A report that comes is processed at once, and its answer is shown only after some questions. A report of the
same sender with the same place, date and internal name is there already (message 5); one near a known object
is stored with that object (101).
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from sharecore.testing import Answer, FakeServer, Request, answer

KEY = "7c1e0d5b9a3f48e2b6d4a1c0f9e8d7b6a5c4e3f2"
BOT_ID, BOT_NAME = "4321", "Our_Bot"
MARKER = f'tns_marker{{"tns_id":{BOT_ID},"type":"bot","name":"{BOT_NAME}"}}'
NEAR = 3.0 / 3600
"""Distance of two reports of one object, in degrees."""
VALUES: dict[str, Any] = {
    "at_types": ["Other", "PSN - Possible SN", "PNV - Possible Nova", "AGN", "NUC", "FRB"],
    "units": ["Other", "ABMag", "STMag", "VegaMag"],
    "objtypes": {"1": "SN", "3": "SN Ia", "10": "SN II", "120": "TDE", "27": "CV"},
    "spectra_types": {"1": "Object", "2": "Host"},
    "groups": {"0": "None", "2": "LCO", "66": "Global SN Project"},
    "instruments": {"0": "Other", "6": "FLOYDS", "111": "LCO1m - Sinistro", "196": "P48 - ZTF-Cam"},
    "telescopes": {"0": "Other"},
    "archives": {"0": "Other", "1": "SDSS", "2": "DSS"},
    "filters": {"0": "Other", "14": "V-Johnson", "22": "r-Sloan", "110": "g-ZTF", "111": "r-ZTF"},
}
_AT_FIELDS = ("reporting_groupid", "data_source_groupid", "reporter", "discovery_datetime", "at_type")
_POINT_FIELDS = ("obsdate", "flux_unitid", "filterid", "instrumentid")
_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")


def told(code: int, message: str, data: object = None) -> Answer:
    """An answer in the envelope of TNS."""
    return answer(code, {"id_code": code, "id_message": message, "data": data})


class Tns:
    """The state, behind a scripted server.

    Attributes:
        polls: questions for an answer that get "not yet" (404).
        seconds: time from a report to its answer; before, questions get "not yet", too.
        values: lists of options.
        submitted: every report that came, by number.
        stored: reports that are there: the number of the submission, and the content.
        objects: objects by name without prefix.
        files: names there of uploaded files, with their content.
        asked: questions for the answer to each report, by number.
    """

    def __init__(self, server: FakeServer, *, polls: int = 1) -> None:
        self.server = server
        self.polls = polls
        self.seconds = 0.0
        self.values = {name: values.copy() for name, values in VALUES.items()}
        self.submitted: dict[int, dict[str, Any]] = {}
        self.stored: list[tuple[int, dict[str, Any]]] = []
        self.objects: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self._answers: dict[int, tuple[int, dict[str, Any]]] = {}
        self._came: dict[int, float] = {}
        self.asked: dict[int, int] = {}
        server.on("GET", "/api/get/values/?", self._values)
        for path, serve in {
            "/api/set/bulk-report": self._submit, "/api/get/bulk-report-reply": self._reply,
            "/api/set/file-upload": self._upload, "/api/get/search": self._search,
            "/api/get/object": self._object,
        }.items():  # fmt: skip
            server.on("POST", path, lambda request, serve=serve: self._checked(request, serve))

    def add(self, objname: str, ra: float, dec: float, **fields: Any) -> None:
        """Have an object that somebody else reported."""
        self.objects[objname] = {
            "objname": objname, "name_prefix": "AT", "radeg": ra, "decdeg": dec,
            "discoverer_internal_name": "", "reporting_group": {"groupid": 999, "group_name": "Others"},
            "object_type": {"id": None, "name": None}, **fields,
        }  # fmt: skip

    def _values(self, request: Request) -> Answer:
        if not request.headers.get("user-agent", "").startswith(("tns_marker", "Mozilla")):
            return answer(403, None)
        return told(200, "OK", self.values)

    def _checked(self, request: Request, serve: Any) -> Answer:
        fields = self._fields(request)
        if fields.get("api_key") != KEY or request.headers.get("user-agent") != MARKER:
            return told(401, "Unauthorized")
        done: Answer = serve(fields, request)
        return done

    def _fields(self, request: Request) -> dict[str, str]:
        kind = request.headers.get("content-type", "")
        if kind.startswith("application/x-www-form-urlencoded"):
            return {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        if kind.startswith("multipart/form-data"):
            found = re.search(rb'name="api_key"\r\n\r\n([^\r]*)', request.body)
            return {"api_key": found[1].decode() if found else ""}
        return {}

    def _submit(self, fields: Mapping[str, str], request: Request) -> Answer:
        try:
            content = json.loads(fields["data"])
        except (KeyError, ValueError):
            return told(400, "Bad request", {"feedback": {"0": {"message": "no JSON", "message_id": 0}}})
        number = 100_000 + len(self.submitted)
        self.submitted[number] = content
        self._came[number] = time.monotonic()
        if "at_report" in content:
            self._answers[number] = self._at_report(number, content["at_report"]["0"])
        else:
            self._answers[number] = self._classification(number, content["classification_report"]["0"])
        return told(200, "OK", {"report_id": number})

    def _reply(self, fields: Mapping[str, str], request: Request) -> Answer:
        number = int(fields.get("report_id", "0"))
        asked = self.asked[number] = self.asked.get(number, 0) + 1
        if number not in self._answers or asked <= self.polls or self._is_busy(number):
            return told(404, "Not found")
        code, feedback = self._answers[number]
        return told(code, "OK" if code == 200 else "Bad request", {"feedback": feedback})

    def _is_busy(self, number: int) -> bool:
        return time.monotonic() < self._came[number] + self.seconds

    def _at_report(self, number: int, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        wrong: dict[str, Any] = {name: _required() for name in _AT_FIELDS if not report.get(name)}
        for name in ("ra", "dec"):
            if not isinstance(report.get(name, {}).get("value"), int | float):
                wrong[name] = {"value": _required()}
        points = report.get("photometry", {}).get("photometry_group", {})
        if not any("flux" in each for each in points.values()):
            wrong["photometry"] = [_message(2, "At least one Photometry point should be filled")]
        for place, each in points.items():
            missing = {name: _required() for name in _POINT_FIELDS if not each.get(name)}
            missing |= self._unknown(each)
            if missing:
                wrong["photometry"] = {"photometry_group": {place: missing}}
        before = report.get("non_detection", {})
        if not before.get("obsdate") and not (before.get("archiveid") and before.get("archival_remarks")):
            wrong["non_detection"] = [_message(6, "Last non-detection or archival info must be filled")]
        elif before.get("obsdate", "") >= report.get("discovery_datetime", "") and before.get("obsdate"):
            wrong["non_detection"] = [_message(1, "Last non-detection should precede the Discovery")]
        if report.get("reporting_groupid") not in (*self.values["groups"], None):
            wrong["reporting_groupid"] = [_message(4, "Invalid group")]
        dates = [report.get("discovery_datetime", ""), *(each.get("obsdate", "") for each in points.values())]
        if not all(map(_DATE.fullmatch, dates)):
            wrong.setdefault("discovery_datetime", [_message(7, "Invalid date")])
        if wrong:
            return 400, {"at_report": [wrong]}
        if any(_identity(report) == _identity(there) for _, there in self.stored):
            text = "An identical AT report (sender, RA/DEC, discovery date, internal_name) already exists."
            same = {"value": {"5": _message(5, text)}}
            return 400, {"at_report": [{"ra": same, "dec": same}]}
        self.stored.append((number, report))
        ra, dec = report["ra"]["value"], report["dec"]["value"]
        for objname, there in self.objects.items():
            if _apart(ra, dec, there["radeg"], there["decdeg"]) < NEAR:
                known = {"prefix": there["name_prefix"], "objname": objname}
                return 200, {"at_report": [{"101": known, "at_rep": number}]}
        objname = f"2026{_letters(len(self.objects))}"
        group = {"groupid": int(report["reporting_groupid"]), "group_name": "x"}
        name = report.get("internal_name", "")
        self.add(objname, ra, dec, discoverer_internal_name=name, reporting_group=group)
        return 200, {"at_report": [{"100": {"objname": objname}, "at_rep": number}]}

    def _classification(self, number: int, report: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        wrong: dict[str, Any] = {
            name: _required() for name in ("name", "classifier", "objtypeid") if not report.get(name)
        }
        there = self.objects.get(report.get("name", ""))
        if there is None:
            wrong.setdefault("name", [_message(8, "The object does not exist")])
        spectrum = report.get("spectra", {}).get("spectra-group", {}).get("0", {})
        if spectrum.get("ascii_file") not in self.files:
            wrong["spectra"] = {"spectra-group": {"0": {"ascii_file": _required()}}}
        if wrong or there is None:
            return 400, {"classification_report": [wrong]}
        self.stored.append((number, report))
        kind = self.values["objtypes"][report["objtypeid"]]
        there["object_type"] = {"id": int(report["objtypeid"]), "name": kind}
        prefix = kind.split()[0] if kind.startswith(("SN", "TDE")) else "AT"
        renamed = prefix != there["name_prefix"]
        there["name_prefix"] = prefix
        messages = {"121": {"new_object_name": f"{prefix}{there['objname']}"}} if renamed else {
            "120": {"message": "Classification was added", "message_id": 120}
        }  # fmt: skip
        return 200, {"classification_report": [{"classification_messages": [messages]}]}

    def _unknown(self, point: Mapping[str, Any]) -> dict[str, Any]:
        lists = {"filterid": "filters", "instrumentid": "instruments"}
        return {
            name: [_message(9, "Invalid value")]
            for name, values in lists.items()
            if point.get(name) and point[name] not in self.values[values]
        }

    def _upload(self, fields: Mapping[str, str], request: Request) -> Answer:
        parts = re.findall(
            rb'name="files\[\d+\]"; filename="([^"]+)"\r\n[^\r]*\r\n\r\n(.*?)\r\n--', request.body, re.S
        )
        names = [f"tns_2026_{name.decode()}" for name, _ in parts]
        self.files |= dict(zip(names, (body for _, body in parts), strict=True))
        return told(200, "OK", names)

    def _search(self, fields: Mapping[str, str], request: Request) -> Answer:
        query = json.loads(fields["data"])
        found = []
        for objname, there in self.objects.items():
            here = query.get("internal_name") and there["discoverer_internal_name"] == query["internal_name"]
            if query.get("ra"):
                apart = _apart(float(query["ra"]), float(query["dec"]), there["radeg"], there["decdeg"])
                here = apart * 3600 < float(query["radius"])
            if here or query.get("objname") == objname:
                found.append({"objname": objname, "prefix": there["name_prefix"], "objid": 1})
        return told(200, "OK", found)

    def _object(self, fields: Mapping[str, str], request: Request) -> Answer:
        there = self.objects.get(json.loads(fields["data"])["objname"])
        return told(200, "OK", there) if there else told(404, "Not found")


def _message(number: int, text: str) -> dict[str, Any]:
    return {"message": text, "message_id": number}


def _required() -> list[dict[str, Any]]:
    return [_message(3, "Required field")]


def _identity(report: Mapping[str, Any]) -> tuple[object, ...]:
    place = [report.get(name, {}).get("value") for name in ("ra", "dec")]
    return (*place, report.get("discovery_datetime"), report.get("internal_name"))


def _apart(ra: float, dec: float, ra_there: float, dec_there: float) -> float:
    return math.hypot((ra - ra_there) * math.cos(math.radians(dec)), dec - dec_there)


def _letters(number: int) -> str:
    text = ""
    for _ in range(3):
        number, rest = divmod(number, 26)
        text = chr(ord("a") + rest) + text
    return text
