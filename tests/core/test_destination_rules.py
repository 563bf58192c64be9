"""The settings of a destination that decide what goes there, when, under which names, and who may share."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sharecore import (
    Destination,
    Destinations,
    DestinationType,
    Filter,
    Kind,
    Names,
    Registry,
    Section,
    hookimpl,
)
from sharecore.release import Release


class Plugin:
    """Offers `tom`, which reads nothing, `archive`, the same for good, `mapper`, which maps instruments."""

    @hookimpl
    def sharecore_destinations(self) -> list[DestinationType[Any]]:
        def mapper(section: Section) -> dict[str, str]:
            return section.mapping("INSTRUMENT_MAP")

        return [
            DestinationType(kind="tom", summary="", config=lambda section: None, open=lambda config: config),
            DestinationType(
                kind="archive",
                summary="",
                config=lambda section: None,
                open=lambda config: config,
                permanent=True,
            ),
            DestinationType(kind="mapper", summary="", config=mapper, open=lambda config: config),
        ]


REGISTRY = Registry()
REGISTRY.register(Plugin(), name="plugin", distribution="dist", version="1")


def parse(**settings: Any) -> Destinations:
    return Destinations.parse({"x": settings}, REGISTRY)


def good(**settings: Any) -> Destination:
    destinations = parse(**settings)
    assert destinations.problems == ()
    return destinations["x"]


def test_a_destination_without_rules_takes_everything_from_everybody_at_once() -> None:
    plain = good()
    assert (plain.only, plain.groups, plain.release) == (Filter(), (), Release())
    assert not plain.maps


@pytest.mark.parametrize(
    ("settings", "asks"),
    [({}, False), ({"APPROVAL": True}, True), ({"ADAPTER": "archive"}, True),
     ({"ADAPTER": "archive", "APPROVAL": False}, False)],
)  # fmt: skip
def test_a_person_approves_by_the_setting_or_by_what_the_adapter_says(
    settings: dict[str, Any], asks: bool
) -> None:
    assert good(**settings).approval is asks


@pytest.mark.parametrize("settings", [{"APPROVAL": "yes"}, {"APPROVAL": 1}, {"APROVAL": True}])
def test_an_approval_that_cannot_be_read_makes_the_destination_unusable(settings: dict[str, Any]) -> None:
    broken = parse(**settings)
    assert "x" not in broken
    assert "APPROVAL" in str(broken.problems[0])


def test_rules_are_read() -> None:
    ruled = good(
        ONLY={"kinds": {"photometry"}, "telescopes": {"only": ("FTN",)}, "observed_since": date(2026, 1, 1)},
        GROUPS=["Observers", " Staff ", "Observers"],
        RELEASE_AFTER_DAYS=30,
        RELEASE_FIELD="public_from",
        BANDPASS_MAP={"rp": "r"},
        EXTRA_MAP={"X": "airmass", "internal": None},
    )
    assert ruled.only.kinds == (Kind.PHOTOMETRY,)
    assert ruled.only.telescopes == Names(only=("FTN",))
    assert str(ruled.only) == "Only photometry from the telescope FTN, observed from 2026-01-01 on."
    assert ruled.groups == ("Observers", "Staff")
    assert ruled.release == Release(after_days=30.0, field="public_from")
    assert ruled.maps.names == {"bandpass": {"rp": "r"}}
    assert ruled.maps.extra == {"X": "airmass", "internal": None}


@pytest.mark.parametrize(
    ("settings", "place", "fault"),
    [
        ({"ONLY": {"kinds": ["photometry", "limit"]}}, "['ONLY']['kinds'][1]", "must be one of photometry,"),
        ({"ONLY": "own"}, "['ONLY']", "must be a dictionary of conditions, got 'own'"),
        ({"GROUPS": []}, "['GROUPS']", "is an empty list, so that nobody could share there. Remove it."),
        ({"GROUPS": None}, "['GROUPS']", "must be a list of names of groups, got None"),
        ({"GROUPS": "Observers"}, "['GROUPS']", "must be a list of texts, got 'Observers'"),
        ({"GROUPS": ["Observers", " "]}, "['GROUPS']", "has a blank name"),
        ({"RELEASE_AFTER_DAYS": -1}, "['RELEASE_AFTER_DAYS']", "must be a number from 0 to inf, got -1"),
        ({"RELEASE_AFTER_DAYS": "30"}, "['RELEASE_AFTER_DAYS']", "got '30'. Write a number in this range"),
        ({"RELEASE_FIELD": 3}, "['RELEASE_FIELD']", "must be a text, got int"),
        ({"BANDPASS_MAP": ["r"]}, "['BANDPASS_MAP']", "must be a dictionary of names, got ['r']"),
        ({"UNIT_MAP": {"mag": 3}}, "['UNIT_MAP']", "must have a name for 'mag', got 3"),
        ({"TELESCOPE_MAP": {"FTN": None}}, "['TELESCOPE_MAP']", "must have a name for 'FTN', got None"),
        (
            {"TELESCOPE_MAP": {" ": "FTN"}},
            "['TELESCOPE_MAP']",
            "must have names of the site as keys, got ' '",
        ),
        ({"EXTRA_MAP": {"X": ""}}, "['EXTRA_MAP']", "a name for 'X', or None to leave the value out, got ''"),
    ],
)
def test_a_wrong_rule_makes_the_destination_unusable(
    settings: dict[str, object], place: str, fault: str
) -> None:
    destinations = parse(**settings)
    (problem,) = destinations.problems
    assert problem.where == f"DATA_SHARING['x']{place}"
    assert fault in f"{problem.what}. {problem.hint}"
    assert "x" not in destinations


MISSPELT = {
    "only": "ONLY", "ONLLY": "ONLY", "ONLY_OWN": "ONLY", "GROUP": "GROUPS", "groups": "GROUPS",
    "RELEASE_AFTER_DAY": "RELEASE_AFTER_DAYS", "RELEASE_AFTER": "RELEASE_AFTER_DAYS",
    "RELEASE_DAYS": "RELEASE_AFTER_DAYS", "release-after": "RELEASE_AFTER_DAYS",
    "RELEASE_FEILD": "RELEASE_FIELD", "RELEASE_DATE_FIELD": "RELEASE_FIELD",
}  # fmt: skip


@pytest.mark.parametrize("key", MISSPELT)
def test_a_misspelt_rule_that_would_keep_data_here_makes_the_destination_unusable(key: str) -> None:
    destinations = parse(**{key: 30})
    (problem,) = destinations.problems
    assert problem.where == f"DATA_SHARING['x']['{key}']"
    assert problem.hint == f"Did you mean '{MISSPELT[key]}'?"
    assert "x" not in destinations


def test_a_misspelt_map_is_a_warning() -> None:
    destinations = parse(BANDPAS_MAP={"rp": "r"})
    assert [problem.fatal for problem in destinations.problems] == [False]
    assert "x" in destinations


def test_a_map_that_the_adapter_reads_is_left_to_it() -> None:
    ruled = good(ADAPTER="mapper", INSTRUMENT_MAP={"a": "b"}, TELESCOPE_MAP={"c": "d"})
    assert ruled.config == {"a": "b"}
    assert ruled.maps.names == {"telescope": {"c": "d"}}


class TestRules:
    """The text that tells whether rules have changed."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"ONLY": {"own": True}},
            {"GROUPS": ["Observers"]},
            {"APPROVAL": True},
            {"RELEASE_AFTER_DAYS": 1},
            {"RELEASE_FIELD": "public_from"},
            {"UNIT_MAP": {"mags": "AB mag"}},
            {"EXTRA_MAP": {"X": None}},
            {"ADAPTER": "mapper", "INSTRUMENT_MAP": {"a": "b"}},
        ],
    )
    def test_each_rule_changes_it_and_not_the_digest_of_credentials(self, settings: dict[str, Any]) -> None:
        plain = good(ADAPTER=settings.get("ADAPTER", "tom"))
        ruled = good(**settings)
        assert ruled.rules() != plain.rules()
        assert ruled.digest(repr) == good(
            **{key: settings[key] for key in ("ADAPTER",) if key in settings}
        ).digest(repr)

    def test_other_settings_and_the_order_of_names_do_not(self) -> None:
        one = good(
            ONLY={"kinds": {"photometry", "spectrum"}}, DISPLAY_NAME="A", BANDPASS_MAP={"a": "b", "c": "d"}
        )
        two = good(
            ONLY={"kinds": {"spectrum", "photometry"}}, PASSWORD="p", BANDPASS_MAP={"c": "d", "a": "b"}
        )
        assert one.rules() == two.rules()
