"""`DATA_SHARING` as a whole."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore import (
    Adapter,
    Address,
    ConfigurationError,
    Destinations,
    DestinationType,
    PluginError,
    Preview,
    Problem,
    Registry,
    Section,
    hookimpl,
)
from sharecore.data_sharing import infer_kind
from sharecore.hooks import ReadSetting


class LampAdapter(Adapter):
    def __init__(self, config: object) -> None:
        self.config = config

    def deliver(self, batch: object) -> Iterator[Any]:
        return iter(())

    def preview(self, batch: object) -> Preview:
        return Preview(content_type="text/plain", body="")


def read(section: Section) -> dict[str, object]:
    config = {"url": section.url(), "password": section.secret("PASSWORD")}
    if "OLD" in section:
        section.problem("OLD", "is old", "Use the new one.", fatal=False)
    section.raw("OLD")
    section.finish()
    return config


class Plugin:
    """Offers `tom`, `hermes` and what a test adds."""

    def __init__(self, **more: DestinationType[Any]) -> None:
        self.types = [
            DestinationType(kind=kind, summary=kind, config=read, open=LampAdapter)
            for kind in ("tom", "hermes")
        ] + list(more.values())

    @hookimpl
    def sharecore_destinations(self) -> list[DestinationType[Any]]:
        return self.types


def registry_with(
    config: Callable[[Section], Any] = read, open: Callable[[Any], Any] = LampAdapter
) -> Registry:
    registry = Registry()
    odd = DestinationType(kind="odd", summary="", config=config, open=open)
    registry.register(Plugin(odd=odd), name="plugin", distribution="dist", version="1")
    return registry


REGISTRY = registry_with()
URL = {"BASE_URL": "https://tom.example.org"}


def parse(settings: object, registry: Registry = REGISTRY) -> Destinations:
    return Destinations.parse(settings, registry)


def places(destinations: Destinations, *, fatal: bool = True) -> list[str]:
    return [problem.where for problem in destinations.problems if problem.fatal is fatal]


class TestKinds:
    @pytest.mark.parametrize(
        ("name", "settings", "kind"),
        [
            ("not-my-tom", {"USERNAME": "u", "PASSWORD": "p"}, "tom"),
            ("hermes", {}, "hermes"),
            ("Hermes", {}, "hermes"),
            ("hermes-dev", {"HERMES_API_KEY": ""}, "hermes"),
            ("hermes-mirror", {}, "tom"),
        ],
    )
    def test_settings_of_today_keep_their_meaning(
        self, name: str, settings: dict[str, object], kind: str
    ) -> None:
        assert infer_kind(name, settings) == kind
        assert parse({name: URL | settings})[name].kind == kind

    def test_an_explicit_adapter_wins(self) -> None:
        assert parse({"hermes": URL | {"ADAPTER": "tom", "HERMES_API_KEY": "k"}})["hermes"].kind == "tom"

    def test_an_unknown_adapter_is_told_what_there_is(self) -> None:
        destinations = parse({"x": {"ADAPTER": "tmo"}, "y": URL})
        (problem,) = destinations.problems
        assert problem.where == "DATA_SHARING['x']['ADAPTER']"
        assert "'tmo'" in problem.what
        assert "'hermes', 'odd', 'tom'" in problem.what
        assert list(destinations) == ["y"]

    def test_an_adapter_whose_plugin_failed_says_why(self) -> None:
        registry = registry_with()
        clash = DestinationType(kind="lamp", summary="", config=read, open=LampAdapter)
        registry.register(Plugin(lamp=clash), name="clashing", distribution="dist-lamp", version="3")
        (problem,) = parse({"x": {"ADAPTER": "lamp"}}, registry).problems
        assert "plugin 'clashing' (dist-lamp 3) is failed: kind 'tom' is claimed" in problem.what

    def test_a_plugin_that_never_told_its_kinds_may_be_the_missing_one(self) -> None:
        registry = registry_with()
        registry.register(object(), name="lights", distribution="dist-lamp", version="3")
        (problem,) = parse({"x": {"ADAPTER": "lamp"}}, registry).problems
        assert "plugin 'lights' (dist-lamp 3) is failed: has no hook function" in problem.what

    def test_an_adapter_that_is_no_text_is_one_problem(self) -> None:
        assert places(parse({"x": URL | {"ADAPTER": 3}})) == ["DATA_SHARING['x']['ADAPTER']"]
        assert places(parse({"x": {"ADAPTER": 3}}, Registry())) == ["DATA_SHARING['x']['ADAPTER']"]


class TestProblems:
    def test_all_problems_of_all_destinations_are_told_and_stop_no_other(self) -> None:
        destinations = parse(
            {
                "a": {},
                "b": URL,
                "c": {"BASE_URL": "c", "PASSWORD": 3, "USER_TOPICS": "t"},
                "d": "text",
                "": URL,
                4: URL,
            }
        )
        assert places(destinations) == [
            "DATA_SHARING['a']['BASE_URL']",
            "DATA_SHARING['c']['USER_TOPICS']",
            "DATA_SHARING['c']['BASE_URL']",
            "DATA_SHARING['c']['PASSWORD']",
            "DATA_SHARING['d']",
            "DATA_SHARING['']",
            "DATA_SHARING[4]",
        ]
        assert list(destinations) == ["b"]
        assert set(destinations.broken) == {"a", "c", "d", ""}

    def test_warnings_break_nothing(self) -> None:
        destinations = parse({"x": URL | {"PASWORD": "p", "OLD": 1}})
        assert places(destinations, fatal=False) == [
            "DATA_SHARING['x']['OLD']",
            "DATA_SHARING['x']['PASWORD']",
        ]
        assert "x" in destinations

    @pytest.mark.parametrize("settings", [[], "text", 3, {"a"}])
    def test_not_a_mapping(self, settings: object) -> None:
        destinations = parse(settings)
        assert places(destinations) == ["DATA_SHARING"]
        assert not destinations

    def test_none_means_no_destinations(self) -> None:
        assert parse(None).problems == ()

    def test_an_address_must_fit_where_shares_are_stored(self) -> None:
        assert places(parse({"n" * 201: URL})) == [f"DATA_SHARING[{'n' * 201!r}]"]
        assert places(parse({"n" * 200: URL})) == []
        assert places(parse({"n" * 190: URL | {"USER_TOPICS": ["t" * 9]}})) == []
        assert places(parse({"n" * 190: URL | {"USER_TOPICS": ["t" * 10]}})) == [
            f"DATA_SHARING[{'n' * 190!r}]['USER_TOPICS']"
        ]

    def test_a_name_that_reads_as_a_topic_of_another_is_refused(self) -> None:
        destinations = parse({"a": URL | {"USER_TOPICS": ["b"]}, "a:b": URL})
        assert places(destinations) == ["DATA_SHARING['a:b']"]
        assert list(destinations) == ["a"]

    def test_an_empty_topic_is_refused(self) -> None:
        assert places(parse({"a": URL | {"USER_TOPICS": ["b", " "]}})) == ["DATA_SHARING['a']['USER_TOPICS']"]

    def test_a_plugin_that_cannot_read_settings_is_named_without_their_content(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails(section: Section) -> None:
            int(section.secret("PASSWORD").reveal())

        destinations = parse(
            {"x": {"ADAPTER": "odd", "PASSWORD": "hunter2"}, "y": URL}, registry_with(config=fails)
        )
        (problem,) = destinations.problems
        assert "plugin 'plugin' (dist 1) failed to read it: ValueError" in problem.what
        assert list(destinations) == ["y"]
        assert "hunter2" not in f"{destinations.problems}{caplog.text}"

    def test_a_plugin_that_stops_early_is_believed_and_no_setting_called_unknown(self) -> None:
        mine = Problem(where="DATA_SHARING['x']", what="is odd", hint="Mend it.")

        def stops(section: Section) -> None:
            raise ConfigurationError([mine])

        assert parse({"x": {"ADAPTER": "odd", "KEY": 1}}, registry_with(config=stops)).problems == (mine,)

    def test_a_refusal_without_reason_is_still_a_problem(self) -> None:
        def stops(section: Section) -> None:
            raise ConfigurationError([])

        destinations = parse({"x": {"ADAPTER": "odd"}}, registry_with(config=stops))
        assert places(destinations) == ["DATA_SHARING['x']"]
        assert "x" in destinations.broken

    def test_a_reader_that_forgets_to_finish_hides_no_problem(self) -> None:
        destinations = parse({"x": {"ADAPTER": "odd"}}, registry_with(config=lambda section: section.url()))
        assert places(destinations) == ["DATA_SHARING['x']['BASE_URL']"]

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.text() | st.sampled_from(["ADAPTER", "USER_TOPICS", "BASE_URL", "DISPLAY_NAME"]), inner
                )
            ),
            max_leaves=12,
        )
    )
    def test_no_settings_raise(self, settings: object) -> None:
        destinations = parse(settings)
        for name in destinations.broken:
            assert destinations.broken[name]
        for value, label in destinations.choices():
            for address in [value] if isinstance(label, str) else [topic for topic, _ in label]:
                destinations.resolve(address)


class TestResolve:
    DESTINATIONS = parse({"x": URL | {"USER_TOPICS": ["t"]}, "a": URL, "old:name": URL, "bad": {}})

    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("x", Address("x")),
            ("x:t", Address("x", "t")),
            ("x:other", Address("x", "other")),
            ("a:b:c", Address("a", "b:c")),
        ],
    )
    def test_known(self, text: str, address: Address) -> None:
        found, destination = self.DESTINATIONS.resolve(text)
        assert found == address
        assert destination.name == address.name

    def test_a_removed_destination_says_what_there_is(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            self.DESTINATIONS.resolve("gone:topic")
        (problem,) = caught.value.problems
        assert problem.where == "DATA_SHARING"
        assert "no destination 'gone'" in problem.what
        assert "'x', 'a')" in problem.what

    def test_a_broken_destination_says_why(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            self.DESTINATIONS.resolve("bad:topic")
        assert [problem.where for problem in caught.value.problems] == ["DATA_SHARING['bad']['BASE_URL']"]

    def test_so_does_one_with_a_colon_in_its_name(self) -> None:
        with pytest.raises(ConfigurationError, match="has a colon in its name"):
            self.DESTINATIONS.resolve("old:name")


def test_choices_have_the_shape_that_forms_of_tomtoolkit_expect() -> None:
    destinations = parse(
        {
            "hermes": URL | {"DISPLAY_NAME": "Hermes", "USER_TOPICS": ["hermes.test", "tomtoolkit"]},
            "bad": {},
            "not-my-tom": URL | {"DISPLAY_NAME": "Not My Tom"},
            "plain": URL | {"USER_TOPICS": None},
        }
    )
    assert destinations.choices() == [
        ("Hermes", (("hermes:hermes.test", "hermes.test"), ("hermes:tomtoolkit", "tomtoolkit"))),
        ("not-my-tom", "Not My Tom"),
        ("plain", "plain"),
    ]


class TestOpen:
    def test_it_makes_the_adapter(self) -> None:
        destination = parse({"x": URL})["x"]
        adapter = destination.open()
        assert isinstance(adapter, LampAdapter)
        assert adapter.config == destination.config
        assert adapter.config["url"] == "https://tom.example.org/"  # type: ignore[index]

    @pytest.mark.parametrize("answer", [lambda config: 1 / 0, lambda config: "adapter"])
    def test_a_plugin_that_cannot_is_named(self, answer: Callable[[Any], Any]) -> None:
        destination = parse({"x": URL | {"ADAPTER": "odd"}}, registry_with(open=answer))["x"]
        with pytest.raises(PluginError, match=r"plugin 'plugin' \(dist 1\).*'x'"):
            destination.open()

    def test_a_wrong_configuration_passes(self) -> None:
        def fails(config: object) -> None:
            raise ConfigurationError([])

        destination = parse({"x": URL | {"ADAPTER": "odd"}}, registry_with(open=fails))["x"]
        with pytest.raises(ConfigurationError):
            destination.open()


def test_a_destination_shows_no_secret() -> None:
    destinations = parse({"x": URL | {"PASSWORD": "hunter2"}})
    assert "hunter2" not in f"{destinations['x']!r}{destinations!r}{list(destinations.values())}"


class TestDigest:
    @staticmethod
    def digest(**settings: Any) -> str:
        def keyed(data: bytes) -> str:
            return hmac.new(b"key", data, hashlib.sha256).hexdigest()

        return parse({"x": URL | settings})["x"].digest(keyed)

    def test_new_credentials_change_it(self) -> None:
        assert self.digest(PASSWORD="a") != self.digest(PASSWORD="b") != self.digest()
        assert self.digest(ADAPTER="tom") != self.digest(ADAPTER="hermes")

    def test_what_only_people_see_does_not(self) -> None:
        assert self.digest(DISPLAY_NAME="A", USER_TOPICS=["t"]) == self.digest(DISPLAY_NAME="B")

    def test_order_and_identity_do_not(self) -> None:
        class Converter:
            pass

        one = self.digest(A={"x": 1, "y": 2}, B={"p", "q"}, C=Converter(), D=Converter, E=self.digest)
        two = self.digest(E=self.digest, D=Converter, C=Converter(), B={"q", "p"}, A={"y": 2, "x": 1})
        assert one == two
        assert one != self.digest(E=self.digest, D=Converter, C=Converter(), B={"q"}, A={"y": 2, "x": 1})


def _with_older_settings(inherit: Callable[[ReadSetting], dict[str, dict[str, object]]]) -> Registry:
    class Plugin:
        @hookimpl
        def sharecore_destinations(self) -> list[DestinationType[None]]:
            def config(section: Section) -> None:
                return None

            def open_adapter(config: None) -> Adapter:
                raise AssertionError("nothing is to be opened")

            return [
                DestinationType(kind="lamp", summary="", config=config, open=open_adapter, inherit=inherit)
            ]

    registry = Registry()
    registry.register(Plugin(), name="lamp")
    return registry


def test_entries_of_older_settings_are_found_and_data_sharing_wins() -> None:
    def inherit(read: ReadSetting) -> dict[str, dict[str, object]]:
        older = read("LAMP_SETTINGS")
        return {"lamp": {"ADAPTER": "lamp", "DISPLAY_NAME": older}} if older else {}

    registry = _with_older_settings(inherit)
    older: dict[str, object] = {"LAMP_SETTINGS": "Old lamp"}
    assert Destinations.of_site(older.get, registry)["lamp"].display_name == "Old lamp"
    both = older | {"DATA_SHARING": {"lamp": {"ADAPTER": "lamp", "DISPLAY_NAME": "New lamp"}}}
    assert Destinations.of_site(both.get, registry)["lamp"].display_name == "New lamp"
    assert not Destinations.of_site({}.get, registry)
    assert Destinations.of_site({"DATA_SHARING": []}.get, registry).problems


def test_a_plugin_that_fails_on_older_settings_takes_no_destination_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def inherit(read: ReadSetting) -> dict[str, dict[str, object]]:
        raise KeyError("LAMP_SETTINGS")

    settings = {"DATA_SHARING": {"a": {"ADAPTER": "lamp"}}}
    assert list(Destinations.of_site(settings.get, _with_older_settings(inherit))) == ["a"]
    assert "failed to read older settings" in caplog.text
