"""The target at the receiver: found by its names alone, made once, never mistaken for another."""

from __future__ import annotations

import pytest
from requests import exceptions as rq

from calling import before, deliver
from sharecore.exceptions import DestinationError, TargetRefused
from sharecore.outcomes import Accepted, Deferred, Duplicate, Rejected
from sharecore.targets import Orbit, OrbitScheme, Position, Target


def only(outcomes):
    (outcome,) = set(outcomes.values())
    return outcome


@pytest.mark.parametrize("there", [("SN 2026abc",), ("ZTF26&x+#", "SN 2026abc"), ("ATLAS26x", "ZTF26&x+#")])
def test_it_is_found_by_its_name_and_by_each_alias(tom, adapter, batch, detections, there):
    tom.add_target("SN 2026abcd", "not SN 2026abc")
    pk = tom.add_target(*there)
    outcomes = deliver(adapter(), batch(*detections(2), aliases=("ZTF26&x+#",)))
    assert only(outcomes) == Accepted()
    assert {row["target"] for row in tom.rows} == {pk}
    assert tom.made("POST", "api/targets/") == []


@pytest.mark.parametrize("there", ["sn 2026ABC", "SN2026abc", "SN-2026abc", "(SN) 2026_abc"])
@pytest.mark.parametrize("alias", [False, True])
def test_it_is_found_in_each_spelling_that_tomtoolkit_takes_for_equal(
    tom, adapter, batch, detections, there, alias
):
    pk = tom.add_target("ATLAS26x", there) if alias else tom.add_target(there)
    deliver(adapter(), batch(*detections(1)))
    assert [row["target"] for row in tom.rows] == [pk]
    assert tom.made("POST", "api/targets/") == []


def test_of_two_spellings_the_same_one_is_meant(tom, adapter, batch, detections):
    tom.add_target("SN2026abc")
    pk = tom.add_target("SN 2026abc")
    deliver(adapter(), batch(*detections(1)))
    assert [row["target"] for row in tom.rows] == [pk]


@pytest.mark.parametrize("there", [(), ("SN 2026abc",)])
def test_blanks_around_a_name_are_not_of_it(tom, adapter, batch, detections, there):
    """A TOM takes them away from what it is sent."""
    tom.add_target(*there) if there else None
    outcomes = deliver(adapter(), batch(*detections(1), name="SN 2026abc\u00a0\t"))
    assert only(outcomes) == Accepted()
    assert len(tom.targets) == 1


@pytest.mark.parametrize("name", ["-", "( )", "\u03b1,\u03b2 & Cen#1+?", "x" * 5000, "SN\0 2026"])
def test_a_strange_name_finds_no_other_target(tom, adapter, batch, detections, name):
    tom.add_target("--")
    deliver(adapter(), batch(*detections(1), name=name))
    assert [row["target"] for row in tom.rows] == [41]
    assert all(len(call.get("name_fuzzy", "")) < 500 for call in tom.made("GET", "api/targets/"))


BORN = "2026-01-01T00:00:00.123456Z"


@pytest.mark.parametrize("here", ["SN 2026abc", "SN 2026xyz"])
def test_paired_once_it_stays_paired_through_renames_on_both_sides(tom, adapter, batch, detections, here):
    pk = tom.add_target("SN 2026abc")
    tom.targets[pk]["created"] = BORN
    state = {}
    deliver(adapter(), batch(*detections(1), state=state))
    tom.targets[pk] |= {"name": "our favourite", "created": "2026-01-01T01:00:00.123456+01:00"}
    deliver(adapter(), batch(*detections(2), name=here, state=state))
    tom.targets[pk]["name"] = "quite another"
    deliver(adapter(), batch(*detections(3), name="and here too", state=state))
    assert {row["target"] for row in tom.rows} == {pk}
    assert len(tom.targets) == 1


def test_another_target_made_later_under_the_remembered_id_gets_nothing(tom, adapter, batch, detections):
    pk = tom.add_target("SN 2026abc")
    tom.targets[pk]["created"] = BORN
    deliver(adapter(), batch(*detections(1)))
    tom.rows.clear()
    tom.targets[pk] |= {"name": "somebody else's", "created": "2026-03-01T00:00:00Z"}
    assert isinstance(only(deliver(adapter(), batch(*detections(1)))), Deferred), (
        "it is made in a step of its own"
    )
    deliver(adapter(), batch(*detections(1)))
    assert [row["target"] for row in tom.rows] == [pk + 1]


@pytest.mark.parametrize("paired", [False, True])
def test_a_target_that_the_receiver_cannot_show_costs_only_itself(tom, adapter, batch, detections, paired):
    """NaN in a number of a target is an error 500 of each answer with it (tomtoolkit 3.1.0 on PostgreSQL)."""
    pk = tom.add_target("SN 2026abc")
    broken = (500, {"Content-Type": "text/html"}, "<h1>Server Error (500)</h1>")
    if paired:
        tom.script("GET", f"api/targets/{pk}/", broken)
    else:  # asked for when it may have to be made, and when its data are sent
        tom.script("GET", "api/targets/", *[broken] * 3, None, *[broken] * 3)
    state = {"receiver": "https://tom.example.org/", "target_id": pk} if paired else {}
    outcome = only(deliver(adapter(), batch(*detections(2), state=state)))
    assert isinstance(outcome, Deferred)
    assert "NaN" in outcome.reason
    assert tom.made("POST", "api/targets/") == []
    assert only(deliver(adapter(), batch(*detections(2), state=state))) == Accepted()


def test_a_receiver_that_fails_for_everything_blames_no_target(tom, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    broken = (500, {"Content-Type": "text/html"}, "<h1>Server Error (500)</h1>")
    tom.script("GET", "api/targets/40/", broken)
    tom.script("OPTIONS", "api/reduceddatums/", broken)
    with pytest.raises(DestinationError):
        deliver(opened, batch(*detections(2)))


def test_several_matches_are_listed_and_nothing_is_sent(tom, adapter, batch, detections):
    tom.add_target("SN 2026abc")
    tom.add_target("ZTF26x")
    outcome = only(deliver(adapter(), batch(*detections(2), aliases=("ZTF26x",))))
    assert isinstance(outcome, Rejected)
    assert "'SN 2026abc' (id 40), 'ZTF26x' (id 41)" in outcome.reason
    assert tom.rows == []


def test_it_is_made_with_all_that_is_known_and_no_key_of_ours(tom, adapter, batch, detections):
    target = Target(
        name="SN 2026abc",
        aliases=("ZTF26x", "SN 2026abc", "ZTF26x"),
        position=Position(ra=0.5, dec=-5.25, epoch=2000.0, pm_ra=0.0),
        extras={"redshift": "0.02", "class": "SN Ia"},
        lists=("Nearby",),
    )
    deliver(adapter(), batch(*detections(1), target=target, shared_by="pi"))
    (body,) = tom.made("POST", "api/targets/")
    provenance = {"shared_by": "pi", "shared_from": "Site A"} if tom.typed else {}
    assert body == {
        "name": "SN 2026abc",
        "type": "SIDEREAL",
        "ra": 0.5,
        "dec": -5.25,
        "epoch": 2000.0,
        "pm_ra": 0.0,
        "aliases": [{"name": "ZTF26x"}],
        "targetextra_set": [{"key": "redshift", "value": "0.02"}, {"key": "class", "value": "SN Ia"}],
        "target_lists": [{"name": "Imported From Site A"}, {"name": "Nearby"}],
        "groups": [],
        **provenance,
    }


def test_a_solar_system_body_has_its_elements(tom, adapter, batch, detections):
    orbit = Orbit(
        scheme=OrbitScheme.MPC_COMET,
        epoch_of_elements=60000.0,
        inclination=12.5,
        lng_asc_node=1.0,
        arg_of_perihelion=2.0,
        eccentricity=0.9,
        perihdist=1.1,
        epoch_of_perihelion=60100.0,
    )
    deliver(adapter(), batch(*detections(1), target=Target(name="C/2026 A1", sidereal=False, orbit=orbit)))
    (body,) = tom.made("POST", "api/targets/")
    assert (body["type"], body["scheme"], body["perihdist"]) == ("NON_SIDEREAL", "MPC_COMET", 1.1)
    assert not {"ra", "mean_anomaly", "abs_mag"} & body.keys()


def test_its_lists_are_a_setting(tom, adapter, batch, detections):
    deliver(adapter(TARGET_LISTS=["From friends"]), batch(*detections(1)))
    assert tom.made("POST", "api/targets/")[0]["target_lists"] == [{"name": "From friends"}]


def test_a_target_asked_for_alone_and_not_taken_is_an_error_with_the_reason(tom, adapter, batch):
    tom.add_target("SN 2026abc")
    tom.add_target("ZTF26x")
    with pytest.raises(TargetRefused, match="ZTF26x"):
        deliver(adapter(), batch(aliases=("ZTF26x",)))


def test_create_targets_false_says_what_to_do(tom, adapter, batch, detections):
    outcome = only(deliver(adapter(CREATE_TARGETS=False), batch(*detections(2))))
    assert isinstance(outcome, Rejected)
    assert "CREATE_TARGETS" in outcome.reason
    assert tom.targets == {}


def test_its_id_is_remembered_and_checked_with_one_request(tom, adapter, batch, detections):
    deliver(adapter(), batch(*detections(1)))
    looked = len([body for body in tom.made("GET", "api/targets/") if "name_fuzzy" in body])
    deliver(adapter(), batch(*detections(2)))
    assert len([body for body in tom.made("GET", "api/targets/") if "name_fuzzy" in body]) == looked
    assert len(tom.targets) == 1


def test_deleted_there_it_is_made_again(tom, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    tom.targets.clear()
    tom.add_target("other")
    assert isinstance(only(deliver(opened, batch(*detections(1)))), Deferred), (
        "it is made in a step of its own"
    )
    assert only(deliver(opened, batch(*detections(1)))) in (Accepted(), Duplicate())
    assert tom.rows[-1]["target"] == 41


def test_another_target_under_the_remembered_id_gets_nothing(tom, adapter, batch, detections):
    """A TOM that was rebuilt from nothing gives the old ids to other targets."""
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    tom.targets.clear()
    tom.rows.clear()
    other = tom.add_target("somebody else's")
    assert isinstance(only(deliver(opened, batch(*detections(1)))), Deferred), (
        "it is made in a step of its own"
    )
    deliver(opened, batch(*detections(1)))
    assert [row["target"] for row in tom.rows] == [other + 1]


def test_renamed_here_it_is_still_the_same_there(tom, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    deliver(opened, batch(*detections(1), name="SN 2026xyz"))
    assert len(tom.targets) == 1


def test_another_base_url_makes_the_adapter_state_void(tom, adapter, batch, detections):
    state = {"receiver": "https://other.example.org/", "target_id": 40, "target_name": "SN 2026abc"}
    tom.add_target("other")
    pk = tom.add_target("SN 2026abc")
    deliver(adapter(), batch(*detections(1), state=state))
    assert tom.rows[0]["target"] == pk
    assert state["target_id"] == pk


def test_deleted_between_two_rows_it_is_made_again_and_nothing_is_lost(tom_31, adapter, batch, detections):
    gone = (400, {"Content-Type": "application/json"}, '{"target": ["Invalid pk \\"40\\"."]}')
    tom_31.script("POST", "api/reduceddatums/", None, gone)
    opened = adapter()
    real = tom_31.store

    def store(body):
        answer = real(body)
        if len(tom_31.rows) == 1:
            tom_31.targets = {}
            tom_31.add_target("filler")
        return answer

    tom_31.store = store
    records = detections(4)
    outcomes = deliver(opened, batch(*records))
    assert [type(outcomes[each.key]) for each in records] == [Accepted, Deferred, Deferred, Deferred]
    assert only(deliver(opened, batch(*records[1:]))) == Accepted()
    assert [row["target"] for row in tom_31.rows] == [40, 41, 41, 41]


def refused_after_a_minute(adapter, shared):
    """Return the refusal of a batch: before, its target may have been made at this moment."""
    now = 1e9
    opened = adapter(now=lambda: now)
    outcome = only(deliver(opened, shared))
    assert isinstance(outcome, Deferred)
    assert "made at this moment" in outcome.reason
    now += 61
    outcome = only(deliver(opened, shared))
    assert isinstance(outcome, Rejected)
    assert "moment" not in outcome.reason
    assert outcome.field == "target"
    return outcome


def test_a_target_that_we_may_see_but_not_change(tom, adapter, batch, detections):
    tom.read_only.add(tom.add_target("SN 2026abc"))
    outcome = refused_after_a_minute(adapter, batch(*detections(3)))
    assert "Let it change that target" in outcome.reason


def test_a_hidden_target_of_that_name(tom, adapter, batch, detections):
    tom.hidden.add(tom.add_target("SN 2026abc"))
    outcome = refused_after_a_minute(adapter, batch(*detections(1)))
    assert "may not see it" in outcome.reason


def test_a_target_that_another_worker_of_ours_makes_at_a_slow_receiver(tom, adapter, batch, detections):
    """A TOM stores it first, then gives our account the right to see it, and last the one to change it."""
    made = tom.add_target("SN 2026abc")
    tom.hidden.add(made)
    opened, shared = adapter(), batch(*detections(2))
    for part in ("one batch", "the next, which follows at once"):
        assert isinstance(only(deliver(opened, shared)), Deferred), part
    tom.hidden.clear()
    tom.read_only.add(made)
    for part in ("one batch", "the next, which follows at once"):
        assert isinstance(only(deliver(opened, shared)), Deferred), part
    tom.read_only.clear()
    assert only(deliver(opened, shared)) == Accepted()
    assert [row["target"] for row in tom.rows] == [made, made]
    tom.targets.clear()
    tom.hidden.add(tom.add_target("SN 2026abc"))
    assert isinstance(only(deliver(opened, batch(*detections(3), state=shared.state))), Deferred), "again"


def test_somebody_else_made_it_in_the_same_moment(tom, adapter, batch, detections):
    real = tom.create

    def too_late(body):
        tom.add_target(body["name"])
        return real(body)

    tom.create = too_late
    assert only(deliver(adapter(), batch(*detections(1)))) == Accepted()


def test_refused_for_another_reason(tom, adapter, batch, detections):
    words = '{"non_field_errors": ["The following fields are required for SIDEREAL targets: [\'ra\']"]}'
    tom.script("POST", "api/targets/", (400, {"Content-Type": "application/json"}, words))
    outcome = only(deliver(adapter(), batch(*detections(1))))
    assert isinstance(outcome, Rejected)
    assert "required for SIDEREAL targets" in outcome.reason


def test_a_coordinate_of_zero_which_a_stock_tom_takes_for_missing(tom, adapter, batch, detections):
    words = '{"non_field_errors": ["The following fields are required for SIDEREAL targets: [\'ra\']"]}'
    tom.script("POST", "api/targets/", (400, {"Content-Type": "application/json"}, words))
    target = Target(name="SN 2026abc", position=Position(ra=0.0, dec=1.0))
    assert "exactly 0" in only(deliver(adapter(), batch(*detections(1), target=target))).reason


@pytest.mark.parametrize("failure", [(500, {}, "<html>"), rq.ReadTimeout()])
def test_a_failure_while_it_is_made_blames_no_record(tom, adapter, batch, detections, failure):
    tom.script("POST", "api/targets/", failure)
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(), batch(*detections(1)))
    assert before(caught) == {}


def test_an_empty_batch_makes_it_known_and_joins_the_lists_once(tom, adapter, batch):
    assert deliver(adapter(), batch()) == {}
    assert [target["name"] for target in tom.targets.values()] == ["SN 2026abc"]
    pk = tom.add_target("there already")
    opened = adapter()
    state = {}
    for _ in range(2):
        deliver(opened, batch(name="there already", state=state))
    assert tom.made("PATCH", f"api/targets/{pk}/") == [{"target_lists": [{"name": "Imported From Site A"}]}]


def test_data_of_a_target_that_is_there_change_its_lists_only_on_demand(tom, adapter, batch, detections):
    pk = tom.add_target("SN 2026abc")
    deliver(adapter(), batch(*detections(1)))
    assert tom.made("PATCH", f"api/targets/{pk}/") == []
    target = Target(name="SN 2026abc", lists=("Nearby",))
    deliver(adapter(), batch(*detections(1), target=target))
    (body,) = tom.made("PATCH", f"api/targets/{pk}/")
    assert {"name": "Nearby"} in body["target_lists"]


def test_a_filter_that_is_ignored_is_noticed(tom, adapter, batch, detections):
    """A receiver that returned everything would have us walk through all of its targets."""
    whole = (
        '{"next": "x", "results": '
        + str([{"id": 1, "name": "x", "aliases": []}] * 5000).replace("'", '"')
        + "}"
    )
    opened = adapter()
    opened.check()
    tom.script("GET", "api/targets/", *[(200, {}, whole)] * 2)
    with pytest.raises(DestinationError, match="filter"):
        deliver(opened, batch(*detections(1)))


def test_only_while_it_may_have_to_be_made_a_target_is_not_known(tom, adapter, batch, detections):
    opened, records = adapter(), detections(1)
    assert not opened.knows_target(batch(*records))
    deliver(opened, batch(*records))
    assert opened.knows_target(batch(*records))
    assert adapter(CREATE_TARGETS=False).knows_target(batch(*records, state={}))
