"""`DATA_CONVERTER_CLASS`: the converter classes that sites wrote for tomtoolkit 2.x keep working."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from calling import deliver
from sharecore.exceptions import ConfigurationError
from sharecore.outcomes import Deferred, Unsupported
from sharecore.targets import Orbit
from sharecore_hermes.converter import OLD_MODULE

OLD_BASE = "from tom_dataproducts.alertstreams.hermes import HermesDataConverter, HermesMessageException\n"

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes the module of a site and gives the dotted path of its class `Ours`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def module(source: str) -> str:
        (tmp_path / "site_converter.py").write_text(source)
        return "site_converter.Ours"

    yield module
    for name in set(sys.modules) - before:
        if name.startswith(("site_converter", "tom_dataproducts.alertstreams")):
            del sys.modules[name]


def test_a_subclass_of_2_x_changes_what_it_changes(make: Any, write: Write) -> None:
    path = write(
        OLD_BASE
        + """
class Ours(HermesDataConverter):
    def get_hermes_photometry(self, datum):
        row = super().get_hermes_photometry(datum)
        row['telescope'] = 'FTS'
        row['bandpass'] = datum.value.get('filter', '').upper()
        row['comments'] = datum.target.name + ' at ' + datum.timestamp.isoformat()
        return row

    def get_hermes_target(self, target):
        row = super().get_hermes_target(target)
        row['comments'] = ', '.join(alias.name for alias in target.aliases.all())
        row['redshift'] = target.extra_fields['z']
        return row
"""
    )
    target = make.target(aliases=("ZTF26a",), extras={"z": "0.02"})
    message = make.message(
        make.detection(telescope="", unit="uJy", brightness=250.0),
        make.spectrum(),
        batch={"target": target},
        DATA_CONVERTER_CLASS=path,
    )
    row = message["data"]["photometry"][0]
    assert (row["telescope"], row["bandpass"], row["brightness"], row["brightness_unit"]) == (
        "FTS",
        "R",
        0.25,
        "mJy",
    )
    assert row["comments"] == "AT2026abc at 2026-03-01T04:05:06+00:00"
    assert message["data"]["targets"][0]["comments"] == "ZTF26a"
    assert message["data"]["targets"][0]["redshift"] == 0.02
    assert message["data"]["spectroscopy"][0]["instrument"] == "FLOYDS"


def test_a_class_written_out_as_2_x_did_gets_hermes_rules_all_the_same(make: Any, write: Write) -> None:
    """It fills in nulls, blanks and units as 2.32.4's own class did, which the server refused."""
    path = write(
        """
class Ours:
    def __init__(self, validate=True):
        pass

    def get_hermes_target(self, target):
        row = {'name': target.name, 'aliases': [alias.name for alias in target.aliases.all()]}
        if target.type == 'SIDEREAL':
            row.update(ra=target.ra, dec=target.dec, epoch=target.epoch)
        else:
            row['orbital_elements'] = {
                'epoch_of_elements': target.epoch_of_elements, 'eccentricity': target.eccentricity,
                'argument_of_the_perihelion': target.arg_of_perihelion, 'mean_anomaly': target.mean_anomaly,
                'orbital_inclination': target.inclination, 'semimajor_axis': target.semimajor_axis,
                'longitude_of_the_ascending_node': target.lng_asc_node,
                'epoch_of_perihelion': target.epoch_of_perihelion, 'perihelion_distance': target.perihdist,
            }
        return row

    def get_hermes_photometry(self, datum):
        row = {
            'target_name': datum.target.name, 'date_obs': datum.timestamp.isoformat(),
            'telescope': datum.value.get('telescope'), 'instrument': datum.value.get('instrument'),
            'bandpass': datum.value.get('filter', ''), 'brightness_unit': datum.value.get('unit'),
            'brightness_error': datum.value.get('error', ''),
        }
        if datum.value.get('magnitude'):
            row['brightness'] = datum.value['magnitude']
        else:
            row['limiting_brightness'] = datum.value.get('limit')
        return row

    def get_hermes_spectroscopy(self, datum):
        return {
            'target_name': datum.target.name, 'date_obs': datum.timestamp.isoformat(),
            'telescope': datum.value.get('telescope'), 'instrument': datum.value.get('instrument'),
            'reducer': datum.value.get('reducer'), 'observer': datum.value.get('observer'),
            'flux': datum.value['flux'], 'wavelength': datum.value['wavelength'],
            'flux_units': datum.value.get('flux_units'),
            'wavelength_units': datum.value.get('wavelength_units'),
        }
"""
    )
    limit = make.limit(unit="mJy", limit=0.05, limit_error=0.01)
    data = make.message(
        make.detection(), limit, make.spectrum(), make.astrometry(), DATA_CONVERTER_CLASS=path
    )["data"]
    assert data["photometry"][0]["brightness"] == 18.5
    row = data["photometry"][1]
    assert (row["limiting_brightness_unit"], row["limiting_brightness_error"]) == ("mJy", 0.01)
    assert "brightness_error" not in row
    assert data["spectroscopy"][0]["wavelength_units"] == "\u212b"
    assert data["astrometry"][0]["ra"] == 150.1
    orbit = Orbit(
        epoch_of_elements=60000.0, eccentricity=0.1, arg_of_perihelion=1.0, mean_anomaly=2.0, inclination=3.0,
        lng_asc_node=4.0, semimajor_axis=2.5,
    )  # fmt: skip
    planet = make.target(sidereal=False, orbit=orbit)
    target = make.message(make.detection(), batch={"target": planet}, DATA_CONVERTER_CLASS=path)["data"][
        "targets"
    ][0]
    assert "epoch_of_perihelion" not in target["orbital_elements"]


def test_a_row_that_a_converter_refuses_or_fails_on_is_that_row_alone(make: Any, write: Write) -> None:
    path = write(
        OLD_BASE
        + """
class Ours(HermesDataConverter):
    def get_hermes_photometry(self, datum):
        if datum.bandpass == 'refused':
            raise HermesMessageException('we do not share this')
        if datum.bandpass == 'bug':
            raise KeyError('airmass')
        return super().get_hermes_photometry(datum)
"""
    )
    refused, bug, good = make.detection(bandpass="refused"), make.detection(bandpass="bug"), make.detection()
    mapped = make.adapter(DATA_CONVERTER_CLASS=path).prepare(make.batch(refused, bug, good))[1]
    assert isinstance(mapped.decided[refused.key], Unsupported)
    # A bug is mended and the row goes then: it is not given up.
    assert isinstance(mapped.decided[bug.key], Deferred)
    assert "KeyError" in mapped.decided[bug.key].reason
    assert [entry.record for entry in mapped.entries] == [good]


def test_a_class_reads_what_the_row_of_the_site_has_beside(make: Any, write: Write) -> None:
    path = write(
        OLD_BASE
        + """
class Ours(HermesDataConverter):
    def get_hermes_spectroscopy(self, datum):
        row = super().get_hermes_spectroscopy(datum)
        if datum.data_product:
            row['telescope'] = datum.data_product.extra['telescope']
            row['comments'] = f'{datum.id} {datum.pk} {datum.target.id} {datum.target.name}'
        return row

    def get_hermes_photometry(self, datum):
        return super().get_hermes_photometry(datum) | {'comments': datum.airmass}
"""
    )
    product = SimpleNamespace(extra={"telescope": "FTS"})
    row = SimpleNamespace(id=7, pk=7, data_product=product, target=SimpleNamespace(id=3))
    spectrum, detection = make.spectrum(), make.detection()
    asked: list[Any] = []

    def original(key: Any) -> Any:
        asked.append(key)
        return row if key == spectrum.key else None

    data = make.message(spectrum, batch={"original": original}, DATA_CONVERTER_CLASS=path)["data"]
    assert data["spectroscopy"][0]["telescope"] == "FTS"
    assert data["spectroscopy"][0]["comments"] == "7 7 3 AT2026abc"
    assert set(asked) == {spectrum.key}
    # Where the row is not known, there is no data product.
    assert "telescope" not in make.row(spectrum, DATA_CONVERTER_CLASS=path)
    mapped = make.adapter(DATA_CONVERTER_CLASS=path).prepare(make.batch(detection, spectrum))[1]
    assert "airmass" in mapped.decided[detection.key].reason
    assert [entry.record for entry in mapped.entries] == [spectrum]


def test_rows_are_read_for_classes_that_ask_alone(make: Any) -> None:
    def original(key: Any) -> Any:
        raise AssertionError("nobody asks")

    assert make.message(make.detection(), make.spectrum(), batch={"original": original})["data"]["photometry"]


@pytest.mark.parametrize(
    ("draft", "feature"),
    [
        ("{'ra': '10:00:24.5', 'dec': '+05:30:00'}", "position"),
        ("{'ra': 'nan', 'dec': 1.0}", "ra"),
        ("{'ra': 1.0, 'dec': 1.0, 'redshift': float('inf')}", "redshift"),
        ("{'ra': 1.0, 'dec': 1.0, 'comments': object()}", "comments"),
        ("{'ra': True, 'dec': 1.0}", "ra"),
    ],
)
def test_what_hermes_would_publish_wrongly_stays_here(
    draft: str, feature: str, make: Any, write: Write
) -> None:
    path = write(
        OLD_BASE
        + f"""
class Ours(HermesDataConverter):
    def get_hermes_target(self, target):
        return {{'name': target.name, **{draft}}}
"""
    )
    record = make.detection()
    outcome = make.adapter(DATA_CONVERTER_CLASS=path).prepare(make.batch(record))[1].decided[record.key]
    assert isinstance(outcome, Unsupported)
    assert outcome.feature == feature


def test_sexagesimal_text_with_unit_letters_is_passed_on(make: Any, write: Write, server: Any) -> None:
    path = write(
        OLD_BASE
        + """
class Ours(HermesDataConverter):
    def get_hermes_target(self, target):
        return {'name': target.name, 'ra': '10h00m24.5s', 'dec': '-00d30m00s', 'comments': ''}
"""
    )
    adapter = make.adapter(DATA_CONVERTER_CLASS=path, BASE_URL=server.base_url)
    deliver(adapter, make.batch(make.detection()))
    adapter.close()
    (line,) = server.published()
    assert line["message"]["data"]["targets"][0]["dec"] == -0.5


@pytest.mark.parametrize("path", ["no.such.module.Ours", "json.Ours", "Ours", "json.dumps"])
def test_a_class_that_is_not_there_is_a_problem_of_the_setting(path: str, make: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make.adapter(DATA_CONVERTER_CLASS=path)
    assert caught.value.problems[0].where == "DATA_SHARING['hermes']['DATA_CONVERTER_CLASS']"


def test_the_class_of_2_x_itself_means_ours(make: Any) -> None:
    assert (
        make.row(make.detection(), DATA_CONVERTER_CLASS=f"{OLD_MODULE}.HermesDataConverter")["bandpass"]
        == "r"
    )
    assert OLD_MODULE not in sys.modules
