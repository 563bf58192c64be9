"""Sharing with HERMES, from the data of a TOM to what a stand-in publishes, and back into the ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from tom_dataproducts.models import DataProduct, ReducedDatum, SpectroscopyReducedDatum

from faults.plan import Fault, Plan
from faults.proxy import Proxy, running
from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore_hermes.converter import HermesDataConverter
from standins import hermes_process
from tom_integration.models import Delivery, DestinationHealth, OneTimeShare
from tom_integration.outbox import restored
from tom_integration.services import resolve, retry, withdraw
from tom_integration.services.replay_lost import MayDouble, Replay
from tom_integration.tomtoolkit import functions
from tom_integration.worker import offered_topics

from .conftest import NIGHT, Clock, Tom, edit
from .deaths import POINTS, Died

pytestmark = pytest.mark.any_database

TOKEN = "0123456789abcdef0123456789abcdef01234567"
NO_CREDENTIAL = "1123456789abcdef0123456789abcdef01234567"
READ_ONLY = "2123456789abcdef0123456789abcdef01234567"
ADDRESS = "hermes:hermes.test"
MEASURED = {"telescope": "LCO 1m", "unit": "AB mag"}
SUBMIT = "POST /api/v0/submit_message/ "


class Hermes:
    """The stand-in behind a proxy that loses answers when it is told to."""

    def __init__(self, proxy: Proxy, log: Path) -> None:
        self.proxy = proxy
        self.log = log

    def settings(self, **more: Any) -> dict[str, Any]:
        """What a TOM has from tomtoolkit 2.x, but for the time that a batch waits."""
        return {
            "DISPLAY_NAME": "Hermes",
            "BASE_URL": self.proxy.url,
            "HERMES_API_KEY": TOKEN,
            "DEFAULT_AUTHORS": "A. Observer",
            "USER_TOPICS": ["hermes.test", "tomtoolkit.test"],
            **more,
        }

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was published, in order."""
        return [json.loads(line)["message"] for line in self.log.read_text().splitlines()]

    @property
    def uuids(self) -> list[str]:
        return [json.loads(line)["uuid"] for line in self.log.read_text().splitlines()]

    def archive(self, **fields: Any) -> None:
        """Let the archive behave so; see its fields in `standins/hermes_archive.py`."""
        requests.post(f"{self.proxy.url}stand-in/", json=fields, timeout=10).raise_for_status()

    def retracted(self) -> list[bool]:
        """Which messages are retracted, in order."""
        asked = [f"{self.proxy.url}api/v0/query/message/{uuid}/" for uuid in self.uuids]
        return [requests.get(url, timeout=10).json()["annotations"]["retracted"] for url in asked]

    def lose_answers(self, number: int = 1) -> None:
        """HERMES does what it is asked, and the answers are lost."""
        self.proxy.plan = Plan(first=(Fault.RESET_AFTER,) * number, only=SUBMIT)


@pytest.fixture
def start(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Hermes]]:
    """Starts a stand-in with the clock of the TOM, and a proxy before it; both are gone after the test."""
    monkeypatch.setattr("sharecore_hermes.look_up.now", lambda: clock.now)
    started: list[Hermes] = []
    forward = clock.forward

    def both_forward(**delta: float) -> None:
        forward(**delta)
        for each in started:
            each.archive(ahead=(clock.now - datetime.now(UTC)).total_seconds())

    monkeypatch.setattr(clock, "forward", both_forward)
    with ExitStack() as stack:

        def start(writable: str = "hermes.test,tomtoolkit.test") -> Hermes:
            log = tmp_path / f"{writable}.jsonl"
            log.touch()
            url = stack.enter_context(hermes_process.running(log, writable))
            started.append(Hermes(stack.enter_context(running(url)), log))
            return started[-1]

        yield start


@pytest.fixture
def hermes(start: Callable[..., Hermes]) -> Hermes:
    return start()


@pytest.fixture
def use(tom: Tom) -> Iterator[Callable[..., None]]:
    """Gives the TOM its `DATA_SHARING`; another one when it is called again."""
    with ExitStack() as stack:

        def use(**destinations: Any) -> None:
            stack.enter_context(override_settings(DATA_SHARING=destinations))

        yield use


@pytest.fixture
def shared(tom: Tom, hermes: Hermes, use: Callable[..., None]) -> Any:
    """A target that is shared with HERMES."""
    use(hermes=hermes.settings())
    target = tom.target()
    tom.share(target, ADDRESS)
    return target


def photometry(message: dict[str, Any]) -> list[float]:
    return [row["brightness"] for row in message["data"]["photometry"]]


class TestMessages:
    def test_a_burst_becomes_one_message(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        data = [tom.datum(shared, **MEASURED) for _ in range(5)]
        tom.deliver()
        assert hermes.messages == []
        data += [tom.datum(shared, **MEASURED) for _ in range(5)]
        assert tom.deliver(after=10) == 10
        (message,) = hermes.messages
        assert photometry(message) == [each.brightness for each in data]
        assert {tom.row(each, ADDRESS).remote_id for each in data} == set(hermes.uuids)

    def test_a_message_has_so_many_rows_at_the_most(
        self, tom: Tom, hermes: Hermes, shared: Any, use: Callable[..., None]
    ) -> None:
        use(hermes=hermes.settings(MAX_ROWS=4, BATCH_WINDOW_SECONDS=0))
        for _ in range(10):
            tom.datum(shared, **MEASURED)
        assert tom.deliver() == 10
        assert [len(photometry(message)) for message in hermes.messages] == [4, 4, 2]

    def test_large_data_go_in_several_messages(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        for _ in range(5):
            tom.datum(shared, value={"comments": "x" * 400_000}, **MEASURED)
        tom.deliver()
        assert tom.deliver(after=10) == 5
        assert [len(photometry(message)) for message in hermes.messages] == [2, 2, 1]
        assert all(len(json.dumps(message)) < 950_000 for message in hermes.messages)

    def test_a_row_that_hermes_refuses_stays_behind_alone(
        self, tom: Tom, hermes: Hermes, shared: Any, use: Callable[..., None], monkeypatch: Any
    ) -> None:
        custom_code = ModuleType("custom_code")
        custom_code.MondayConverter = MondayConverter  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "custom_code", custom_code)
        use(hermes=hermes.settings(DATA_CONVERTER_CLASS="custom_code.MondayConverter"))
        good = [tom.datum(shared, **MEASURED), tom.datum(shared, **MEASURED)]
        bad = tom.datum(shared, bandpass="bad", **MEASURED)
        tom.deliver()
        assert tom.deliver(after=10) == 2
        assert photometry(hermes.messages[0]) == [each.brightness for each in good]
        row = tom.row(bad, ADDRESS)
        assert (row.state, row.field) == (State.FAILED, "date_obs")
        assert "date" in row.reason
        with pytest.raises(CommandError, match="would not take"):
            call_command("sharing", "preview", str(tom.outbox(shared, ADDRESS).share_id), "--validate")


class MondayConverter:
    """Written for tomtoolkit 2.x, with a mistake in it."""

    def __init__(self, validate: bool = True) -> None:
        pass

    def get_hermes_photometry(self, datum: Any) -> dict[str, Any]:
        return {
            "target_name": datum.target.name,
            "date_obs": "some Monday" if datum.value["filter"] == "bad" else datum.timestamp.isoformat(),
            "telescope": datum.value.get("telescope"),
            "bandpass": datum.value["filter"],
            "brightness": datum.value["magnitude"],
            "brightness_unit": datum.value["unit"],
        }


class TestAnAnswerThatIsLost:
    def test_what_was_published_is_found_and_nobody_is_asked(
        self, tom: Tom, hermes: Hermes, shared: Any
    ) -> None:
        data = [tom.datum(shared, **MEASURED) for _ in range(3)]
        tom.deliver()
        hermes.lose_answers()
        tom.deliver(after=10)
        assert {tom.state(each, ADDRESS) for each in data} == {State.UNCONFIRMED}
        tom.deliver(after=300)
        assert tom.states(ADDRESS) == ["unconfirmed"] * 3, "HERMES may be at it for five minutes"
        tom.deliver(after=31)
        assert tom.states(ADDRESS) == ["delivered"] * 3
        assert {tom.row(each, ADDRESS).remote_id for each in data} == set(hermes.uuids)
        tom.deliver_until_quiet()
        assert len(hermes.messages) == 1

    def test_what_was_not_is_sent_again(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        datum = tom.datum(shared, **MEASURED)
        tom.deliver()
        hermes.proxy.plan = Plan(first=(Fault.BLACK_HOLE,), only=SUBMIT, seconds=0.1)
        tom.deliver(after=10)
        tom.deliver(after=331)
        row = tom.row(datum, ADDRESS)
        assert (row.state, row.reason) == (State.UNCONFIRMED, "the archive of HERMES does not have it yet")
        assert hermes.messages == []
        tom.deliver(after=900)
        tom.deliver_until_quiet(hours=1)
        assert tom.row(datum, ADDRESS).remote_id == hermes.uuids[0]
        assert len(hermes.messages) == 1

    def test_an_archive_that_is_behind_or_down_costs_time_alone(
        self, tom: Tom, hermes: Hermes, shared: Any
    ) -> None:
        lost = tom.datum(shared, **MEASURED)
        tom.deliver()
        hermes.lose_answers()
        tom.deliver(after=10)
        hermes.archive(behind=480)
        tom.deliver(after=331)
        hermes.archive(fails=503)
        for _ in range(4):
            tom.deliver(after=600)
        new = tom.datum(shared, **MEASURED)
        tom.deliver()
        tom.deliver(after=60)
        assert tom.state(new, ADDRESS) is State.DELIVERED, "HERMES itself is well"
        assert tom.state(lost, ADDRESS) is State.UNCONFIRMED
        hermes.archive(fails=0)
        tom.deliver_until_quiet()
        assert tom.states(ADDRESS) == ["delivered"] * 2
        assert len(hermes.messages) == 2

    @pytest.mark.parametrize("point", POINTS)
    def test_a_sender_dies(
        self, tom: Tom, hermes: Hermes, shared: Any, use: Callable[..., None], point: str, monkeypatch: Any
    ) -> None:
        use(hermes=hermes.settings(MAX_ROWS=2, BATCH_WINDOW_SECONDS=0))
        data = [tom.datum(shared, **MEASURED) for _ in range(5)]
        how, where, name = POINTS[point]
        with monkeypatch.context() as patch:
            patch.setattr(where, name, how(getattr(where, name)))
            with pytest.raises(Died):
                tom.deliver()
        tom.deliver_until_quiet(hours=3)
        assert tom.states(ADDRESS) == ["delivered"] * 5
        sent = [each for message in hermes.messages for each in photometry(message)]
        assert sorted(sent) == [each.brightness for each in data]

    def test_it_moved_to_another_target_meanwhile(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        found, missing = (tom.datum(shared, **MEASURED) for _ in range(2))
        other = tom.target("another")
        tom.share(other, ADDRESS)
        tom.deliver()
        hermes.lose_answers()
        tom.deliver(after=10)
        hermes.proxy.plan = Plan(first=(Fault.BLACK_HOLE,), only=SUBMIT, seconds=0.1)
        for each in (found, missing):
            edit(each, target=other)
        tom.deliver_until_quiet()
        assert tom.states(ADDRESS) == ["delivered"] * 2
        assert [message["data"]["targets"][0]["name"] for message in hermes.messages] == [shared.name]

    def test_a_replay_sends_nothing_twice(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        for _ in range(2):
            tom.datum(shared, **MEASURED)
            tom.deliver()
            tom.deliver(after=10)
            tom.deliver(after=86400)
        plan = Replay().send_again()
        assert (plan.number, plan.doubles) == (2, 0)
        tom.deliver_until_quiet()
        assert tom.states(ADDRESS) == ["delivered"] * 2
        assert {row.remote_id for row in Delivery.objects.all()} == set(hermes.uuids)
        assert len(hermes.messages) == 2

    def test_a_restored_backup_sends_nothing_twice(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        sent, tried = (tom.datum(shared, **MEASURED, timestamp=tom.clock.now) for _ in range(2))
        tom.deliver()
        tom.deliver(after=10)
        tom.row(sent, ADDRESS).delete()
        long_before = tom.clock.now - timedelta(days=30)
        Delivery.objects.filter(pk=tom.row(tried, ADDRESS).pk).update(
            state=State.PENDING, delivered_at=None, arrived="", sent_at=long_before
        )
        restored.doubt()
        tom.deliver_until_quiet()
        assert tom.states(ADDRESS) == ["delivered"] * 2
        assert len(hermes.messages) == 1


class TestATopicThatCannotBeRead:
    """Its archive looks empty, so nobody but a person can tell."""

    @pytest.fixture(autouse=True)
    def hidden(self, hermes: Hermes) -> None:
        hermes.archive(hidden=["hermes.test"])

    def test_a_person_says_that_it_was_published(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        datum = tom.datum(shared, **MEASURED)
        tom.deliver()
        hermes.lose_answers()
        tom.deliver(after=10)
        assert tom.state(datum, ADDRESS) is State.UNCONFIRMED
        tom.deliver_until_quiet()
        row = tom.row(datum, ADDRESS)
        assert row.state == State.NEEDS_REVIEW
        assert "may still publish" in row.reason
        assert len(hermes.messages) == 1
        resolve.resolve(row, arrived=True, by="pi")
        tom.deliver_until_quiet()
        assert tom.state(datum, ADDRESS) is State.DELIVERED
        assert len(hermes.messages) == 1

    def test_a_person_sends_it_again(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        datum = tom.datum(shared, **MEASURED)
        tom.deliver()
        hermes.proxy.plan = Plan(first=(Fault.BLACK_HOLE,), only=SUBMIT, seconds=0.1)
        tom.deliver(after=10)
        tom.deliver_until_quiet()
        assert (tom.state(datum, ADDRESS), hermes.messages) == (State.NEEDS_REVIEW, [])
        resolve.resolve(tom.row(datum, ADDRESS), arrived=False, by="pi")
        assert tom.deliver(after=10) == 1
        assert tom.row(datum, ADDRESS).remote_id == hermes.uuids[0]

    @pytest.mark.parametrize(("verdict", "messages"), [("--arrived", 1), ("--resend", 2)])
    def test_an_operator_decides_over_a_whole_message(
        self, verdict: str, messages: int, tom: Tom, hermes: Hermes, shared: Any, capsys: Any
    ) -> None:
        for _ in range(3):
            tom.datum(shared, **MEASURED)
        tom.deliver()
        hermes.lose_answers()
        tom.deliver(after=10)
        tom.deliver_until_quiet()
        call_command("sharing", "status")
        assert "3 may have arrived: look there" in capsys.readouterr().out
        call_command("sharing", "resolve", str(tom.outbox(shared, ADDRESS).share_id), verdict)
        assert capsys.readouterr().out.startswith("3 records ")
        tom.deliver_until_quiet()
        assert tom.states(ADDRESS) == ["delivered"] * 3
        assert len(hermes.messages) == messages

    def test_a_site_may_choose_doubles(
        self, tom: Tom, hermes: Hermes, shared: Any, use: Callable[..., None]
    ) -> None:
        use(hermes=hermes.settings(RESEND_UNCONFIRMED=True))
        datum = tom.datum(shared, **MEASURED)
        tom.deliver()
        hermes.lose_answers()
        tom.deliver(after=10)
        tom.deliver(after=300)
        assert len(hermes.messages) == 1  # HERMES may be at it for five minutes
        tom.deliver_until_quiet()
        assert tom.state(datum, ADDRESS) is State.DELIVERED
        assert len(hermes.messages) == 2

    def test_a_replay_asks_whether_doubles_are_harmless(
        self, tom: Tom, hermes: Hermes, shared: Any, use: Callable[..., None]
    ) -> None:
        tom.share(shared, "hermes:tomtoolkit.test")
        tom.datum(shared, **MEASURED)
        tom.deliver()
        tom.deliver(after=10)
        with pytest.raises(MayDouble, match=r"hermes:hermes\.test cannot"):
            Replay().send_again()
        plan = Replay().send_again(doubles=True)
        assert (plan.number, plan.doubles) == (2, 1)
        tom.deliver_until_quiet()
        topics = sorted(message["topic"] for message in hermes.messages)
        assert topics == ["hermes.test", "hermes.test", "tomtoolkit.test"]


class TestEdits:
    @pytest.fixture(autouse=True)
    def chosen(self, hermes: Hermes, shared: Any, use: Callable[..., None]) -> None:
        use(hermes=hermes.settings(EDITS="retract", BATCH_WINDOW_SECONDS=0))

    def test_an_edit_is_a_new_message_and_retracts_the_old_one(
        self, tom: Tom, hermes: Hermes, shared: Any
    ) -> None:
        datum = tom.datum(shared, **MEASURED)
        tom.deliver()
        edit(datum, brightness=19.5)
        tom.deliver()
        assert [photometry(message) for message in hermes.messages][1] == [19.5]
        assert hermes.messages[1]["data"]["references"][0]["url"].endswith(hermes.uuids[0])
        assert hermes.retracted() == [True, False]
        row = tom.row(datum, ADDRESS)
        assert (row.state, row.remote_id) == ("delivered", hermes.uuids[1])
        assert tom.outbox(shared, ADDRESS).adapter_state == {}

    @pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.BLACK_HOLE])
    def test_an_edit_whose_answer_is_lost_settles_itself(
        self, tom: Tom, hermes: Hermes, shared: Any, fault: Fault
    ) -> None:
        datum = tom.datum(shared, **MEASURED)
        tom.deliver()
        edit(datum, brightness=19.5)
        hermes.proxy.plan = Plan(first=(fault,), only=SUBMIT, seconds=0.1)
        tom.deliver()
        tom.deliver_until_quiet()
        assert [photometry(message) for message in hermes.messages][1:] == [[19.5]]
        assert hermes.retracted() == [True, False]
        assert tom.row(datum, ADDRESS).remote_id == hermes.uuids[1]

    def test_an_edit_of_one_record_leaves_the_message_of_many(
        self, tom: Tom, hermes: Hermes, shared: Any
    ) -> None:
        data = [tom.datum(shared, **MEASURED) for _ in range(3)]
        tom.deliver()
        edit(data[0], brightness=19.5)
        tom.deliver()
        assert hermes.retracted() == [False, False]
        for each in data[1:]:
            edit(each, brightness=20.5)
            tom.deliver()
        assert hermes.retracted() == [True, False, False, False]


class TestTakingBack:
    @pytest.fixture
    def sent(self, tom: Tom, shared: Any) -> list[Any]:
        """Three data in one message, and one in another."""
        data = [tom.datum(shared, **MEASURED) for _ in range(3)]
        tom.deliver()
        tom.deliver(after=10)
        data.append(tom.datum(shared, **MEASURED))
        tom.deliver()
        tom.deliver(after=10)
        return data

    def withdraw(self, tom: Tom, shared: Any, datum: Any) -> None:
        pi = User.objects.create_superuser("pi")
        pks = [tom.row(datum, ADDRESS).pk]
        outbox = tom.outbox(shared, ADDRESS)
        assert withdraw.plan(outbox, pks, by=pi).others == 2
        withdraw.withdraw(outbox, pks, reason="wrong zero point", by=pi, with_others=True)

    def test_the_message_is_retracted_and_no_record_of_it_goes_again(
        self, tom: Tom, hermes: Hermes, shared: Any, sent: list[Any]
    ) -> None:
        self.withdraw(tom, shared, sent[0])
        tom.deliver()
        assert hermes.retracted() == [True, False]
        assert tom.states(ADDRESS) == [*["withdrawn"] * 3, "delivered"]
        edit(sent[1], brightness=19.5)
        Replay().send_again()
        tom.deliver_until_quiet()
        assert len(hermes.messages) == 2
        retry.retry_one(tom.row(sent[1], ADDRESS))
        tom.deliver()
        tom.deliver(after=10)
        assert photometry(hermes.messages[2]) == [19.5]
        assert "references" not in hermes.messages[2]["data"]

    @pytest.mark.parametrize("trouble", [{"fails": 503}, {"behind": 7200}])
    def test_an_archive_that_is_down_or_behind_is_asked_again(
        self, tom: Tom, hermes: Hermes, shared: Any, sent: list[Any], trouble: dict[str, Any]
    ) -> None:
        hermes.archive(**trouble)
        self.withdraw(tom, shared, sent[0])
        tom.deliver()
        assert tom.state(sent[0], ADDRESS) is State.WITHDRAWING
        hermes.archive(fails=0, behind=0)
        tom.deliver_until_quiet()
        assert hermes.retracted() == [True, False]
        assert tom.state(sent[0], ADDRESS) is State.WITHDRAWN

    def test_an_answer_that_is_lost_does_no_harm(
        self, tom: Tom, hermes: Hermes, shared: Any, sent: list[Any]
    ) -> None:
        hermes.proxy.plan = Plan(first=(Fault.RESET_AFTER,) * 3, only="PATCH ")
        self.withdraw(tom, shared, sent[0])
        tom.deliver()
        assert tom.state(sent[0], ADDRESS) is State.WITHDRAWING
        tom.deliver_until_quiet()
        assert tom.state(sent[0], ADDRESS) is State.WITHDRAWN

    def test_a_message_of_another_user_stays(
        self, tom: Tom, hermes: Hermes, shared: Any, sent: list[Any]
    ) -> None:
        hermes.archive(fails=403)
        self.withdraw(tom, shared, sent[0])
        tom.deliver()
        row = tom.row(sent[0], ADDRESS)
        assert row.state == State.DELIVERED
        assert "Only the user who published" in row.reason


class TestALongSpectrum:
    """One that is too large for a message, and goes as a file beside it, in the same request."""

    @pytest.fixture
    def spectrum(self, tom: Tom, shared: Any, hermes: Hermes, use: Callable[..., None]) -> Any:
        use(hermes=hermes.settings(BATCH_WINDOW_SECONDS=0))
        points = 40_000
        return SpectroscopyReducedDatum.objects.create(
            target=shared,
            timestamp=NIGHT,
            flux=[1e-16 + number * 1e-21 for number in range(points)],
            wavelength=[3000.0 + number / 8 for number in range(points)],
            flux_unit="erg / (Angstrom s cm2)",
            wavelength_unit="Angstrom",
            instrument="FLOYDS",
        )

    def arrives_once(self, tom: Tom, hermes: Hermes, spectrum: Any) -> None:
        tom.deliver_until_quiet(hours=3)
        assert tom.state(spectrum, ADDRESS) is State.DELIVERED
        (message,) = hermes.messages
        (row,) = message["data"]["spectroscopy"]
        assert "flux" not in row
        assert row["file_info"][0]["url"]
        assert tom.row(spectrum, ADDRESS).remote_id == hermes.uuids[0]

    @pytest.mark.parametrize(
        "fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TRUNCATED, Fault.BLACK_HOLE]
    )
    def test_a_lost_answer_doubles_nothing(
        self, tom: Tom, hermes: Hermes, spectrum: Any, fault: Fault
    ) -> None:
        hermes.proxy.plan = Plan(first=(fault,), only=SUBMIT, seconds=0.1)
        tom.deliver()
        self.arrives_once(tom, hermes, spectrum)

    @pytest.mark.parametrize(
        "point", ["when intents are written", "when the destination has it", "before it settles"]
    )
    def test_a_sender_that_dies_doubles_nothing(
        self, tom: Tom, hermes: Hermes, spectrum: Any, point: str, monkeypatch: Any
    ) -> None:
        how, where, name = POINTS[point]
        with monkeypatch.context() as patch:
            patch.setattr(where, name, how(getattr(where, name)))
            with pytest.raises(Died):
                tom.deliver()
        self.arrives_once(tom, hermes, spectrum)

    def test_an_archive_without_room_for_files_is_tried_again(
        self, tom: Tom, hermes: Hermes, spectrum: Any
    ) -> None:
        hermes.archive(refuses_files=403)
        tom.deliver()
        assert "could not take the message with its file" in tom.row(spectrum, ADDRESS).reason
        hermes.archive(refuses_files=0)
        self.arrives_once(tom, hermes, spectrum)


class TestAnswersThatAreLost:
    def test_what_comes_meanwhile_goes_out(self, tom: Tom, hermes: Hermes, shared: Any) -> None:
        lost = tom.datum(shared, **MEASURED)
        tom.deliver()
        hermes.lose_answers()
        tom.deliver(after=10)
        new = tom.datum(shared, **MEASURED)
        tom.deliver(after=10)
        tom.deliver(after=10)
        assert (tom.state(lost, ADDRESS), tom.state(new, ADDRESS)) == (State.UNCONFIRMED, State.DELIVERED)

    def test_while_answers_are_lost_other_targets_wait(
        self, tom: Tom, hermes: Hermes, use: Callable[..., None]
    ) -> None:
        """Each message that is tried in vain costs a person a look at HERMES."""
        use(hermes=hermes.settings(BATCH_WINDOW_SECONDS=0))
        for _ in range(5):
            target = tom.target()
            tom.share(target, ADDRESS)
            tom.datum(target, **MEASURED)
        hermes.lose_answers(100)
        tom.deliver()
        assert len(hermes.messages) == 1
        hermes.lose_answers(0)
        for _ in range(10):
            tom.deliver(after=30)
        states = [str(each.state) for each in Delivery.objects.at(Address.parse(ADDRESS))]
        assert sorted(states) == ["delivered"] * 4 + ["unconfirmed"]

    def test_a_target_alone_is_not_announced_twice(
        self, tom: Tom, hermes: Hermes, use: Callable[..., None]
    ) -> None:
        use(hermes=hermes.settings())
        form = {"target": tom.target(), "share_title": "A new supernova"}
        functions.share_target_with_tom(ADDRESS, form)
        hermes.lose_answers()
        tom.deliver_until_quiet()
        assert [message["title"] for message in hermes.messages] == ["A new supernova"]
        assert "Look for" in OneTimeShare.objects.get().problem


class TestRefusals:
    @pytest.mark.parametrize(
        ("token", "hint"),
        [("f" * 40, "Copy the API token"), (NO_CREDENTIAL, "log out of HERMES")],
    )
    def test_a_token_that_cannot_publish_pauses_until_it_is_mended(
        self,
        token: str,
        hint: str,
        tom: Tom,
        hermes: Hermes,
        shared: Any,
        use: Callable[..., None],
        capsys: Any,
    ) -> None:
        use(hermes=hermes.settings(HERMES_API_KEY=token))
        data = [tom.datum(shared, **MEASURED) for _ in range(3)]
        tom.deliver()
        tom.deliver(after=10)
        paused = DestinationHealth.objects.get(destination="hermes").paused
        assert hint in paused
        assert "DATA_SHARING['hermes']['HERMES_API_KEY']" in paused
        assert token not in paused
        with pytest.raises(CommandError):
            call_command("sharing", "check")
        tom.deliver_until_quiet()
        assert {each.attempts for each in Delivery.objects.at(Address.parse(ADDRESS))} == {1}
        use(hermes=hermes.settings())
        capsys.readouterr()
        call_command("sharing", "check")
        said = capsys.readouterr().out.splitlines()
        assert (said[0], said[-1]) == ("hermes (hermes) ... ok", "    topics: hermes.test, tomtoolkit.test")
        assert not DestinationHealth.objects.get(destination="hermes").paused
        tom.deliver_until_quiet()
        assert [tom.state(each, ADDRESS) for each in data] == [State.DELIVERED] * 3

    def test_a_topic_that_is_not_writable_pauses_alone_until_it_is(
        self, tom: Tom, start: Callable[..., Hermes], use: Callable[..., None]
    ) -> None:
        few, many = start("hermes.test"), start("hermes.test,gcn.circulars")
        use(hermes=few.settings())
        target = tom.target()
        for topic in ("hermes.test", "gcn.circulars"):
            tom.share(target, f"hermes:{topic}")
        datum = tom.datum(target, **MEASURED)
        tom.deliver()
        tom.deliver(after=10)
        tom.deliver(after=3600)
        assert [message["topic"] for message in few.messages] == ["hermes.test"]
        health = {str(each): each.paused for each in DestinationHealth.objects.exclude(paused="")}
        assert set(health) == {"hermes:gcn.circulars"}
        assert "may not write to the topic 'gcn.circulars'" in health["hermes:gcn.circulars"]
        assert tom.state(datum, "hermes:gcn.circulars") is State.PENDING
        # Somebody gives the right; nothing changes in the settings, so the address stays.
        few.proxy.receiver = many.proxy.receiver
        call_command("sharing", "check")
        tom.deliver_until_quiet()
        assert [message["topic"] for message in many.messages] == ["gcn.circulars"]

    @pytest.mark.parametrize(
        ("default", "hint"),
        [
            ({}, "Name a topic in the share's destination"),
            ({"DEFAULT_TOPIC": "gcn.circulars"}, "may not write"),
        ],
    )
    def test_an_address_without_a_topic_stops_no_other(
        self, default: dict[str, str], hint: str, tom: Tom, hermes: Hermes, use: Callable[..., None]
    ) -> None:
        use(hermes=hermes.settings(**default))
        target = tom.target()
        tom.share(target, "hermes")
        tom.share(target, ADDRESS)
        for _ in range(2):
            tom.datum(target, **MEASURED)
            tom.deliver()
            tom.deliver(after=10)
        assert [len(photometry(message)) for message in hermes.messages] == [1, 1]
        assert hint in tom.outbox(target, "hermes").problem
        use(hermes=hermes.settings(DEFAULT_TOPIC="tomtoolkit.test"))
        tom.deliver_until_quiet()
        assert hermes.messages[-1]["topic"] == "tomtoolkit.test"
        assert not DestinationHealth.objects.exclude(paused="").exists()


class TestTopics:
    def test_the_writable_ones_are_offered(self, tom: Tom, hermes: Hermes, use: Callable[..., None]) -> None:
        use(hermes=hermes.settings(USER_TOPICS=["tomtoolkit.test", "gcn.circulars"]))
        (destination,) = offered_topics.stale()
        offered_topics.ask(destination)
        assert not offered_topics.stale()
        offered = (("download", "download"), ("Hermes", (("hermes:tomtoolkit.test", "tomtoolkit.test"),)))
        assert functions.get_sharing_destination_options() == offered

    def test_none_of_the_settings_is_writable(
        self, tom: Tom, hermes: Hermes, use: Callable[..., None]
    ) -> None:
        use(hermes=hermes.settings(USER_TOPICS=["gcn.circulars"]))
        (destination,) = offered_topics.stale()
        offered_topics.ask(destination)
        (topic,) = offered_topics.offered(destination)
        assert "may not write" in topic.note

    def test_where_hermes_cannot_tell_those_of_the_settings_are_offered_with_a_note(
        self, tom: Tom, hermes: Hermes, use: Callable[..., None]
    ) -> None:
        use(hermes=hermes.settings(HERMES_API_KEY=READ_ONLY))
        (destination,) = offered_topics.stale()
        offered_topics.ask(destination)
        known = offered_topics.offered(destination)
        assert [each.name for each in known] == ["hermes.test", "tomtoolkit.test"]
        assert all("does not say" in each.note for each in known)


class TestSettings:
    def test_two_hermes_side_by_side(
        self, tom: Tom, start: Callable[..., Hermes], use: Callable[..., None]
    ) -> None:
        production, dev = start("hermes.test"), start("dev.test")
        use(hermes=production.settings(), **{"hermes-dev": dev.settings(DEFAULT_TOPIC="dev.test")})
        target = tom.target()
        for address in ("hermes:hermes.test", "hermes-dev"):
            tom.share(target, address)
        tom.datum(target, **MEASURED)
        tom.deliver()
        tom.deliver(after=10)
        assert [message["topic"] for message in production.messages] == ["hermes.test"]
        assert [message["topic"] for message in dev.messages] == ["dev.test"]

    def test_the_configuration_of_tom_hermes(
        self, tom: Tom, hermes: Hermes, use: Callable[..., None]
    ) -> None:
        use()
        theirs = {
            "HERMES_API_TOKEN": TOKEN,
            "HERMES_BASE_URL": hermes.proxy.url,
            "DEFAULT_TOPIC": "hermes.test",
        }
        with override_settings(HERMES_CONFIGURATION=theirs):
            target = tom.target()
            tom.share(target, "hermes")
            tom.datum(target, **MEASURED)
            tom.deliver()
            assert tom.deliver(after=10) == 1
        assert [message["topic"] for message in hermes.messages] == ["hermes.test"]


def test_preview_prints_the_message_as_it_is_published(
    tom: Tom, hermes: Hermes, shared: Any, capsys: Any
) -> None:
    for fields in (MEASURED, {**MEASURED, "brightness": None, "limit": 21.5}):
        tom.datum(shared, **fields)
    vague = tom.datum(shared, telescope="LCO 1m", unit="mag")
    share = str(tom.outbox(shared, ADDRESS).share_id)
    call_command("sharing", "preview", share, "--validate")
    printed = capsys.readouterr()
    assert hermes.messages == []
    assert printed.err.count("'mag' names no magnitude system") == 1
    assert f"{vague.timestamp:%Y-%m-%d %H:%M:%S}" in printed.err
    tom.deliver()
    tom.deliver(after=10)
    asked, (published,) = json.loads(printed.out), hermes.messages
    assert asked["data"]["sharecore"] == published["data"]["sharecore"]
    assert asked["title"] == published["title"]
    for mine, theirs in zip(asked["data"]["photometry"], published["data"]["photometry"], strict=True):
        assert mine.items() <= theirs.items()


def test_sharing_once_with_a_title_and_a_text(tom: Tom, hermes: Hermes, use: Callable[..., None]) -> None:
    use(hermes=hermes.settings())
    target = tom.target()
    data = [tom.datum(target, **MEASURED) for _ in range(3)]
    form = {"share_title": "A new supernova", "share_message": "It rises.\nObserve it!"}
    answer = functions.share_data_with_tom(ADDRESS, form, selected_data=[data[0].pk, data[2].pk])
    assert answer == {"message": f"2 records queued for {ADDRESS}."}
    assert tom.deliver() == 2
    (message,) = hermes.messages
    assert (message["title"], message["message_text"]) == ("A new supernova", "It rises.\nObserve it!")
    assert photometry(message) == [data[0].brightness, data[2].brightness]


def test_a_target_and_its_data_are_one_message(
    tom: Tom, hermes: Hermes, use: Callable[..., None], admin_client: Client
) -> None:
    use(hermes=hermes.settings())
    target = tom.target()
    data = [tom.datum(target, **MEASURED) for _ in range(2)]
    form = {"share_destination": ADDRESS, "share_title": "A new supernova", "kinds": ["photometry"]}
    assert admin_client.post(f"/targets/{target.pk}/share/", form).status_code == 302
    assert tom.deliver() == 2
    (message,) = hermes.messages
    assert message["title"] == "A new supernova"
    assert photometry(message) == [each.brightness for each in data]


def test_an_edit_is_noted_as_not_sent(tom: Tom, hermes: Hermes, shared: Any) -> None:
    datum = tom.datum(shared, **MEASURED)
    tom.deliver()
    tom.deliver(after=10)
    datum.brightness = 15.0
    datum.save()
    tom.deliver_until_quiet()
    row = tom.row(datum, ADDRESS)
    assert row.state == State.DELIVERED
    assert "the edit was not sent" in row.reason
    assert len(hermes.messages) == 1


def test_admin_and_rest_link_to_the_message(tom: Tom, hermes: Hermes, shared: Any, admin_client: Any) -> None:
    tom.datum(shared, **MEASURED)
    tom.deliver()
    tom.deliver(after=10)
    page = admin_client.get("/admin/sharecore/delivery/").content.decode()
    assert f'href="{hermes.proxy.url}message/{hermes.uuids[0]}"' in page
    share = tom.outbox(shared, ADDRESS).share_id
    answer = admin_client.get(f"/targets/persistentshare/{share}/deliveries/").json()
    assert [each["link"] for each in answer["results"]] == [f"{hermes.proxy.url}message/{hermes.uuids[0]}"]


class ProductConverter(HermesDataConverter):
    """As that of snex2: what it adds stands in the file that the spectrum came from."""

    def get_hermes_spectroscopy(self, datum: Any) -> dict[str, Any]:
        row = super().get_hermes_spectroscopy(datum)
        product = DataProduct.objects.filter(pk=datum.data_product.pk, target_id=datum.target.id).get()
        return {**row, "telescope": product.product_id, "comments": f"spectrum {datum.pk}"}


def test_a_converter_class_reads_the_data_product_of_a_datum(
    tom: Tom, hermes: Hermes, use: Callable[..., None], monkeypatch: Any
) -> None:
    custom_code = ModuleType("custom_code")
    custom_code.ProductConverter = ProductConverter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "custom_code", custom_code)
    use(hermes=hermes.settings(DATA_CONVERTER_CLASS="custom_code.ProductConverter"))
    target = tom.target()
    tom.share(target, ADDRESS)
    product = DataProduct.objects.create(target=target, product_id="FTN", data="spectrum.csv")
    spectrum = SpectroscopyReducedDatum.objects.create(
        target=target, data_product=product, timestamp=NIGHT, flux=[1e-16, 2e-16], wavelength=[400.0, 401.0],
        flux_unit="erg/s/cm2/A", wavelength_unit="nanometers",
    )  # fmt: skip
    tom.deliver()
    assert tom.deliver(after=10) == 1
    (row,) = hermes.messages[0]["data"]["spectroscopy"]
    assert (row["telescope"], row["comments"]) == ("FTN", f"spectrum {spectrum.pk}")
    share = str(tom.outbox(target, ADDRESS).share_id)
    call_command("sharing", "preview", share, "--validate")


def test_what_tom_hermes_read_from_a_topic_goes_to_other_topics_alone(
    tom: Tom, hermes: Hermes, shared: Any
) -> None:
    tom.share(shared, "hermes:tomtoolkit.test")
    value = {
        "limit": 0.05, "unit": "AB mag", "limit_unit": "mJy", "limit_error": 0.01, "error": "", "filter": "r",
        "telescope": "LCO 1m", "instrument": "",
    }  # fmt: skip
    ReducedDatum.objects.create(
        target=shared, data_type="photometry", timestamp=NIGHT, value=value, source_name="Hermes:hermes.test",
        source_location="https://hermes.lco.global/api/v0/query/message/2c1f0f5e-6b1c-4b0e-9a51-0d5b7c1a2b3c/",
    )  # fmt: skip
    tom.deliver()
    tom.deliver(after=10)
    (message,) = hermes.messages
    assert message["topic"] == "tomtoolkit.test"
    (row,) = message["data"]["photometry"]
    assert (row["limiting_brightness"], row["limiting_brightness_unit"]) == (0.05, "mJy")
    assert row["limiting_brightness_error"] == 0.01
    there = Delivery.objects.at(Address.parse(ADDRESS)).get()
    assert (there.state, there.remote_id) == (State.DELIVERED, "2c1f0f5e-6b1c-4b0e-9a51-0d5b7c1a2b3c")
