"""What happens in somebody's save: next to nothing, and nothing that can go wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tom_dataproducts
from django.core.files.base import ContentFile
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path
from tom_dataproducts.data_processor import DataProcessor, run_data_processor
from tom_dataproducts.models import DataProduct, PhotometryReducedDatum
from tom_targets.models import Target
from tom_targets.sharing import continuous_share_data

from tom_integration import wake_up
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import open_outboxes
from tom_integration.worker import thread

if TYPE_CHECKING:
    from tom.conftest import Tom

SAMPLES = Path(tom_dataproducts.__file__).parent / "tests" / "test_data"
Hints = list[tuple[int, dict[str, list[int]]]]


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> Hints:
    """As in a server process whose thread runs: what it is told."""
    told: Hints = []

    def wake(target_id: int, named: dict[str, list[int]]) -> bool:
        told.append((target_id, named))
        return True

    monkeypatch.setattr(thread, "running", lambda: True)
    monkeypatch.setattr(thread, "wake", wake)
    return told


def _statements(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    # Around a statement that stands alone, SQLite begins and commits by itself as well.
    return [
        each["sql"] for each in captured.captured_queries if not each["sql"].startswith(("BEGIN", "COMMIT"))
    ]


@pytest.fixture
def stock_save(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of a save that nobody listens to."""
    datum = tom.unsaved(tom.target())
    with monkeypatch.context() as patch:
        patch.setattr(wake_up, "hint", lambda *_: None)
        return _statements(datum.save)


@pytest.mark.usefixtures("transactional_db")
class TestSpeed:
    def test_a_save_in_a_server_adds_no_statement(
        self, tom: Tom, stock_save: list[str], hints: Hints
    ) -> None:
        target = tom.target()
        tom.share(target)
        hints.clear()
        datum = tom.unsaved(target)
        with override_settings(SHARECORE_RUNNER="thread"):
            assert len(_statements(datum.save)) == len(stock_save)
        assert hints == [(target.pk, {})]

    def test_a_save_in_a_command_adds_no_statement_either(self, tom: Tom, stock_save: list[str]) -> None:
        target = tom.target()
        tom.share(target)
        with override_settings(SHARECORE_RUNNER="thread"):
            assert len(_statements(tom.unsaved(target).save)) == len(stock_save)

    def test_with_another_runner_it_leaves_one_mark(self, tom: Tom, stock_save: list[str]) -> None:
        target = tom.target()
        tom.share(target)
        Outbox.objects.update(look_now=False)
        (mark,) = _statements(tom.unsaved(target).save)[len(stock_save) :]
        assert mark.startswith("UPDATE")
        assert "NOT" in mark.partition("WHERE")[2], "it would write where the mark is already"
        assert Outbox.objects.get().look_now

    def test_one_statement_however_many_data_a_processor_loads(self, tom: Tom, hints: Hints) -> None:
        target = tom.target()
        tom.share(target)
        rows = tom.data(target, 50)
        hints.clear()
        assert _statements(lambda: continuous_share_data(target, rows)) == []
        assert len(hints) == 1


@pytest.mark.usefixtures("transactional_db")
class TestTransactions:
    def test_a_hint_leaves_after_the_commit(self, tom: Tom, hints: Hints) -> None:
        target = tom.target()
        tom.share(target)
        hints.clear()
        with transaction.atomic():
            tom.datum(target)
            assert hints == []
        assert hints == [(target.pk, {})]

    def test_no_hint_leaves_after_a_rollback(self, tom: Tom, hints: Hints) -> None:
        target = tom.target()
        tom.share(target)
        hints.clear()
        with transaction.atomic():
            tom.datum(target)
            transaction.set_rollback(True)
        assert hints == []
        assert tom.deliver() == 0

    def test_requests_in_transactions(self, tom: Tom, hints: Hints, monkeypatch: pytest.MonkeyPatch) -> None:
        target = tom.target("atomic")
        tom.share(target)
        hints.clear()
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        client = Client(raise_request_exception=False)
        with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]):
            assert client.get("/fails/").status_code == 500
            assert hints == []
            assert client.get("/works/").status_code == 200
        assert hints == [(target.pk, {})]
        assert tom.deliver() == 1


def _save(request: HttpRequest) -> HttpResponse:
    target = Target.objects.get(name="atomic")
    PhotometryReducedDatum.objects.create(
        target=target, timestamp="2026-02-01T00:00:00Z", brightness=17.5, bandpass="r"
    )
    return HttpResponse("saved")


def _save_and_fail(request: HttpRequest) -> HttpResponse:
    _save(request)
    raise ValueError("after the save")


def _answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("here")


urlpatterns = [path("works/", _save), path("fails/", _save_and_fail), path("answers/", _answer)]


@pytest.mark.usefixtures("transactional_db")
class TestTrouble:
    @pytest.fixture
    def broken(self) -> Iterator[None]:
        """Every statement on our tables fails."""

        def refuse(execute: Any, sql: str, *rest: Any) -> Any:
            if "sharecore_" in sql:
                raise OperationalError("disk I/O error")
            return execute(sql, *rest)

        with connection.execute_wrapper(refuse):
            yield

    @pytest.mark.parametrize("runner", ["thread", "command"])
    def test_nothing_reaches_the_one_who_saves(
        self, tom: Tom, broken: None, runner: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        target = tom.target()
        caplog.set_level(logging.CRITICAL)
        with override_settings(SHARECORE_RUNNER=runner):
            datum = tom.datum(target)
            datum.brightness = 12.0
            datum.save()
            with transaction.atomic():
                datum.save()
            continuous_share_data(target, [datum])
        assert PhotometryReducedDatum.objects.get(pk=datum.pk).brightness == 12.0

    def test_a_lost_hint_loses_no_datum(
        self, tom: Tom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        target, lost = tom.target(), []

        def lose(target_id: int) -> None:
            lost.append(target_id)
            raise OperationalError("gone")

        tom.share(target)
        tom.deliver()
        with monkeypatch.context() as patch, override_settings(SHARECORE_RUNNER="command"):
            patch.setattr(open_outboxes, "look_at", lose)
            caplog.set_level(logging.CRITICAL)
            tom.datum(target)
        assert lost == [target.pk]
        assert tom.deliver() == 1

    def test_a_machine_without_another_thread_still_answers(
        self, monkeypatch: pytest.MonkeyPatch, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(thread, "on_test_database", lambda: False)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        caplog.set_level(logging.CRITICAL)
        with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]):
            assert client.get("/answers/").status_code == 200
        assert not thread.running()


class OwnProcessor(DataProcessor):
    """As the documentation of continuous sharing shows it: its own `bulk_create`, then the call."""

    def process_data(self, data_product: DataProduct) -> list[Any]:
        rows = [
            PhotometryReducedDatum(
                target=data_product.target,
                data_product=data_product,
                timestamp=f"2026-02-01T00:{minute:02}:00Z",
                brightness=17.0 + minute,
                bandpass="r",
            )
            for minute in range(3)
        ]
        reduced_datums = PhotometryReducedDatum.objects.bulk_create(rows, ignore_conflicts=True)
        continuous_share_data(data_product.target, reduced_datums)
        return []


def _product(target: Target, name: str, data_type: str, head: str = "") -> DataProduct:
    content = ContentFile(head.encode() + (SAMPLES / name).read_bytes(), name=name)
    return DataProduct.objects.create(
        target=target, product_id=name, data_product_type=data_type, data=content
    )


# tomtoolkit's processor of spectra makes naive times
@pytest.mark.filterwarnings("ignore:.*received a naive datetime:RuntimeWarning")
@pytest.mark.usefixtures("transactional_db")
class TestDataProcessors:
    @pytest.mark.parametrize(
        ("name", "data_type", "head"),
        [
            ("test_lightcurve.csv", "photometry", ""),
            # tomtoolkit 3.1.0 stores nothing of a spectrum that names no facility
            ("test_spectrum.csv", "spectroscopy", "# DATE-OBS: 2026-02-01\n# FACILITY: LCO\n"),
        ],
    )
    def test_the_samples_of_tomtoolkit(
        self, tom: Tom, hints: Hints, name: str, data_type: str, head: str
    ) -> None:
        target = tom.target()
        tom.share(target)
        hints.clear()
        rows = run_data_processor(_product(target, name, data_type, head))
        assert [each for each, _ in hints] == [target.pk], "the scan need not be waited for"
        assert tom.deliver() == len(rows) > 0

    def test_a_file_that_is_loaded_again_is_not_sent_again(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        product = _product(target, "test_lightcurve.csv", "photometry")
        number = len(run_data_processor(product))
        assert tom.deliver() == number > 0
        run_data_processor(product)
        assert tom.deliver() == 0

    def test_one_of_the_sites_own(self, tom: Tom, hints: Hints) -> None:
        target = tom.target()
        tom.share(target)
        hints.clear()
        with override_settings(DATA_PROCESSORS={"photometry": f"{__name__}.OwnProcessor"}):
            run_data_processor(_product(target, "test_lightcurve.csv", "photometry"))
        assert target.pk in [each for each, _ in hints]
        assert tom.deliver() == 3
        assert Delivery.objects.count() == 3
