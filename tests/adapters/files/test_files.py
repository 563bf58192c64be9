"""What an astronomer reads in the files, with astropy and nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from astropy import units
from astropy.table import QTable, Table
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from calling import deliver
from sharecore import (
    Absent,
    Accepted,
    Astrometry,
    Batch,
    ConfigurationError,
    Deferred,
    DestinationError,
    Duplicate,
    Kind,
    OtherDatum,
    PhotometryLimit,
    Present,
    Record,
    RecordKey,
    Section,
    Spectrum,
    Target,
    Unsupported,
)
from sharecore.testing import example_batch, example_file, example_record
from sharecore_files.adapter import FilesAdapter
from sharecore_files.config import FilesConfig
from sharecore_files.folder import folder_name

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., FilesAdapter]:
    def open_(**settings: Any) -> FilesAdapter:
        return FilesAdapter(FilesConfig.read(Section("folder", {"DIRECTORY": str(tmp_path)} | settings)))

    return open_


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "SN_2026abc"


def test_ecsv_keeps_units_times_limits_and_blanks(opened: Any, folder: Path) -> None:
    detection = example_record(timestamp=WHEN, brightness=0.0, brightness_error=None, limit=21.9)
    limit = example_record(PhotometryLimit, limit=21.3, exposure_time=300.0)
    deliver(opened(), example_batch(detection, limit))
    table = QTable.read(folder / "photometry_mag_AB.ecsv")
    assert table["brightness"].unit == units.ABmag
    first, second = (next(row for row in table if row["record"] == str(r.key)) for r in (detection, limit))
    assert isinstance(table["time"], Time)
    assert first["time"].utc.isot == "2026-01-02T03:04:05.678901"
    assert abs((first["time"] - Time("2026-01-02T03:04:05.678901")).sec) < 1e-6
    assert first["brightness"] == 0.0 * units.ABmag, "0.0 mag is a magnitude"
    assert first["limit"] == 21.9 * units.ABmag
    plain = Table.read(folder / "photometry_mag_AB.ecsv")
    row = next(row for row in plain if row["record"] == str(limit.key))
    assert isnan(row["brightness"]), "a limit has no brightness"
    assert (row["limit"], row["exposure_time"]) == (21.3, 300.0)
    assert plain["exposure_time"].unit == "s"
    assert second["unit"] == "mag(AB)"


@pytest.mark.parametrize(("form", "suffix"), [("votable", "vot"), ("fits", "fits"), ("csv", "csv")])
def test_other_formats_keep_values_and_name_the_unit(
    opened: Any, folder: Path, form: str, suffix: str
) -> None:
    flux = example_record(timestamp=WHEN, brightness=-1.5, brightness_error=2.0, unit="uJy", telescope="007")
    limit = example_record(PhotometryLimit, limit=8.0, unit="uJy", instrument="\u03b1")
    deliver(opened(FORMAT=form), example_batch(flux, limit))
    deliver(opened(FORMAT=form), example_batch(example_record(unit="mJy", brightness=0.25)))
    table = Table.read(folder / f"photometry_Jy.{suffix}", format=None if form != "csv" else "ascii.csv")
    assert len(table) == 3
    row = next(row for row in table if row["record"] == str(flux.key))
    assert (row["brightness"], row["brightness_error"], row["unit"]) == (-1.5e-6, 2e-6, "Jy")
    assert row["time"] == "2026-01-02T03:04:05.678901"
    assert abs(float(row["mjd"]) - 61042.12784350580) < 1e-9
    if form != "csv":
        assert table["brightness"].unit == units.Jy
        assert row["telescope"] == "007"
    assert next(row for row in table if row["record"] == str(limit.key))["limit"] == 8e-6


def test_a_spectrum_has_a_table_of_points_and_a_line_in_the_list(opened: Any, folder: Path) -> None:
    spectrum = example_record(
        Spectrum, timestamp=WHEN, wavelength=(0.4, 0.41, 0.42), wavelength_unit="micron"
    )
    deliver(opened(), example_batch(spectrum))
    (line,) = Table.read(folder / "spectra.ecsv")
    points = QTable.read(folder / f"{line['file']}.ecsv")
    assert points["wavelength"].unit == units.Angstrom
    assert list(points["wavelength"].value) == [4000.0, 4100.0, 4200.0]
    assert list(points["flux"].value) == [1.2e-16, -3e-18, 0.0]
    assert points["flux"].unit == units.Unit("erg / (Angstrom s cm2)")
    assert (line["record"], line["points"]) == (str(spectrum.key), 3)


@pytest.mark.parametrize("form", ["ecsv", "votable", "fits", "csv"])
@pytest.mark.parametrize("unit", ["counts", "erg/s/cm2/A/arcsec2", "relative flux", "\u00b5flux\nper pixel"])
def test_a_spectrum_in_a_unit_of_the_site_is_written_as_it_is(
    opened: Any, folder: Path, form: str, unit: str
) -> None:
    spectrum = example_record(Spectrum, flux_unit=unit, wavelength_unit="pixel", error=(1.0, 2.0, 3.0))
    outcome = deliver(opened(FORMAT=form), example_batch(spectrum))[spectrum.key]
    assert isinstance(outcome, Accepted)
    asked = "ascii.csv" if form == "csv" else None
    (listed,) = (path for path in folder.glob("spectra.*"))
    (line,) = Table.read(listed, format=asked)
    assert line["wavelength_unit"] == "pixel"
    if unit.isascii():
        assert line["flux_unit"] == unit
    points = Table.read(folder / f"{line['file']}{listed.suffix}", format=asked)
    assert list(points["flux"]) == list(spectrum.flux)
    assert list(points["wavelength"]) == list(spectrum.wavelength)
    assert points["flux"].unit is None, "nothing is guessed"
    if form == "ecsv":
        assert points["flux_error"].description == f"unit: {unit}".replace("\n", " ")


def test_positions_and_other_data_have_tables_too(opened: Any, folder: Path) -> None:
    position = example_record(Astrometry, ra_error=0.1, ra_error_units="arcsec")
    other = example_record(OtherDatum, data_type="redshift", extra={"z": [0.031, None]})
    deliver(opened(), example_batch(position, other))
    (row,) = QTable.read(folder / "astrometry.ecsv")
    assert row["ra"] == 150.1 * units.deg
    assert (row["ra_error"], row["ra_error_units"]) == (0.1, "arcsec")
    (row,) = Table.read(folder / "other.ecsv")
    assert row["data_type"] == "redshift"
    assert json.loads(row["extra"]) == {"z": [0.031, None]}
    assert json.loads((folder / "target.json").read_text())["aliases"] == ["ZTF26aaaaaaa"]


def test_a_test_has_a_file_of_its_own(opened: Any, tmp_path: Path) -> None:
    for _ in range(2):
        assert "sharecore-test.json" in opened().send_test(example_batch(example_record())).reply
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["test"] is True


@pytest.mark.parametrize("form", ["ecsv", "votable", "fits", "csv"])
def test_a_repeat_adds_nothing_and_an_edit_replaces_its_row(opened: Any, folder: Path, form: str) -> None:
    record, other = example_record(), example_record()
    adapter = opened(FORMAT=form)
    deliver(adapter, example_batch(record))
    (path,) = folder.glob("photometry*")
    before = path.read_bytes()
    assert deliver(adapter, example_batch(record)) == {record.key: Duplicate()}
    assert path.read_bytes() == before
    edited = replace(record, brightness=17.25)
    assert adapter.find(example_batch(edited, other)) == {
        edited.key: Present(content=""),
        other.key: Absent(),
    }, "the row of before is there"
    outcomes = deliver(adapter, example_batch(edited, other))
    assert all(isinstance(each, Accepted) for each in outcomes.values())
    found = adapter.find(example_batch(edited, other))
    assert found == {each.key: Present(content=each) for each in (edited, other)}
    table = Table.read(path, format=_asked(path))
    assert sorted(table["brightness"]) == [17.25, 18.5]


def test_a_file_for_each_batch(opened: Any, folder: Path) -> None:
    one, two = example_record(), example_record()
    adapter = opened(PER="batch")
    deliver(adapter, example_batch(one))
    outcomes = deliver(adapter, example_batch(one, two))
    assert outcomes[one.key] == Duplicate()
    files = sorted(folder.glob("photometry*"))
    assert [len(Table.read(path)) for path in files] == [1, 1]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    opened: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = opened()
    deliver(adapter, example_batch(example_record()))
    before = {path: path.read_bytes() for path in folder.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DestinationError, match="No space left on device"):
        deliver(adapter, example_batch(example_record()))
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_damaged_file_is_named_and_never_overwritten(opened: Any, folder: Path) -> None:
    adapter = opened()
    deliver(adapter, example_batch(example_record()))
    path = folder / "photometry_mag_AB.ecsv"
    path.write_text("# %ECSV 1.0\n# ---\nhalf a fi")
    with pytest.raises(DestinationError, match=r"photometry_mag_AB\.ecsv.* Repair it"):
        deliver(adapter, example_batch(example_record()))
    assert path.read_text().endswith("half a fi")


def test_what_a_table_cannot_say_is_told(opened: Any) -> None:
    strange = example_record(unit="counts per fortnight")
    uneven = example_record(Spectrum, error=(1.0,))
    outcomes = deliver(opened(), example_batch(strange, uneven))
    features = [each.feature for each in outcomes.values() if isinstance(each, Unsupported)]
    assert sorted(features) == ["lengths", "unit"]


@pytest.mark.parametrize(
    "words",
    [
        {"error_unit": "mJy"}, {"brightness_error_unit": "mJy"}, {"magerr_units": "mJy"},
        {"value": {"uncertainty_unit": "mJy"}}, {"brightness_error": {"unit": "mJy"}},
    ],
)  # fmt: skip
def test_an_error_in_a_unit_of_its_own_is_scaled_by_that(opened: Any, folder: Path, words: Any) -> None:
    record = example_record(brightness=250.0, brightness_error=0.01, unit="uJy", extra=words)
    limit = example_record(PhotometryLimit, limit=250.0, limit_error=0.01, unit="uJy", extra=words)
    deliver(opened(), example_batch(record, limit))
    table = Table.read(folder / "photometry_Jy.ecsv")
    row, limited = (next(r for r in table if r["record"] == str(each.key)) for each in (record, limit))
    assert (row["brightness"], row["brightness_error"]) == (0.00025, 1e-05)
    assert (limited["limit"], limited["limit_error"]) == (0.00025, 1e-05)


def test_a_limit_in_a_unit_of_its_own_is_scaled_by_that(opened: Any, folder: Path) -> None:
    both = example_record(brightness=250.0, limit=0.05, unit="uJy", extra={"limit_unit": "mJy"})
    words = {"limit_unit": "mJy", "limiting_magnitude_error_unit": "uJy"}
    alone = example_record(PhotometryLimit, limit=0.05, limit_error=10.0, unit="AB mag", extra=words)
    deliver(opened(), example_batch(both, alone))
    table = Table.read(folder / "photometry_Jy.ecsv")
    row, limited = (next(r for r in table if r["record"] == str(each.key)) for each in (both, alone))
    assert (row["brightness"], row["limit"]) == (0.00025, 5e-05)
    assert (limited["limit"], limited["limit_error"]) == (5e-05, 1e-05)


def test_an_error_that_no_factor_brings_to_its_value_is_told(opened: Any, folder: Path) -> None:
    flux_error = example_record(brightness_error=5.0, extra={"brightness_error_unit": "uJy"})
    percent = example_record(brightness_error=2.0, extra={"error_unit": "percent"})
    twice = example_record(
        brightness_error=2.0, extra={"a": {"magerr_unit": "mJy"}, "b": {"magerr_unit": "mag"}}
    )
    spectrum = example_record(Spectrum, error=(1.0, 2.0, 3.0), extra={"flux_error_unit": "mJy"})
    outcomes = deliver(opened(), example_batch(flux_error, percent, twice, spectrum))
    assert [getattr(each, "feature", "") for each in outcomes.values()] == ["unit"] * 4
    assert "'uJy'" in outcomes[flux_error.key].reason
    fine = example_record(brightness_error=0.02, extra={"error_unit": "mag"})
    none = example_record(brightness_error=None, extra={"error_unit": "percent"})
    outcomes = deliver(opened(), example_batch(fine, none))
    assert all(isinstance(each, Accepted) for each in outcomes.values())
    row = next(r for r in Table.read(folder / "photometry_mag_AB.ecsv") if r["record"] == str(fine.key))
    assert row["brightness_error"] == 0.02


@pytest.mark.parametrize(
    ("unit", "said", "written"), [("erg/s/cm2/A", "1e-17 erg/s/cm2/A", 2.5e-17), ("counts", "counts", 2.5)]
)
def test_errors_of_a_spectrum_are_in_the_unit_of_its_flux(
    opened: Any, folder: Path, unit: str, said: str, written: float
) -> None:
    spectrum = example_record(
        Spectrum, flux_unit=unit, error=(1.0, 2.5, 3.0), extra={"flux_error_unit": said}
    )
    deliver(opened(), example_batch(spectrum))
    (line,) = Table.read(folder / "spectra.ecsv")
    points = Table.read(folder / f"{line['file']}.ecsv")
    assert points["flux_error"][1] == written
    assert list(points["flux"]) == list(spectrum.flux)


def test_targets_have_folders_of_their_own_inside_the_folder(opened: Any, tmp_path: Path) -> None:
    names = [
        "SN 2026abc",
        "SN_2026abc",
        "../../etc/passwd",
        ".",
        "\u03b1 Cen",
        "\u03b2 Cen",
        "a/b",
        "a:b",
        "x" * 300,
    ]
    for name in names:
        deliver(opened(), example_batch(example_record(), target=Target(name=name)))
    folders = {folder_name(name) for name in names}
    assert len(folders) == len(names)
    assert {path.name for path in tmp_path.iterdir()} == folders


def test_a_target_keeps_its_folder_through_renames(opened: Any, tmp_path: Path) -> None:
    record, origin = example_record(), example_batch().site.origin
    state: dict[str, Any] = {}

    def batch(name: str, key: str, state: dict[str, Any], *records: Record) -> Batch:
        given = {"target": Target(name=name), "target_keys": {origin: key}, "state": state}
        return example_batch(*records, **given)

    deliver(opened(), batch("SN 2026abc", "5.1", state, record))
    edited = replace(record, brightness=17.25)
    deliver(opened(), batch("AT 2026xyz", "5.1", state, edited))
    opened().deliver_file(example_file(), batch("AT 2026xyz", "5.1", state))
    assert [path.name for path in tmp_path.iterdir()] == ["SN_2026abc"]
    assert list(Table.read(tmp_path / "SN_2026abc" / "photometry_mag_AB.ecsv")["brightness"]) == [17.25]
    assert json.loads((tmp_path / "SN_2026abc" / "target.json").read_text())["name"] == "AT 2026xyz"
    found = opened().find(batch("and again", "5.1", state, edited))
    assert found == {edited.key: Present(content=edited)}
    notes: list[dict[str, Any]] = [{}, {}]
    for number, note in enumerate(notes):
        deliver(opened(), batch("SN 2026abc", f"{6 + number}.2", note, example_record()))
        deliver(opened(), batch("SN 2026abc", f"{6 + number}.2", note, example_record()))
    assert len({path.name for path in tmp_path.iterdir()}) == 3, "those that have its old name have others"
    assert len({note["folder"] for note in notes}) == 2


def test_on_a_file_system_that_ignores_case_two_targets_have_two_folders(opened: Any, tmp_path: Path) -> None:
    origin = example_batch().site.origin
    lower = example_batch(example_record(), target=Target(name="sn 2026abc"), target_keys={origin: "1.1"})
    upper = example_batch(example_record(), target=Target(name="SN 2026ABC"), target_keys={origin: "2.2"})
    deliver(opened(), lower)
    (tmp_path / "SN_2026ABC").symlink_to(tmp_path / "sn_2026abc")
    deliver(opened(), upper)
    assert len(Table.read(tmp_path / "sn_2026abc" / "photometry_mag_AB.ecsv")) == 1


@pytest.mark.parametrize("noted", ["..", "", "/etc", "a/b", 7])
def test_a_strange_note_leads_nowhere(opened: Any, tmp_path: Path, noted: object) -> None:
    deliver(opened(), example_batch(example_record(), state={"folder": noted}))
    assert [path.name for path in tmp_path.iterdir()] == ["SN_2026abc"]


FORMS = ["ecsv", "csv", "votable", "fits"]


def test_a_votable_with_rows_of_any_length_leaves_memory_alone() -> None:
    """Python looks behind each block of memory when it is freed; astropy wrote there."""
    code = """if True:
        from astropy.table import Table
        from sharecore_files.config import Format
        from sharecore_files.tables import as_bytes
        for length in range(440, 520):
            as_bytes(Table({"a": ["x" * length]}), Format.VOTABLE)
        """
    environment = {**os.environ, "PYTHONMALLOC": "debug"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:1000]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_table_that_grew_is_the_one_written_at_once(form: str, data: st.DataObject) -> None:
    """In order of time, each record once with its last content, whatever came when."""
    words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)
    steps = data.draw(
        st.lists(
            st.lists(st.tuples(st.integers(0, 20), words), min_size=1, max_size=5), min_size=1, max_size=5
        )
    )
    with TemporaryDirectory() as place:
        adapter = FilesAdapter(FilesConfig.read(Section("folder", {"DIRECTORY": place, "FORMAT": form})))
        last: dict[int, Any] = {}
        for step in steps:
            for number, word in step:
                last[number] = example_record(
                    key=RecordKey(kind=Kind.PHOTOMETRY, origin="o", id=f"{number} &"),
                    timestamp=WHEN + timedelta(hours=number),
                    telescope=word,
                    extra={"note": f'<"{word}">'},
                )
            outcomes = deliver(adapter, example_batch(*{n: last[n] for n, _ in step}.values()))
            assert not any(isinstance(each, Unsupported) for each in outcomes.values())
            found = adapter.find(example_batch(*last.values()))
            assert found == {record.key: Present(content=record) for record in last.values()}
        (path,) = Path(place).glob("*/photometry*")
        table = Table.read(path, format=_asked(path))
        expected = [str(last[number].key) for number in sorted(last)]
        assert [str(each) for each in table["record"]] == expected
        if form in ("ecsv", "votable"):
            assert [str(each) for each in table["telescope"]] == [
                last[number].telescope for number in sorted(last)
            ]


@pytest.mark.parametrize("form", FORMS)
def test_a_table_that_lost_its_end_is_named_and_never_overwritten(
    opened: Any, folder: Path, form: str
) -> None:
    adapter = opened(FORMAT=form)
    deliver(adapter, example_batch(*(example_record() for _ in range(50))))
    (path,) = folder.glob("photometry*")
    whole = path.read_bytes()
    # In the midst of a line: a text table that ends with a whole one is a table.
    cut = whole[: max(whole.rfind(b"\n", 0, len(whole) * 2 // 3) + 5, len(whole) // 2)]
    path.write_bytes(cut)
    with pytest.raises(DestinationError, match="Repair it"):
        deliver(adapter, example_batch(example_record()))
    assert path.read_bytes() == cut


def test_a_table_with_another_head_is_read_and_written_anew(opened: Any, folder: Path) -> None:
    """One that somebody saved with astropy, with a comment."""
    first, second = example_record(), example_record()
    deliver(opened(), example_batch(first))
    path = folder / "photometry_mag_AB.ecsv"
    table = Table.read(path)
    table.meta["comments"] = ["by hand"]
    table.write(path, overwrite=True)
    deliver(opened(), example_batch(second))
    assert {str(each) for each in Table.read(path)["record"]} == {str(first.key), str(second.key)}


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_added_without_reading_the_table(
    opened: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Astropy takes half a minute to read and write 100,000 rows."""
    adapter, record = opened(FORMAT=form), example_record()
    deliver(adapter, example_batch(record))

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the table was read as a whole")

    monkeypatch.setattr(Table, "read", never)
    deliver(adapter, example_batch(replace(record, brightness=17.0), example_record()))


def test_a_row_is_found_without_opening_the_table(
    opened: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, record = opened(), example_record()
    deliver(adapter, example_batch(record, *(example_record() for _ in range(50))))
    (path,) = folder.glob("photometry*")
    monkeypatch.setattr(Path, "open", _only(Path.open, besides=path))
    monkeypatch.setattr(Path, "read_bytes", _only(Path.read_bytes, besides=path))
    assert adapter.find(example_batch(record)) == {record.key: Present(content=record)}


def _only(read: Callable[..., Any], *, besides: Path) -> Callable[..., Any]:
    def reading(path: Path, *arguments: Any, **named: Any) -> Any:
        assert path != besides, "the table was read"
        return read(path, *arguments, **named)

    return reading


@pytest.mark.parametrize("form", FORMS)
def test_what_was_noted_of_another_table_counts_for_nothing(opened: Any, folder: Path, form: str) -> None:
    """A crash after the table was written, a table that came back from a backup, one without its note."""
    first, second, third = (example_record(timestamp=WHEN + timedelta(hours=n)) for n in range(3))
    adapter = opened(FORMAT=form)
    deliver(adapter, example_batch(second))
    (path,) = folder.glob("photometry*")
    (note,) = folder.glob(".photometry*")
    older, noted = path.read_bytes(), note.read_bytes()
    deliver(adapter, example_batch(first, third))
    newer = note.read_bytes()
    note.write_bytes(noted)
    assert deliver(adapter, example_batch(first, third)) == {r.key: Duplicate() for r in (first, third)}
    note.write_bytes(noted[: len(noted) // 2])
    edited = replace(second, brightness=17.25)
    deliver(adapter, example_batch(edited))
    assert _records(path) == [str(each.key) for each in (first, second, third)]
    path.write_bytes(older)
    note.write_bytes(newer)
    assert adapter.find(example_batch(first, second)) == {
        first.key: Absent(),
        second.key: Present(content=second),
    }
    note.unlink()
    deliver(adapter, example_batch(third, first))
    assert _records(path) == [str(each.key) for each in (first, second, third)]


def _records(path: Path) -> list[str]:
    return [str(each) for each in Table.read(path, format=_asked(path))["record"]]


def _asked(path: Path) -> str | None:
    return "ascii.csv" if path.suffix == ".csv" else None


@pytest.mark.parametrize("form", FORMS)
def test_an_edit_to_another_unit_moves_the_row(opened: Any, folder: Path, form: str) -> None:
    flux = example_record(brightness=-1.5, unit="uJy")
    beside = example_record(brightness=2.0, unit="uJy")
    magnitude = replace(flux, brightness=18.5, unit="mag(AB)")
    adapter = opened(FORMAT=form)
    deliver(adapter, example_batch(flux, beside))
    deliver(adapter, example_batch(magnitude))
    (in_jansky,), (in_magnitudes,) = folder.glob("photometry_Jy*"), folder.glob("photometry_mag*")
    assert (_records(in_jansky), _records(in_magnitudes)) == ([str(beside.key)], [str(flux.key)])
    assert adapter.find(example_batch(flux)) == {flux.key: Present(content="")}
    deliver(adapter, example_batch(flux))
    assert sorted(_records(in_jansky)) == sorted([str(beside.key), str(flux.key)])
    assert _records(in_magnitudes) == []


def test_longer_texts_make_the_columns_of_fits_wider(opened: Any, folder: Path) -> None:
    adapter = opened(FORMAT="fits")
    notes = ["", "a longer note than before", "short"]
    records = [
        example_record(timestamp=WHEN + timedelta(hours=n), extra={"note": note} if note else {})
        for n, note in enumerate(notes)
    ]
    for record in records:
        deliver(adapter, example_batch(record))
    table = Table.read(folder / "photometry_mag_AB.fits")
    assert [json.loads(each) for each in table["extra"]] == [dict(each.extra) for each in records]
    assert list(table["brightness"]) == [18.5] * 3
    assert (folder / "photometry_mag_AB.fits").stat().st_size % 2880 == 0


def test_settings_are_checked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wrong in (
        {"DIRECTORY": "shared"},
        {"DIRECTORY": str(tmp_path / "file")},
        {"FORMAT": "xls"},
        {"PER": 1},
    ):
        with pytest.raises(ConfigurationError) as caught:
            FilesConfig.read(Section("folder", {"DIRECTORY": str(tmp_path)} | wrong))
        (problem,) = caught.value.problems
        assert problem.where == f"DATA_SHARING['folder'][{next(iter(wrong))!r}]"


def test_check_says_that_nobody_can_write_there(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (problem,) = opened(DIRECTORY=str(tmp_path / "file" / "below")).check()
    assert problem.where == "DATA_SHARING['folder']['DIRECTORY']"
    assert opened().check() == ()


def test_a_file_is_copied_whole_or_not_at_all(opened: Any, folder: Path) -> None:
    content = bytes(range(256)) * 5000
    file = example_file(content, name="../été night.fits")
    first, again = (opened().deliver_file(file, example_batch()) for _ in range(2))
    assert isinstance(first, Accepted)
    assert isinstance(again, Duplicate)
    (copied,) = folder.glob("*.fits")
    assert copied.read_bytes() == content
    assert copied.parent == folder
    assert first.remote_id == f"{folder.name}/{copied.name}"
    changed = example_file(b"promised", name="b.fits", open=lambda: BytesIO(b"changed"))
    assert isinstance(opened().deliver_file(changed, example_batch()), Deferred)
    assert list(folder.glob("*.fits")) == [copied]
    assert not list(folder.glob(".*.part"))


def test_it_says_what_the_settings_make_of_data(opened: Any) -> None:
    assert "ECSV tables, one for each target" in opened().describe()
    assert "FITS tables, new ones each time" in opened(FORMAT="fits", PER="batch").describe()
