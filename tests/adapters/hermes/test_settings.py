"""The settings: those of tomtoolkit 2.x unchanged, tom_hermes's, and the new ones."""

from __future__ import annotations

from typing import Any

import pytest

from sharecore.data_sharing import Destinations
from sharecore.exceptions import ConfigurationError
from sharecore.registry import Registry
from sharecore.settings import Section
from sharecore_hermes import from_hermes_configuration, message_url, plugin
from sharecore_hermes.config import read_config

OLD = {
    "DISPLAY_NAME": "Hermes",
    "BASE_URL": "https://hermes.lco.global/",
    "HERMES_API_KEY": "0123456789abcdef0123456789abcdef01234567",
    "DEFAULT_AUTHORS": "A. Person (Inst.)",
    "USER_TOPICS": ["hermes.test", "tomtoolkit.test"],
}


def test_the_settings_of_tomtoolkit_2_work_unchanged() -> None:
    section = Section("hermes", OLD)
    config = read_config(section)
    assert config.base_url == "https://hermes.lco.global/"
    assert config.authors == "A. Person (Inst.)"
    assert config.user_topics == ("hermes.test", "tomtoolkit.test")
    assert not section.unread()
    assert not section.problems


@pytest.mark.parametrize(
    "configuration",
    [
        {"HERMES_API_TOKEN": OLD["HERMES_API_KEY"], "DEFAULT_TOPIC": "my.topic"},
        {
            "HERMES_API_TOKEN": OLD["HERMES_API_KEY"],
            "DEFAULT_TOPIC": "my.topic",
            "HERMES_BASE_URL": "https://hermes.lco.global",
            "DEFAULT_TELESCOPE": "",
        },
    ],
)
def test_the_configuration_of_tom_hermes_becomes_a_destination(configuration: dict[str, object]) -> None:
    entry = from_hermes_configuration(configuration)
    assert entry["ADAPTER"] == "hermes"
    config = read_config(Section("hermes", {k: v for k, v in entry.items() if k != "ADAPTER"}))
    assert config.base_url == "https://hermes.lco.global/"
    assert config.default_topic == "my.topic"
    assert config.token.reveal() == OLD["HERMES_API_KEY"]


@pytest.mark.parametrize("configuration", [{}, {"HERMES_API_TOKEN": None}, {"HERMES_BASE_URL": "https://x/"}])
def test_tom_hermes_without_a_token_is_no_destination(configuration: dict[str, object]) -> None:
    assert from_hermes_configuration(configuration) == {}


def test_several_hermes_side_by_side() -> None:
    registry = Registry()
    registry.register(plugin, name="hermes")
    settings = {
        "hermes": OLD,
        "hermes-dev": OLD | {"ADAPTER": "hermes", "BASE_URL": "https://hermes-dev.lco.global"},
        "third": OLD | {"DEFAULT_AUTHORS": ["A. Person", "B. Person"]},
    }
    destinations = Destinations.parse(settings, registry)
    assert not destinations.problems
    assert [destinations[name].kind for name in settings] == ["hermes"] * 3
    assert destinations["hermes-dev"].config.base_url == "https://hermes-dev.lco.global/"
    assert destinations["third"].config.authors == "A. Person, B. Person"
    adapter = destinations["hermes-dev"].open()
    assert adapter.max_batch == 500
    adapter.close()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("HERMES_API_KEY", ""),
        ("HERMES_API_KEY", "Token 0123"),
        ("BASE_URL", "hermes.lco.global"),
        ("DEFAULT_BRIGHTNESS_UNIT", "mag"),
        ("DEFAULT_BRIGHTNESS_UNIT", "STmag"),
        ("DEFAULT_BRIGHTNESS_UNIT", "nonsense"),
        ("DEFAULT_FLUX_UNIT", "AB mag"),
        ("DEFAULT_WAVELENGTH_UNIT", "Jy"),
        ("UNIT_MAP", {"x": "nonsense"}),
        ("UNIT_MAP", ["x"]),
        ("BANDPASS_MAP", {"r": 1}),
        ("INSTRUMENT_MAP", "x"),
        ("INSTRUMENT_MAP", {"cam3": " "}),
        ("BANDPASS_MAP", {"rp": ""}),
        ("TITLE_TEMPLATE", "Data of {star}"),
        ("TITLE_TEMPLATE", "Data of {target"),
        ("TITLE_TEMPLATE", "Data of {}"),
        ("SUBMITTER", 7),
        ("BATCH_WINDOW_SECONDS", -1),
        ("MAX_ROWS", 0),
        ("RESEND_UNCONFIRMED", "yes"),
        ("READ_TIMEOUT", 0),
    ],
)
def test_a_bad_setting_is_named_with_its_path(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_config(Section("hermes", OLD | {key: value}))
    assert [problem.where for problem in caught.value.problems] == [f"DATA_SHARING['hermes'][{key!r}]"]
    assert caught.value.problems[0].hint


def test_a_topic_that_cannot_be_one_is_a_warning_and_leaves_the_others() -> None:
    section = Section("hermes", OLD | {"USER_TOPICS": ["good.topic", "a,b"]})
    assert read_config(section).user_topics == ("good.topic", "a,b")
    (problem,) = section.problems
    assert not problem.fatal
    assert "a,b" in problem.what


class TestInTheMessage:
    def test_authors_submitter_and_title(self, make: Any) -> None:
        settings = {
            "DEFAULT_AUTHORS": "A. Person",
            "SUBMITTER": "Night crew",
            "TITLE_TEMPLATE": "{count} of {target}",
        }
        message = make.message(make.detection(), make.limit(), **settings)
        assert (message["authors"], message["submitter"], message["title"]) == (
            "A. Person",
            "Night crew",
            "2 of AT2026abc",
        )

    def test_what_2_x_sent_where_nothing_is_set(self, make: Any) -> None:
        message = make.message(make.detection())
        assert message["title"] == "Updated data for AT2026abc from Lab TOM."
        assert (message["submitter"], message["authors"], message["message_text"]) == ("Lab TOM", "", "")

    def test_a_person_who_shares_once_writes_title_and_text(self, make: Any) -> None:
        message = make.message(make.detection(), batch={"title": "Look", "message": "It rises."})
        assert (message["title"], message["message_text"]) == ("Look", "It rises.")

    def test_maps(self, make: Any) -> None:
        settings = {
            "INSTRUMENT_MAP": {"fa15": "Sinistro"},
            "BANDPASS_MAP": {"rp": "r"},
            "UNIT_MAP": {"MAG_5": "AB mag"},
        }
        row = make.row(make.detection(instrument="fa15", bandpass="rp", unit="MAG_5"), **settings)
        assert (row["instrument"], row["bandpass"], row["brightness_unit"]) == ("Sinistro", "r", "AB mag")

    def test_blanks_around_the_names_of_maps_do_not_count(self, make: Any) -> None:
        settings = {"INSTRUMENT_MAP": {" fa15": "Sinistro "}, "BANDPASS_MAP": {"rp ": " r"}}
        row = make.row(make.detection(instrument="fa15 ", bandpass=" rp"), **settings)
        assert (row["instrument"], row["bandpass"]) == ("Sinistro", "r")

    def test_the_topic_of_a_bare_address(self, make: Any) -> None:
        from sharecore.addresses import Address

        batch = {"address": Address("hermes")}
        assert make.message(make.detection(), batch=batch, DEFAULT_TOPIC="my.topic")["topic"] == "my.topic"

    def test_gathering(self, make: Any) -> None:
        adapter = make.adapter(BATCH_WINDOW_SECONDS=30, MAX_ROWS=1000)
        assert (adapter.batch_window_seconds, adapter.max_batch) == (30, 1000)


def test_the_page_of_a_message(make: Any) -> None:
    assert message_url("https://hermes.lco.global", "u-1") == "https://hermes.lco.global/message/u-1"
    assert make.adapter().link("u-1") == "https://hermes.example.org/message/u-1"


def test_hermes_maps_its_names_itself_and_the_framework_the_others() -> None:
    """Its own maps know names among the further values, and refuse units that are none."""
    entry = {
        "BASE_URL": "https://hermes.example.org/",
        "HERMES_API_KEY": "k",
        "BANDPASS_MAP": {"rp": "r'"},
        "INSTRUMENT_MAP": {"cam3": "Sinistro"},
        "UNIT_MAP": {"ABMAG_5": "AB mag"},
        "TELESCOPE_MAP": {"1m0": "LCO 1m"},
        "EXTRA_MAP": {"X": "airmass"},
    }
    destinations = Destinations.parse({"hermes": entry}, Registry.load())
    assert destinations.problems == ()
    hermes = destinations["hermes"]
    assert hermes.config.bandpass_map == {"rp": "r'"}
    assert hermes.maps.names == {"telescope": {"1m0": "LCO 1m"}}
    assert hermes.maps.extra == {"X": "airmass"}
    (problem,) = Destinations.parse(
        {"hermes": entry | {"UNIT_MAP": {"x": "parrots"}}}, Registry.load()
    ).problems
    assert "'parrots' is not a unit" in problem.what
