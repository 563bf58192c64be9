"""A hook that does not come back is given up, whoever asked it; the others go on."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import patience
from patience import LOOKED_AT, hanging, let_pass
from sharecore import (
    Accepted,
    Adapter,
    Address,
    Batch,
    Deferred,
    DestinationError,
    Destinations,
    DestinationType,
    InvalidRecord,
    Outcome,
    PluginError,
    PluginState,
    Preview,
    Registry,
    Unconfirmed,
    Withheld,
    hookimpl,
    progress,
)
from sharecore.call_thread import LOCAL_SECONDS
from sharecore.dispatch import DispatchResult, dispatch, dispatch_alone
from sharecore.hook_calls import HOOK_SECONDS, IMPORT_SECONDS
from sharecore.maps import Maps
from sharecore.testing import example_file
from sharecore.withhold_and_convert import prepare

MakeBatch = Callable[..., Batch]
SECONDS = f"{HOOK_SECONDS:g}"
pytestmark = pytest.mark.usefixtures("looked_at_often")


class Lamp(Adapter):
    takes_files = True

    def deliver(self, batch: Batch) -> Any:
        return [(record.key, Accepted()) for record in batch.records]

    def deliver_file(self, file: Any, batch: Batch) -> Any:
        return Accepted()

    def preview(self, batch: Batch) -> Preview:
        return Preview(content_type="text/plain", body="")


class Lamps:
    @hookimpl
    def sharecore_destinations(self) -> Any:
        yield DestinationType(kind="lamp", summary="", config=lambda section: None, open=lambda c: Lamp())


class Rules:
    """A plugin whose hook of this name hangs at record `2`, for destination `x` alone, until it is let go."""

    def __init__(self, hook: str) -> None:
        self.hook = hook
        self.over = threading.Event()
        self.hang = hanging(self.over.wait, HOOK_SECONDS)
        self.asked: list[str] = []
        self.told: list[int] = []

    def act(self, hook: str, request: Any, id: str) -> None:
        if hook == self.hook:
            self.asked.append(id)
            if id == "2" and request.address.name == "x":
                self.hang()

    @hookimpl
    def sharecore_withhold(self, request: Any) -> None:
        self.act("sharecore_withhold", request, request.record.key.id)

    @hookimpl
    def sharecore_convert(self, request: Any) -> None:
        self.act("sharecore_convert", request, request.record.key.id)

    @hookimpl
    def sharecore_delivered(self, report: Any) -> None:
        self.act("sharecore_delivered", report, "2")
        self.told.append(len(report.records))


class Site:
    """A site with plugins and two destinations, `x` and `y`."""

    def __init__(self, make_batch: MakeBatch, *plugins: object) -> None:
        self.ends: list[str] = []
        self.registry = Registry(finish=lambda: self.ends.append(threading.current_thread().name))
        for number, plugin in enumerate((Lamps(), *plugins)):
            name = f"{type(plugin).__name__.lower()}-{number}"
            self.registry.register(plugin, name=name, distribution="dist", version="1")
        self.destinations = Destinations.parse(
            {"x": {"ADAPTER": "lamp"}, "y": {"ADAPTER": "lamp"}}, self.registry
        )
        self.make_batch = make_batch

    def batch(self, *ids: str, to: str = "x") -> Batch:
        return self.make_batch(*ids, address=Address(to))

    def send(self, *ids: str, to: str = "x") -> dict[str, Any]:
        result = dispatch(self.registry, self.destinations[to], Lamp(), self.batch(*ids, to=to))
        return by_id(result)


def by_id(result: DispatchResult) -> dict[str, Any]:
    assert not result.unsent
    return {key.id: value for key, value in result.results.items()}


def lost(hook: str) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == f"sharecore-x-{hook}"]


@pytest.fixture
def rules(hook: str) -> Iterator[Rules]:
    made = Rules(hook)
    yield made
    made.over.set()
    for thread in lost(hook):
        thread.join()


@pytest.fixture
def site(make_batch: MakeBatch, rules: Rules) -> Site:
    return Site(make_batch, rules)


def late(hook: str) -> Deferred:
    return Deferred(reason=f"plugin 'rules-1' (dist 1) did not come back from {hook} within {SECONDS} s")


before_leaving = pytest.mark.parametrize("hook", ["sharecore_withhold", "sharecore_convert"])


@before_leaving
class TestBeforeLeaving:
    def test_what_it_had_in_hand_waits_and_says_why(self, site: Site, hook: str) -> None:
        assert site.send("1", "2", "3") == {"1": Accepted(), "2": late(hook), "3": late(hook)}

    def test_other_destinations_go_on(self, site: Site) -> None:
        site.send("2")
        assert site.send("2", to="y") == {"2": Accepted()}

    def test_it_is_not_asked_again_before_it_has_come_back(self, site: Site, rules: Rules, hook: str) -> None:
        site.send("2", "3")
        for _ in range(5):
            (waits,) = site.send("4").values()
            assert isinstance(waits, Deferred)
            assert waits.reason.startswith(f"plugin 'rules-1' (dist 1) has not come back from {hook} yet")
        assert rules.asked == ["2"]
        (thread,) = lost(hook)
        rules.over.set()
        thread.join()
        assert rules.asked == ["2"], "what was given up asks for nothing more"
        assert site.send("2", "3", "4") == dict.fromkeys("234", Accepted())

    def test_each_hook_is_called_in_a_thread_for_the_whole_batch(self, site: Site, hook: str) -> None:
        site.send("1", "3", "4", "5")
        assert site.ends.count(f"sharecore-x-{hook}") == 1

    def test_a_preview_answers(self, site: Site, hook: str) -> None:
        first, second = prepare(site.registry, site.batch("1", "2"), Maps())
        assert (first.key.id, second) == ("1", late(hook))  # type: ignore[union-attr]


@pytest.mark.parametrize("hook", ["sharecore_withhold"])
class TestWithhold:
    def test_a_file_waits_as_well(self, make_batch: MakeBatch, rules: Rules, hook: str) -> None:
        rules.act = lambda hook, request, id: rules.hang()  # type: ignore[method-assign, assignment]
        site, file = Site(make_batch, rules), example_file()
        result = dispatch_alone(site.registry, site.destinations["x"], Lamp(), site.batch(), file)
        assert result.results == {file.key: late(hook)}

    def test_the_reason_of_another_plugin_counts(self, make_batch: MakeBatch, rules: Rules) -> None:
        class Embargo:
            @hookimpl
            def sharecore_withhold(self, request: Any) -> str:
                return "proprietary"

        site = Site(make_batch, Embargo(), rules)
        assert site.send("2") == {"2": Withheld(reason="proprietary")}

    def test_one_that_gets_on_is_not_given_up(self, make_batch: MakeBatch, rules: Rules) -> None:
        def act(hook: str, request: Any, id: str) -> None:
            progress(60)
            let_pass(2 * HOOK_SECONDS)
            time.sleep(LOOKED_AT)

        rules.act = act  # type: ignore[method-assign]
        assert Site(make_batch, rules).send("2") == {"2": Accepted()}


@pytest.mark.parametrize("hook", ["sharecore_delivered"])
def test_an_observer_is_given_up_and_the_outcome_stands(
    make_batch: MakeBatch, rules: Rules, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, last = Rules(""), Rules("")
    site = Site(make_batch, first, rules, last)
    assert site.send("1") == {"1": Accepted()}
    assert f"plugin 'rules-2' (dist 1) did not come back from {hook}" in caplog.text
    assert site.send("2", "3") == {"2": Accepted(), "3": Accepted()}
    assert len(lost(hook)) == 1
    assert (first.told, last.told) == ([1, 2], [1, 2]), "the others are told"


class TestAtTheStart:
    """A plugin that does not come back is named as one that fails, and the others are active."""

    @pytest.fixture
    def over(self) -> Iterator[threading.Event]:
        event = threading.Event()
        yield event
        event.set()

    def test_kinds_that_do_not_come(self, over: threading.Event, make_batch: MakeBatch) -> None:
        class Stuck:
            @hookimpl
            def sharecore_destinations(self) -> Any:
                hanging(over.wait, HOOK_SECONDS)()
                yield

            @hookimpl
            def sharecore_withhold(self, request: Any) -> str:
                return "never asked"

        site = Site(make_batch, Stuck())
        failed = site.registry.plugins[1]
        why = f"did not come back from sharecore_destinations within {SECONDS} s"
        assert (failed.state, failed.reason) == (PluginState.FAILED, why)
        assert [(each.where, each.what) for each in site.registry.problems] == [(failed.label, why)]
        assert site.send("1") == {"1": Accepted()}

    def test_an_import_that_does_not_end(self, entry_point: Callable[..., Any]) -> None:
        code = f"import threading, patience\npatience.let_pass({IMPORT_SECONDS})\nthreading.Event().wait(30)"
        stuck = entry_point(code, name="stuck", distribution="a")
        fine = entry_point("@hookimpl\ndef sharecore_withhold(): pass", name="fine", distribution="b")
        failed, active = Registry.load([stuck, fine]).plugins
        assert (failed.state, active.state) == (PluginState.FAILED, PluginState.ACTIVE)
        assert failed.reason == f"did not come back from import within {IMPORT_SECONDS:g} s"

    @pytest.mark.parametrize("field", ["config", "inherit"])
    def test_settings_that_are_not_read(
        self,
        over: threading.Event,
        field: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        class Stuck:
            @hookimpl
            def sharecore_destinations(self) -> Any:
                kept: Any = {"config": lambda section: None, "open": lambda config: Lamp()}
                hang = hanging(over.wait, LOCAL_SECONDS)
                yield DestinationType(kind="stuck", summary="", **kept | {field: hang})

        registry = Registry()
        registry.register(Lamps(), name="lamps")
        registry.register(Stuck(), name="stuck", distribution="dist", version="1")
        settings = {"x": {"ADAPTER": "stuck"}, "y": {"ADAPTER": "lamp"}}
        found = Destinations.of_site({"DATA_SHARING": settings}.get, registry)
        assert "y" in found
        assert f"plugin 'stuck' (dist 1) did not come back from {field}" in caplog.text
        if field == "config":
            (problem,) = found.broken["x"]
            assert (
                problem.what
                == f"plugin 'stuck' (dist 1) did not come back from config within {LOCAL_SECONDS:g} s"
            )

    def test_the_command_ends(self, tmp_path: Path) -> None:
        """In a process of its own, as people call it."""
        (tmp_path / "stuck.py").write_text(
            textwrap.dedent("""
            import threading
            from patience import LOOK, let_pass
            from sharecore import call_thread, hookimpl
            from sharecore.hook_calls import HOOK_SECONDS

            call_thread._LONGEST_WAIT = LOOK

            @hookimpl
            def sharecore_destinations():
                let_pass(HOOK_SECONDS)
                threading.Event().wait()
            """)
        )
        info = tmp_path / "stuck-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck\nVersion: 2.5\n")
        (info / "entry_points.txt").write_text("[sharecore]\nstuck = stuck\n")
        folders = [str(tmp_path), str(Path(patience.__file__).parent)]
        code = f"import sys; sys.path[:0] = {folders}; from sharecore import cli; "
        code += "sys.exit(cli.main(['adapters']))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "plugin 'stuck' (stuck 2.5) is failed: did not come back from sharecore_des" in done.stdout
        assert "tom" in done.stdout


ENDS = [ValueError, SystemExit, KeyboardInterrupt]


def raising(error: type[BaseException]) -> Any:
    def read(self: Any) -> Any:
        raise error

    return property(read, lambda self, value: None)


class TestTypesOfAPluginsOwn:
    """What a plugin derived from our exceptions and outcomes is read once, in safety."""

    def sent(self, make_batch: MakeBatch, deliver: Any) -> DispatchResult:
        site = Site(make_batch)
        adapter = type("Odd", (Lamp,), {"deliver": deliver})()
        return dispatch(site.registry, site.destinations["x"], adapter, site.batch("1"))

    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("name", ["reason", "retry_after"])
    def test_an_exception_that_cannot_be_read(
        self, make_batch: MakeBatch, name: str, end: type[BaseException]
    ) -> None:
        odd = type("Odd", (DestinationError,), {name: raising(end)})

        def deliver(self: Any, batch: Batch) -> Any:
            raise odd("down")

        result = self.sent(make_batch, deliver)
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert isinstance(result.stopped, PluginError)
        assert "plugin 'lamps-0' (dist 1) failed" in result.stopped.reason

    def test_one_that_can_be_read_means_what_it_says(self, make_batch: MakeBatch) -> None:
        class Down(DestinationError):
            @property
            def reason(self) -> str:  # type: ignore[override]
                return "down for the night"

            @reason.setter
            def reason(self, value: str) -> None:
                pass

        def deliver(self: Any, batch: Batch) -> Any:
            raise Down("", retry_after=60.0)

        result = self.sent(make_batch, deliver)
        assert type(result.stopped) is DestinationError
        assert (result.stopped.reason, result.stopped.retry_after) == ("down for the night", 60.0)
        assert len(result.unsent) == 1

    @pytest.mark.parametrize("end", ENDS)
    def test_an_outcome_that_cannot_be_read(self, make_batch: MakeBatch, end: type[BaseException]) -> None:
        odd: Any = type("Odd", (Accepted,), {"remote_id": raising(end)})
        made = object.__new__(odd)
        result = self.sent(make_batch, lambda self, batch: [(each.key, made) for each in batch.records])
        assert isinstance(by_id(result)["1"], Unconfirmed)

    def test_an_outcome_that_can_be_read_counts(self, make_batch: MakeBatch) -> None:
        odd: Any = type("Odd", (Accepted,), {})
        outcome: Outcome = odd(remote_id="7")
        result = self.sent(make_batch, lambda self, batch: [(each.key, outcome) for each in batch.records])
        assert by_id(result) == {"1": Accepted(remote_id="7")}
        assert type(by_id(result)["1"]) is Accepted

    @pytest.mark.parametrize("end", ENDS)
    def test_settings_and_records_found_wrong_in_a_way_that_cannot_be_read(
        self, make_batch: MakeBatch, end: type[BaseException]
    ) -> None:
        odd = type("Odd", (InvalidRecord,), {"reason": raising(end)})

        class Converter:
            @hookimpl
            def sharecore_convert(self, request: Any) -> Any:
                raise odd(field="a", reason="b")

        (waits,) = Site(make_batch, Converter()).send("1").values()
        assert isinstance(waits, Deferred)
        assert "plugin 'converter-1' (dist 1) failed in sharecore_convert" in waits.reason
