"""Rules of settings and questions: everything that is read, asked and answered beside delivering."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

import pytest

from sharecore.adapter import Preview, SentTest, Topic
from sharecore.adapter_limits import LIMITS
from sharecore.exceptions import ConfigurationError, Problem
from sharecore.reports import OF_DATA, ReportField
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.calls import MOST_ANSWERS
from sharecore.testing.contract.trouble import ask_everything

MOST_NOTES = 20_000
"""Largest notes of an adapter about a target with all examples, in characters of JSON: they are kept for
ever.
"""


class Questions:
    """The answers of the adapter about its settings, itself, and its destination."""

    def test_settings_that_work_are_read_without_complaint(self, bench: Bench) -> None:
        """Read every key of `Subject.settings` in `config`, find no problem, and change nothing there."""
        section, before = bench.section(), copy.deepcopy(dict(bench.subject.settings))
        bench.config(section)
        fatal = [problem for problem in section.problems if problem.fatal]
        assert not fatal
        assert not section.unread(), "settings that work, but that nobody reads"
        assert dict(bench.subject.settings) == before, "config changed the settings of the site"

    def test_bad_settings_are_told_as_problems(self, bench: Bench) -> None:
        """Let only `ConfigurationError` leave `config`; an `int(...)` of a wrong value is a bug."""
        for key in bench.subject.settings:
            for bad in (object(), [], 1.5, "", "\n\x00", -1):
                try:
                    bench.config(bench.section(**{key: bad}))
                except ConfigurationError as refusal:
                    if not refusal.problems:
                        pytest.fail(f"{key}={bad!r} was refused without saying why")
                except AssertionError as error:
                    pytest.fail(f"{key}={bad!r}: {error}")

    def test_limits_make_sense(self, bench: Bench) -> None:
        """Give values of `max_batch`, `settle_time`, `batch_window_seconds` and the flags that the framework
        can use.
        """
        adapter = bench.open()
        adapter.ready()
        for name, (valid, rule, _) in LIMITS.items():
            value = getattr(adapter, name)
            assert valid(value), f"{name} must be {rule}, got {value!r}"

    def test_state_is_json(self, bench: Bench) -> None:
        """Note little in `Batch.state`, and only values that come back from the ledger as they were."""
        batch = bench.batch(*bench.examples.values(), state={})
        bench.call(bench.open(), batch)
        try:
            text = json.dumps(dict(batch.state), allow_nan=False, ensure_ascii=False)
            text.encode()
        except (TypeError, ValueError) as error:
            pytest.fail(f"the state is kept as JSON, and this is none: {error}")
        assert json.loads(text) == batch.state, "the state comes back from the ledger as JSON does"
        assert "\\u0000" not in text, "no database keeps the character NUL of the state"
        assert len(text) <= MOST_NOTES, (
            f"the state has {len(text)} characters after {len(bench.examples)} records, more than "
            f"{MOST_NOTES}; note what is needed about the target, not the records"
        )

    def test_a_preview_is_text_of_a_type(self, bench: Bench) -> None:
        """Give a preview with a media type; one of JSON can be parsed."""
        adapter = bench.open()
        for batch in (bench.batch(), bench.batch(bench.record), bench.batch(*bench.examples.values())):
            preview = adapter.preview(batch)
            assert isinstance(preview, Preview)
            assert "/" in preview.content_type
            if preview.content_type == "application/json":
                try:
                    json.loads(preview.body)
                except ValueError as error:
                    pytest.fail(f"the preview says JSON, and is none: {error}")

    def test_questions_are_answered_in_form(self, bench: Bench) -> None:
        """Answer each question with a value of its type, while the destination works."""
        adapter, batch = bench.open(), bench.batch(bench.record)
        assert isinstance(adapter.describe(), str), "describe answers with a text"
        for each in (batch, bench.batch()):
            assert isinstance(adapter.knows_target(each), bool), "knows_target answers True or False"
        adapter.ready()
        assert isinstance(adapter.probe(5.0), bool), "probe answers True or False"
        problems = [*adapter.check(), *adapter.validate(batch)]
        strange = [each for each in problems if not isinstance(each, Problem)]
        assert not strange, "check and validate answer with problems"
        assert not [each for each in problems if each.fatal], "a destination that is well has no problems"
        topics = adapter.topics()
        assert isinstance(topics, Sequence)
        assert all(isinstance(each, Topic) for each in topics)
        assert max(len(problems), len(topics)) < MOST_ANSWERS, "so many problems or topics nobody reads"
        for remote_id in ("1", "", "../../x", "javascript:alert(1)", "ü/?#&"):
            link = adapter.link(remote_id)
            assert link == "" or link.startswith(("http://", "https://")), "a link leads to a web page"

    def test_fields_of_a_share_can_be_shown(self, bench: Bench) -> None:
        """Give fields of a one-time share that a page can show, and find no fault in blank ones."""
        adapter = bench.open()
        found = list(adapter.share_fields())
        strange = [each for each in found if not isinstance(each, ReportField) or each.type in OF_DATA]
        assert not strange, f"share_fields answers with fields that hold no records, and gave {strange}"
        assert len({each.name for each in found}) == len(found), "each field needs a name of its own"
        if not any(each.required for each in found):
            problems = list(adapter.check_values(bench.batch()))
            assert not problems, f"check_values finds a fault where nothing is filled in: {problems}"

    def test_questions_deliver_nothing(self, bench: Bench) -> None:
        """Send nothing on a question: people ask, check and preview before they decide to send."""
        adapter, batch, arrivals = bench.open(), bench.batch(bench.record), bench.arrivals()
        adapter.preview(batch)
        ask_everything(adapter, batch, bench.subject.report)
        assert not arrivals.requests, "a question sent a request that delivers (see Subject.delivers)"
        assert not arrivals.entries, "a question stored something at the destination"

    def test_a_test_delivers_nothing(self, bench: Bench) -> None:
        """Answer a test, if the destination can take one, with what came back; its record can still be
        delivered.
        """
        adapter, batch, arrivals = bench.open(), bench.batch(bench.record), bench.arrivals()
        answer = adapter.send_test(batch)
        if answer is None:
            assert not adapter.takes_tests, "takes_tests is True, and send_test sends none"
            return
        assert adapter.takes_tests, "takes_tests is False, so that nobody is offered the test of send_test"
        assert isinstance(answer, SentTest), f"send_test gave a {type(answer).__name__}, not a SentTest"
        assert answer.reply.strip(), "a person who sends a test is to read what came back"
        assert not [each for each in answer.problems if each.fatal], "a destination that is well takes a test"
        tested = arrivals.entries
        bench.call(adapter, batch)
        assert tested is None or arrivals.entries != tested, (
            "the test has stored the record: delivering it adds nothing"
        )

    def test_closing_twice_is_closing_once(self, bench: Bench) -> None:
        """Let `close` be called again, and on an adapter that did nothing."""
        unused, used = bench.open(), bench.open()
        bench.call(used, bench.batch(bench.record))
        for adapter in (unused, unused, used, used):
            try:
                adapter.close()
            except AssertionError as error:
                pytest.fail(f"{error}: it may be called more than once")
