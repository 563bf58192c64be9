"""Reading one entry of `DATA_SHARING`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore import ConfigurationError, Secret, Section, Unit, parse_unit

FIELDS = {"target": "", "count": 1}
READERS: list[Callable[[Section], object]] = [
    lambda section: section.text("KEY", required=True),
    lambda section: section.secret("KEY", required=True),
    lambda section: section.url("KEY"),
    lambda section: section.flag("KEY", True),
    lambda section: section.number("KEY", 1.0, minimum=0.5, maximum=10),
    lambda section: section.number("KEY", 1.0),
    lambda section: section.count("KEY", 4),
    lambda section: section.texts("KEY"),
    lambda section: section.mapping("KEY"),
    lambda section: section.choice("KEY", ["one", "two"]),
    lambda section: section.template("KEY", "of {target}", FIELDS, "Write it like 'of {target}'."),
    lambda section: section.unit("KEY", [Unit.AB_MAG], "'AB mag'"),
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)
addresses = st.builds(
    "{}{}{}".format, st.sampled_from(["", "http://", "https://[", "ftp://", "//"]), st.text(), st.text()
)


def section(**values: Any) -> Section:
    return Section("x", values)


@given(anything | addresses)
def test_no_value_makes_a_reader_raise_anything_but_a_configuration_error(value: object) -> None:
    for read in READERS:
        one = section(KEY=value)
        read(one)
        assert one.unread() == []
        try:
            one.finish()
        except ConfigurationError as error:
            assert all(problem.where == "DATA_SHARING['x']['KEY']" for problem in error.problems)  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{target} {count:03d}", ""),
        ("{count[0]}", "cannot be filled in (TypeError)"),
        ("{", "cannot be filled in (ValueError)"),
        ("{who}", "cannot be filled in (KeyError)"),
        ("{target.upper}", "has unknown fields: target.upper"),
    ],
)
def test_a_template_is_tried_when_it_is_read(text: str, fault: str) -> None:
    one = section(TITLE=text)
    assert one.template("TITLE", "of {target}", FIELDS, "Write it.") == ("of {target}" if fault else text)
    assert [problem.what for problem in one.problems] == ([fault] if fault else [])


def test_only_usable_units_and_listed_choices_are_read() -> None:
    assert section(TITLE="mag(AB)").unit("TITLE", [Unit.AB_MAG], "'AB mag'") == parse_unit("AB mag")
    assert section().unit("TITLE", [Unit.AB_MAG], "'AB mag'") is None
    one = section(TITLE="mJy")
    assert one.unit("TITLE", [Unit.AB_MAG], "'AB mag'") is None
    assert [str(each) for each in one.problems] == [
        "DATA_SHARING['x']['TITLE']: 'mJy' is no unit that can be sent there. Give a unit like 'AB mag'."
    ]
    assert section().choice("TITLE", ["one", "two"]) == "one"
    one = section(TITLE="three")
    assert one.choice("TITLE", ["one", "two"]) == "one"
    assert [problem.what for problem in one.problems] == ["must be one of 'one', 'two', got 'three'"]


def test_a_number_beyond_a_float_is_read() -> None:
    assert section(KEY=10**400).number("KEY", 1.0) > 1e300


@pytest.mark.parametrize(
    "given_url", ["https://tom.example.org", "https://tom.example.org/", " https://tom.example.org// "]
)
def test_an_address_ends_with_one_slash(given_url: str) -> None:
    one = section(BASE_URL=given_url)
    assert one.url() == "https://tom.example.org/"
    one.finish()


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "",
        "tom.example.org",
        "ftp://tom.example.org",
        "https://",
        "https://tom.example.org:99999/",
        "https://tom.example.org/?page=1",
        "https://user:hunter2@tom.example.org/",
        "https://user:hunter2@tom.example.org:99999/",
        "user:hunter2@tom.example.org",
    ],
)
def test_a_bad_address_is_a_problem_that_shows_no_password(bad: str | None) -> None:
    one = section(BASE_URL=bad)
    one.url()
    with pytest.raises(ConfigurationError) as caught:
        one.finish()
    assert "DATA_SHARING['x']['BASE_URL']" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("read", "value", "text"),
    [
        (lambda one: one.text("KEY"), 3, "must be a text, got int. Write it in quotes."),
        (lambda one: one.secret("KEY"), 3, "must be a text, got int. Write it in quotes."),
        (lambda one: one.flag("KEY", True), "yes", "must be True or False, got 'yes'. Write True or False,"),
        (lambda one: one.count("KEY", 4), 0, "must be a whole number from 1 to 1000000000, got 0. Write a"),
        (lambda one: one.number("KEY", 1.0, maximum=9), 10, "must be a number from 0 to 9, got 10. Write a"),
        (
            lambda one: one.texts("KEY"),
            "a",
            "must be a list of texts, got 'a'. Write it like ['one', 'two'].",
        ),
        (
            lambda one: one.mapping("KEY"),
            [],
            "must be a dictionary of texts. Write it like {'name': 'value'}.",
        ),
    ],
)
def test_a_problem_says_the_rule_the_value_and_the_remedy(
    read: Callable[[Section], object], value: object, text: str
) -> None:
    one = section(KEY=value)
    read(one)
    (problem,) = one.problems
    assert str(problem).startswith(f"DATA_SHARING['x']['KEY']: {text}")


def test_all_problems_are_raised_together() -> None:
    one = section(CONCURRENCY=0, VERIFY="yes")
    one.text("USERNAME", required=True)
    one.count("CONCURRENCY", 4)
    one.flag("VERIFY", True)
    with pytest.raises(ConfigurationError) as caught:
        one.finish()
    assert [problem.where[len("DATA_SHARING['x']") :] for problem in caught.value.problems] == [
        "['USERNAME']",
        "['CONCURRENCY']",
        "['VERIFY']",
    ]


def test_a_warning_stops_nothing() -> None:
    one = section()
    one.problem("PASSWORD", "is old", "Use a token.", fatal=False)
    one.finish()


def test_a_misspelt_setting_is_named() -> None:
    one = section(BASE_URL="https://tom.example.org", PASWORD="x", ADAPTER="tom", USER_TOPICS=[])
    one.url()
    one.secret("PASSWORD")
    (warning,) = one.misspelt()
    assert (warning.where, warning.fatal) == ("DATA_SHARING['x']['PASWORD']", False)
    assert "'PASSWORD'" in warning.hint


@pytest.mark.parametrize("key", ["base_url", "BASE_ULR", "API_KEYS", "APIKEY", "DISPLAYNAME", "USER_TOPIC"])
def test_slips_of_a_letter_or_two_are_found(key: str) -> None:
    one = section(**{key: "x"})
    one.raw("BASE_URL")
    one.raw("API_KEY")
    assert len(one.misspelt()) == 1


@pytest.mark.parametrize(
    "key", ["FILTER_MAPPING", "INSTRUMENT_MAPPING", "GROUP_NAMES", "ENABLE_TNS", "HERMES_USERNAME", "URL"]
)
def test_settings_that_other_software_reads_from_the_entry_are_left_alone(key: str) -> None:
    one = section(**{key: "x"})
    for known in ("BASE_URL", "API_KEY", "INSTRUMENT_MAP", "BANDPASS_MAP", "USERNAME", "HEADERS"):
        one.raw(known)
    assert one.misspelt() == []
    assert one.unread() == [key]


def test_an_empty_text_counts_as_not_given() -> None:
    assert "KEY" not in section(KEY="")
    assert "KEY" in section(KEY="a")


class TestSecret:
    def test_it_shows_itself_only_on_request(self) -> None:
        secret = section(PASSWORD="hunter2").secret("PASSWORD")
        assert "hunter2" not in f"{secret} {secret!r} {secret:}"
        assert secret.reveal() == "hunter2"

    def test_an_empty_one_is_false(self) -> None:
        assert not section().secret("PASSWORD")

    def test_a_required_one_is_asked_for(self) -> None:
        one = section()
        one.secret("PASSWORD", required=True)
        with pytest.raises(ConfigurationError, match=r"PASSWORD.*is missing"):
            one.finish()

    def test_it_compares_by_content(self) -> None:
        assert Secret("a") == Secret("a") != Secret("b")
        assert len({Secret("a"), Secret("a")}) == 1
