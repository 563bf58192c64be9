"""What is too large for a message: a spectrum goes as a file beside it, the rest is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests
from astropy import units
from astropy.table import Table

from adapters.hermes.test_edits import AUTH, DEMO, Site
from calling import deliver
from sharecore.identity import fingerprint
from sharecore.outcomes import Accepted, Deferred, Present, Unsupported, Withdrawn
from sharecore_hermes import large_data, message

POINTS = 400


@pytest.fixture
def site(make: Any, start_hermes: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site for which 12 kB are too large, so that the tests are quick."""
    monkeypatch.setattr(message, "MAX_BYTES", 12_000)
    monkeypatch.setattr(large_data, "MAX_BYTES", 12_000)
    return Site(make, start_hermes("hermes.test", DEMO))


def long(make: Any, **values: Any) -> Any:
    """A spectrum that is too large for a message."""
    flux = tuple(1e-16 + number * 1e-19 for number in range(POINTS))
    wavelength = tuple(4000.0 + number for number in range(POINTS))
    return make.spectrum(**{"flux": flux, "wavelength": wavelength, "error": flux} | values)


def send(site: Site, *records: Any, **settings: Any) -> Any:
    adapter = site.make.adapter(BASE_URL=site.server.base_url, **settings)
    return adapter, site.batch(*records), deliver(adapter, site.batch(*records))


def stored(site: Site) -> list[str]:
    """The files in the archive, as texts."""
    names = [row["file_info"][0]["url"].rpartition("/")[2] for row in spectra(site) if "file_info" in row]
    return [requests.get(f"{site.server.base_url}stand-in/{name}", timeout=10).text for name in names]


def spectra(site: Site) -> list[Any]:
    return [
        row for each in site.server.published() for row in each["message"]["data"].get("spectroscopy", [])
    ]


def test_a_long_spectrum_goes_as_a_file_with_all_it_holds(site: Site) -> None:
    record, small = long(site.make), site.make.detection()
    _, _, outcomes = send(site, record, small)
    assert {type(each) for each in outcomes.values()} == {Accepted}
    assert len(site.uuids) == 2, "a message of its own"
    (row,) = spectra(site)
    assert not {"flux", "flux_error", "wavelength"} & set(row)
    assert row["file_info"][0]["name"].startswith("spectrum-20260301-040506-")
    (text,) = stored(site)
    table = Table.read(text, format="ascii.ecsv")
    assert tuple(table["flux"]) == record.flux
    assert tuple(table["wavelength"]) == record.wavelength
    assert tuple(table["flux_error"]) == record.error
    assert table["flux"].unit == units.Unit("erg / (Angstrom s cm2)")
    assert table["wavelength"].unit == units.AA
    assert table.meta["target_name"] == "AT2026abc"
    assert (row["flux_units"], row["wavelength_units"]) == ("erg / s / cm\u00b2 / \u212b", "\u212b")


def test_the_preview_shows_the_message_and_names_the_file(site: Site) -> None:
    record = long(site.make)
    adapter, batch, _ = send(site, record)
    preview = adapter.preview(batch)
    (row,) = json.loads(preview.body)["data"]["spectroscopy"]
    assert row["file_info"][0]["name"] == spectra(site)[0]["file_info"][0]["name"]
    assert row["file_info"][0]["name"] in preview.note
    assert adapter.validate(batch) == []


def test_it_is_found_edited_and_withdrawn_as_any_other(site: Site) -> None:
    record = long(site.make)
    adapter, batch, outcomes = send(site, record, EDITS="retract")
    found = adapter.find(batch)
    assert found == {record.key: Present(content=fingerprint(record), remote_id=site.uuids[0])}
    site.names[record.key] = outcomes[record.key].remote_id
    edit = replace(record, exposure_time=30.0)
    _, _, outcomes = send(site, edit, EDITS="retract")
    assert isinstance(outcomes[record.key], Accepted)
    assert site.last["data"]["references"][0]["citation"] == site.uuids[0]
    assert site.retracted() == [site.uuids[0]]
    previous = replace(site.batch(), previous={record.key: site.uuids[1]})
    assert dict(adapter.withdraw(previous, "wrong")) == {record.key: Withdrawn()}
    assert site.retracted() == site.uuids


def test_an_archive_that_refuses_the_file_holds_up_this_record_alone(site: Site) -> None:
    record, small = long(site.make), site.make.detection()
    site.archive(refuses_files=403)
    _, _, outcomes = send(site, record, small)
    assert isinstance(outcomes[small.key], Accepted)
    assert isinstance(outcomes[record.key], Deferred), "nothing of it was published: it is tried again"
    assert "403 Client Error" in outcomes[record.key].reason
    assert len(site.uuids) == 1
    site.archive(refuses_files=0)
    _, _, outcomes = send(site, record)
    assert isinstance(outcomes[record.key], Accepted)
    assert len(spectra(site)) == 1


@pytest.mark.parametrize("make_record", ["detection", "spectrum"])
def test_what_no_file_helps_is_told_by_how_much_and_what_to_do(site: Site, make_record: str) -> None:
    notes = {"matrix": "x" * 13_000, "airmass": 1.2}
    monster, good = getattr(site.make, make_record)(extra=notes), site.make.detection()
    _, _, outcomes = send(site, monster, good)
    assert isinstance(outcomes[good.key], Accepted)
    told = outcomes[monster.key]
    assert isinstance(told, Unsupported)
    assert told.feature == "message-size"
    assert "takes 12,000 bytes" in told.reason
    assert "'matrix', with 13,002 bytes" in told.reason
    assert "sharecore_convert" in told.reason


def test_a_spectrum_too_large_for_a_file_is_told_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_data, "MAX_FILE", 10_000)
    _, _, outcomes = send(site, record := long(site.make))
    (told,) = outcomes.values()
    assert isinstance(told, Unsupported)
    assert "a file of 10,000 bytes" in told.reason
    assert "Bin it" in told.reason
    assert record.key in outcomes
    assert not site.uuids


def test_a_topic_that_takes_less_than_usual_gets_the_file(make: Any, hermes: Any) -> None:
    record = make.spectrum()
    error = (
        "Error posting message to kafka: Error communicating with Kafka: code=MSG_SIZE_TOO_LARGE Broker: x"
    )
    hermes.submit(400, {"error": error})
    hermes.submit(200, {"uuid": "u1"})
    outcomes = deliver(make.adapter(), make.batch(record))
    assert outcomes == {record.key: Accepted(remote_id="u1")}
    assert hermes.mock.calls[-1].request.headers["Content-Type"].startswith("multipart/form-data")


def test_the_stand_in_takes_files_as_hermes_does(site: Site) -> None:
    target = {"name": "x", "ra": 1, "dec": 1}
    row = {"target_name": "x", "date_obs": "60000.5", "instrument": "S", "file_info": [{"name": "a.txt"}]}
    told = {
        "title": "T",
        "topic": DEMO,
        "submitter": "S",
        "data": {"targets": [target], "spectroscopy": [row]},
    }
    url = f"{site.server.base_url}api/v0/submit_message/"

    def post(names: list[str], message: Any = told, path: str = "") -> requests.Response:
        files = [("files", (name, b"1 2")) for name in names]
        given = {"data": json.dumps(message)} if message else {"other": "x"}
        return requests.post(url + path, data=given, files=files, headers=AUTH, timeout=10)

    assert requests.post(url, json=told, headers=AUTH, timeout=10).status_code == 500, "JSON without a url"
    assert post(["a.txt"], None).status_code == 500
    assert "not uploaded" in post(["b.txt"]).json()["error"]
    assert "b.txt sent but not referenced" in post(["a.txt", "b.txt"]).json()["error"]
    wrong = told | {"data": {"targets": [target], "spectroscopy": [row | {"flux_units": "Jy"}]}}
    assert post(["a.txt"], wrong, "validate/").json() == {}, "it looks at no rows of a form"
    assert post(["a.txt"], wrong).status_code == 400
    assert not site.uuids
    assert post(["folder/a.txt"]).json()["data"]["spectroscopy"][0]["file_info"][0]["url"]
    mine = told | {"data": {"targets": [target], "spectroscopy": [row | {"proprietary_period": 5}]}}
    assert "url" not in post(["a.txt"], mine).json()["data"]["spectroscopy"][0]["file_info"][0]
    big = requests.post(
        url, data={"data": "{}"}, files={"files": ("a", b"x" * 10_500_000)}, headers=AUTH, timeout=30
    )
    assert big.status_code == 413
