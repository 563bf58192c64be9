"""TOMs that share the same target with each other: a new datum travels once, and nothing circles.

What a TOM got from another one it offers to its own destinations like all its data, but not to one with
sharecore that observed it or brought it: that needs no request. So each datum is stored once by each TOM,
and then there is silence.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from live.scenes import QUICK_LOGIN, api, make_share, make_target, query, states, until
from realtoms import Tom, User, make_tom
from realtoms.compare import rows_of

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
PEERS = """
import json, pathlib
_peers = pathlib.Path(__file__).parents[1] / "peers.json"
DATA_SHARING = json.loads(_peers.read_text()) if _peers.exists() else {}
# django-guardian reads, then writes, in one transaction when a target is made
DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}
"""
SOON = {"SHARECORE_SCAN_SECONDS": 1, "SHARECORE_RETRY_SCHEDULE": [1.0] * 5}
DATUM = "/api/reduceddatums/"

KINDS: dict[str, dict[str, Any]] = {
    "detection": {"data_type": "photometry", "value": {"brightness": 17.5, "brightness_error": 0.02}},
    "reduced detection": {
        "data_type": "photometry",
        "value": {"brightness": 17.6, "limit": 21.0, "reduction_version": "v2", "exposure_time": 30.0},
    },
    "limit": {"data_type": "photometry", "value": {"limit": 20.5, "exposure_time": 60.0}},
    "spectrum": {
        "data_type": "spectroscopy",
        "value": {"flux": [1.0, 2.5, 3.0], "wavelength": [4000.0, 4001.0, 4002.0], "setup": "red"},
    },
    "astrometry": {"data_type": "astrometry", "value": {"ra": 10.5, "dec": -3.25, "ra_error": 0.1}},
    "other": {"data_type": "radial_velocity", "value": {"rv": 12.5, "note": "x"}},
}
OF_PHOTOMETRY = {"bandpass": "r", "unit": "AB", "telescope": "FTN", "instrument": "fa07"}


class Circle:
    """TOMs by name, and who shares with whom."""

    def __init__(self, toms: Mapping[str, Tom]) -> None:
        self.toms = toms
        self._minutes = itertools.count()

    def target(self, *lines: str) -> str:
        """A target that is in every TOM of these lines, such as "a>b", along which it is shared."""
        name = f"SN 2026{uuid.uuid4().hex[:10]}"
        pairs = [line.split(">") for line in lines]
        numbers = {each: make_target(self.toms[each], name) for each in sorted({e for p in pairs for e in p})}
        for sender, receiver in pairs:
            make_share(self.toms[sender], numbers[sender], receiver)
        return name

    def save(self, at: str, target: str, kind: str) -> None:
        """Save a new datum through the TOM's own API, as its observatory does."""
        tom = self.toms[at]
        ((number,),) = query(tom, "SELECT id FROM tom_targets_basetarget WHERE name = ?", target)
        datum = KINDS[kind]
        of_photometry = OF_PHOTOMETRY if datum["data_type"] == "photometry" else {}
        moment = f"2026-02-01T00:{next(self._minutes) % 60:02}:00.123456Z"
        api(
            tom,
            "api/reduceddatums/",
            {**datum, "target": number, "timestamp": moment, "value": datum["value"] | of_photometry},
        )

    def posts(self, at: str) -> list[str]:
        """The data, or batches of them, that a TOM was given, from whomever: the status of each answer."""
        lines = (self.toms[at].path / "access.log").read_text().splitlines()
        return [
            line.split()[2]
            for line in lines
            if line.startswith((f"POST {DATUM}", "POST /api/sharing/batch/"))
        ]

    def outcomes(self, at: str, to: str, target: str) -> Counter[str]:
        """What came of each try to deliver a record of the target on this line."""
        tried = (
            "SELECT a.outcome FROM sharecore_attempt a JOIN sharecore_delivery d"
            " ON d.id = a.delivery_id JOIN sharecore_outbox o ON o.id = d.outbox_id"
            " JOIN tom_targets_basetarget t ON t.id = o.target_id"
            " WHERE d.destination = ? AND t.name = ?"
        )
        return Counter(outcome for (outcome,) in query(self.toms[at], tried, to, target))

    def rows(self, at: str, target: str) -> int:
        of_target = (
            "SELECT d.id FROM {} d JOIN tom_targets_basetarget t ON t.id = d.target_id WHERE t.name = ?"
        )
        tables = [
            f"tom_dataproducts_{kind}reduceddatum"
            for kind in ("", "photometry", "spectroscopy", "astrometry")
        ]
        return sum(len(query(self.toms[at], of_target.format(table), target)) for table in tables)

    def silent(self, target: str) -> None:
        """Wait until no TOM gives another one anything, for some scans."""

        def asked() -> list[int]:
            return [len(self.posts(each)) for each in self.toms]

        last, since = asked(), time.monotonic()
        deadline = since + 60
        while time.monotonic() - since < 5:
            assert time.monotonic() < deadline, f"it circles: {[self.rows(t, target) for t in self.toms]}"
            time.sleep(0.2)
            if asked() != last:
                last, since = asked(), time.monotonic()

    def told(self) -> str:
        return "\n".join(states(tom) for name, tom in self.toms.items() if name != "stock")


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circle]:
    folder = tmp_path_factory.mktemp("circle")
    toms: dict[str, Tom] = {}
    try:
        for name in ("a", "b", "c", "stock"):
            ours = name != "stock"
            toms[name] = make_tom(
                folder / name,
                name=f"TOM {name}",
                users=[ADMIN],
                apps=["tom_integration"] if ours else [],
                settings=QUICK_LOGIN | (SOON if ours else {}),
                code=PEERS,
            )
        for name, tom in toms.items():
            peers = {other: each.sharing_entry("admin") for other, each in toms.items() if other != name}
            (tom.path / "peers.json").write_text(json.dumps(peers))
            access = (
                "--access-logfile",
                str(tom.path / "access.log"),
                "--access-logformat",
                "%(m)s %(U)s %(s)s",
            )
            tom.serve(workers=2 if name == "stock" else 1, options=access)
        yield Circle(toms)
    finally:
        for tom in toms.values():
            tom.remove()


def content(circle: Circle, at: str, target: str) -> list[str]:
    """What a TOM has of a target, without its keys and without the source that a receiver fills in."""
    own = {"id", "target_id", "data_product_id", "source_name", "source_location"}
    rows = rows_of(circle.toms[at].database, target)
    return sorted(repr({name: row[name] for name in sorted(row.keys() - own)}) for row in rows)


def same(circle: Circle, one: str, other: str, target: str) -> bool:
    return content(circle, one, target) == content(circle, other, target)


def given(circle: Circle) -> dict[str, int]:
    return {name: len(circle.posts(name)) for name in circle.toms}


def test_two_toms_with_sharecore(circle: Circle) -> None:
    target = circle.target("a>b", "b>a")
    before = given(circle)
    for kind in KINDS:
        circle.save("a", target, kind)
    until(lambda: same(circle, "a", "b", target), what=circle.told)
    circle.silent(target)
    assert (circle.rows("a", target), circle.rows("b", target)) == (len(KINDS), len(KINDS))
    assert circle.outcomes("a", "b", target) == {"accepted": len(KINDS)}, "one delivery for each datum"
    assert given(circle)["a"] - before["a"] == len(KINDS), "nothing but what its observatory saved"
    circle.save("b", target, "detection")
    until(lambda: same(circle, "b", "a", target), what=circle.told)
    circle.silent(target)
    assert circle.rows("a", target) == circle.rows("b", target) == len(KINDS) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_stock_tom(circle: Circle, kind: str) -> None:
    """The other one is a stock TOM, which shares with us inside its `save()`."""
    target = circle.target("a>stock", "stock>a")
    before = given(circle)
    circle.save("a", target, kind)
    until(lambda: circle.rows("stock", target) == 1, what=circle.told)
    circle.silent(target)
    after = given(circle)
    assert after["stock"] - before["stock"] == 1, "one delivery"
    assert circle.rows("stock", target) == 1


@pytest.mark.parametrize(("kind", "rows"), [("detection", 1), ("reduced detection", 2), ("limit", 1)])
def test_what_a_stock_tom_has_observed(circle: Circle, kind: str, rows: int) -> None:
    """It sends photometry only, and not all fields. Nothing marks what came from it, so it gets that back.

    Once: it drops what it has, but a detection with a reduction version, which it lost on the way, is another
    one to it. What has neither brightness nor limit by then is sent to nobody.
    """
    target = circle.target("a>stock", "stock>a")
    circle.save("stock", target, kind)
    until(lambda: circle.rows("a", target) == 1, what=circle.told)
    circle.silent(target)
    assert circle.rows("a", target) == 1
    assert circle.rows("stock", target) == rows


def test_three_in_a_ring(circle: Circle) -> None:
    target = circle.target("a>b", "b>c", "c>a")
    before = given(circle)
    for kind in KINDS:
        circle.save("a", target, kind)
    until(lambda: same(circle, "a", "c", target), what=circle.told)
    circle.silent(target)
    assert {circle.rows(name, target) for name in "abc"} == {len(KINDS)}
    assert circle.outcomes("a", "b", target) == circle.outcomes("b", "c", target) == {"accepted": len(KINDS)}
    assert given(circle)["a"] - before["a"] == len(KINDS), "nothing but what its observatory saved"


def test_three_that_all_share_with_each_other(circle: Circle) -> None:
    target = circle.target(*(f"{one}>{other}" for one, other in itertools.permutations("abc", 2)))
    for name, kind in zip(itertools.cycle("abc"), KINDS, strict=False):
        circle.save(name, target, kind)
    until(lambda: {circle.rows(name, target) for name in "abc"} == {len(KINDS)}, what=circle.told)
    circle.silent(target)
    assert {circle.rows(name, target) for name in "abc"} == {len(KINDS)}
    assert same(circle, "a", "b", target)
    assert same(circle, "b", "c", target)
