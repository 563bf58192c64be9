"""What a person sees before anything is sent."""

from __future__ import annotations

import json

import pytest

from calling import deliver

DATA = "api/reduceddatums/"


def test_a_good_receiver_has_no_problem(tom_31, adapter):
    assert adapter().check() == []
    assert adapter().topics() == ()


def test_passwords_with_each_request_are_a_warning(tom_232, adapter):
    (problem,) = adapter().check()
    assert not problem.fatal
    assert "TokenAuthentication" in problem.hint


@pytest.mark.parametrize(
    ("settings", "key"), [({"PASSWORD": "bad-secret"}, "PASSWORD"), ({"API_KEY": "bad-secret"}, "API_KEY")]
)
def test_refused_credentials_name_their_setting(tom_31, adapter, settings, key):
    (problem,) = adapter(**settings).check()
    assert problem.fatal
    assert problem.where == f"DATA_SHARING['b']['{key}']"
    assert "secret" not in str(problem)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, "<html>A wiki</html>"),
        (200, {"Content-Type": "application/json"}, '{"actions": []}'),
        (404, {"Content-Type": "text/html"}, "<html>"),
        (301, {"Location": "https://tom.example.com/"}, ""),
    ],
)
def test_what_is_not_a_tom_names_the_address(tom, adapter, answer):
    tom.script("OPTIONS", DATA, answer)
    (problem,) = adapter().check()
    assert problem.where == "DATA_SHARING['b']['BASE_URL']"
    assert problem.hint


def test_a_check_looks_anew_after_credentials_were_mended_there(tom_31, adapter, batch, detections):
    opened = adapter(API_KEY="tok-2", USERNAME="", PASSWORD="")
    assert len(opened.check()) == 1
    tom_31.token = "tok-2"
    assert opened.check() == []


def test_a_check_finds_credentials_that_were_refused_since(tom_31, adapter):
    opened = adapter(API_KEY="tok-1")
    assert opened.check() == []
    tom_31.token = "tok-2"
    assert len(opened.check()) == 1


def test_the_preview_is_what_is_sent(tom, adapter, batch, detections):
    opened, records = adapter(), detections(2)
    state: dict[str, object] = {}
    opened.check()
    before = json.loads(opened.preview(batch(*records, state=state)).body)
    calls = len(tom.calls)
    opened.preview(batch(*records, state=state))
    assert len(tom.calls) == calls, "a preview asked the network"
    deliver(opened, batch(*records, state=state))
    assert before["target"] == tom.made("POST", "api/targets/")[0]
    after = json.loads(opened.preview(batch(*records, state=state)).body)
    assert after == {"reduceddatums": tom.made("POST", DATA)}


def test_the_preview_of_a_later_process_knows_the_generation(tom, adapter, batch, detections):
    deliver(adapter(), batch(*detections(1)))
    assert json.loads(adapter().preview(batch(*detections(1))).body) == {
        "reduceddatums": tom.made("POST", DATA)
    }


@pytest.mark.parametrize(("runs", "takes"), [("tom_31", False), ("tom_232", False), ("tom_sharecore", True)])
def test_only_a_tom_that_examines_a_test_says_that_it_takes_one(request, adapter, runs, takes):
    request.getfixturevalue(runs)
    opened = adapter()
    assert not opened.takes_tests, "nobody knows yet what runs there"
    opened.ready()
    assert opened.takes_tests is takes
