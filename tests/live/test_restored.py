"""The database of B is replaced by an older copy, and one request at A brings back what B lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live.conftest import ADMIN, SHARER
from live.scenes import QUICK_LOGIN, api, make_share, make_target, query, save, states, until
from realtoms import Tom, compare, make_tom

REPLAY = "targets/persistentshare/replay/"
EDIT = """
from tom_dataproducts.models import PhotometryReducedDatum
datum = PhotometryReducedDatum.objects.filter(target_id={target}).order_by("timestamp")[{number}]
datum.brightness += 1
datum.save()
"""


@pytest.fixture(params=["sharecore", "stock"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tom]:
    made = make_tom(
        tmp_path / "receiver",
        name="Partner TOM",
        users=[ADMIN, SHARER],
        apps=["tom_integration"] if request.param == "sharecore" else [],
        settings=QUICK_LOGIN,
    )
    try:
        yield made.serve(workers=1)
    finally:
        made.remove()


def test_one_request_brings_back_what_a_restored_tom_lost(
    receiver: Tom, sender: Callable[..., Tom], tmp_path: Path, target_name: str
) -> None:
    tom = sender(DATA_SHARING={"there": receiver.sharing_entry("sharer")}, SHARECORE_SCAN_SECONDS=1)
    tom.serve(workers=1)
    takes_edits = bool(query(receiver, "SELECT 1 FROM sqlite_master WHERE name = 'sharecore_inboxrecord'"))

    def settled(number: int) -> bool:
        waiting = query(tom, "SELECT 1 FROM sharecore_delivery WHERE state <> 'delivered'")
        marked = query(tom, "SELECT 1 FROM sharecore_outbox WHERE look_now OR replay <> '' OR lease <> ''")
        found = compare(tom.database, receiver.database, names)
        return not (waiting or marked) and found.perfect and found.records == number

    kept = make_target(tom, target_name)
    names = [target_name]
    make_share(tom, kept, "there")
    for number in range(3):
        save(tom, kept, number)
    until(lambda: settled(3), what=lambda: states(tom))

    receiver.stop()
    backup = shutil.copy(receiver.database, tmp_path / "backup.sqlite3")
    receiver.serve(workers=1)
    if takes_edits:
        tom.execute(EDIT.format(target=kept, number=0))
    save(tom, kept, 3)
    lost = make_target(tom, f"{target_name} lost")
    names.append(f"{target_name} lost")
    make_share(tom, lost, "there")
    for number in range(4, 6):
        save(tom, lost, number)
    until(lambda: settled(6), what=lambda: states(tom))
    (lost_there,) = query(receiver, "SELECT id FROM tom_targets_basetarget WHERE name = ?", names[1])[0]

    receiver.stop()
    shutil.copy(backup, receiver.database)
    receiver.serve(workers=1)
    # It gives the number of the target that it lost to another one.
    assert make_target(receiver, "Another target") == lost_there
    if takes_edits:
        # What is edited meanwhile goes with its present values.
        tom.execute(EDIT.format(target=lost, number=1))
    assert not compare(tom.database, receiver.database, names).perfect

    told = api(tom, REPLAY, {"destination": "there"})
    assert (told["sent"], told["may_double"]) == (False, 0)
    assert told["number"] in (5, 6)  # the edit may be under way
    assert api(tom, REPLAY, {"destination": "there", "send": True})["sent"] is True
    until(lambda: settled(6), what=lambda: states(tom))
    assert not query(
        receiver, "SELECT 1 FROM tom_dataproducts_photometryreduceddatum WHERE target_id = ?", lost_there
    )

    # Nothing is there twice, however often somebody asks.
    assert api(tom, REPLAY, {"destination": "there", "send": True})["number"] == 6
    until(lambda: settled(6), what=lambda: states(tom))
    tests = tom.manage("sharing", "check", "--test").stdout
    assert ("stored nothing: it would take it" if takes_edits else "cannot take a test") in tests
    assert query(receiver, "SELECT count(*) FROM tom_targets_basetarget") == [(3,)]
