"""A destination that is ill delays no save and no other destination, and gets everything once it is well."""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.scenes import Line, Mode, make_share, make_target, query, save, states, until
from realtoms import Tom, User, compare, compare_with_2_32, make_tom

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)


@pytest.fixture(scope="module")
def line(receiver_31: Tom) -> Iterator[Line]:
    made = Line(receiver_31)
    yield made
    made.close()


@pytest.fixture(scope="module")
def tom(
    tmp_path_factory: pytest.TempPathFactory, line: Line, receiver_31: Tom, receiver_232: Tom
) -> Iterator[Tom]:
    destinations = {
        "ill": receiver_31.sharing_entry("sharer", BASE_URL=line.url, READ_TIMEOUT=2, SETTLE_SECONDS=2),
        "healthy": receiver_232.sharing_entry("sharer"),
    }
    made = make_tom(
        tmp_path_factory.mktemp("outages") / "tom",
        name="outages",
        users=[ADMIN],
        apps=["tom_integration"],
        settings={"DATA_SHARING": destinations, "SHARECORE_RETRY_SCHEDULE": [1.0] * 30},
    )
    try:
        yield made.serve(workers=1)
    finally:
        made.remove()


@pytest.fixture(scope="module")
def targets(tom: Tom) -> list[int]:
    """Targets, made while nothing else is written.

    django-guardian reads and then writes in one transaction when tomtoolkit gives rights on a new target. On
    SQLite such a one fails at once while anybody else writes, unless "transaction_mode" is "IMMEDIATE".
    """
    return [make_target(tom, f"SN 2026{uuid.uuid4().hex[:10]}") for _ in range(9)]


@pytest.fixture(scope="module")
def unshared(tom: Tom, targets: list[int]) -> float:
    """Seconds that a save takes for a target that nobody shares."""
    target = targets.pop()
    return statistics.median(save(tom, target, number) for number in range(10))


@pytest.mark.parametrize("mode", ["dead", "hangs", "500", "html", "lies"])
def test_a_receiver_that_is_ill(
    tom: Tom,
    line: Line,
    receiver_31: Tom,
    receiver_232: Tom,
    targets: list[int],
    unshared: float,
    mode: Mode,
) -> None:
    target = targets.pop()
    (target_name,) = query(tom, "SELECT name FROM tom_targets_basetarget WHERE id = ?", target)[0]
    for destination in ("ill", "healthy"):
        make_share(tom, target, destination)

    def whole(number: int) -> bool:
        found = compare(tom.database, receiver_31.database, [target_name])
        return found.perfect and found.records == number

    save(tom, target, 0)
    until(lambda: whole(1), what=lambda: states(tom))
    line.becomes(mode)
    waited = [save(tom, target, number) for number in range(1, 5)]
    # a save would wait 2 s for a receiver that hangs; the machine may be busy
    assert statistics.median(waited) < max(5 * unshared, 0.5), waited

    def healthy() -> bool:
        found = compare_with_2_32(tom.database, receiver_232.database, [target_name])
        return found.perfect and found.records == 5

    until(healthy, seconds=25, what=lambda: states(tom))
    failed = "SELECT 1 FROM sharecore_destinationhealth WHERE destination = 'ill' AND failures > 0"
    until(lambda: query(tom, failed), seconds=15, what=lambda: states(tom))

    line.becomes("passes")
    save(tom, target, 5)
    until(lambda: whole(6), what=lambda: states(tom))


def test_the_log_of_the_tom_shows_no_password(tom: Tom, receiver_31: Tom, receiver_232: Tom) -> None:
    """After all that went wrong above."""
    for receiver in (receiver_31, receiver_232):
        password = str(receiver.sharing_entry("sharer")["PASSWORD"])
        assert password not in tom.log.read_text()
        rows = query(tom, "SELECT last_error || paused FROM sharecore_destinationhealth")
        assert password not in str(rows)
    assert Path(tom.log).stat().st_size
