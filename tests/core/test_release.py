"""The moment from which a record may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore.records import Kind, Photometry, RecordKey
from sharecore.release import Release, UnreadableRelease, latest
from sharecore.testing.examples import example_record
from sharecore.times import EARLIEST, LATEST

OBSERVED = datetime(2026, 1, 31, 22, 30, tzinfo=UTC)
LATE = datetime(2027, 1, 1, tzinfo=UTC)


def record(timestamp: datetime = OBSERVED, **extra: object) -> Photometry:
    made: Photometry = example_record(timestamp=timestamp, extra=extra)
    return made


def test_without_conditions_there_is_no_moment() -> None:
    assert Release().moment(record()) is None


def test_days_count_from_the_observation() -> None:
    assert Release(after_days=1.5).moment(record()) == OBSERVED + timedelta(hours=36)


def test_the_latest_condition_decides() -> None:
    release = Release(after_days=10, not_before=LATE)
    assert release.moment(record()) == LATE
    assert release.moment(record(release_date="2027-03-01")) == datetime(2027, 3, 1, tzinfo=UTC)
    assert Release(after_days=1000, not_before=LATE).moment(record()) == OBSERVED + timedelta(days=1000)


def test_the_latest_of_several_releases_decides() -> None:
    releases = [Release(after_days=1), Release(not_before=LATE), Release()]
    assert latest(releases, record()) == LATE
    assert latest([Release(), Release()], record()) is None
    assert latest([], record(release_date="2027-01-01")) is None


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        (" 2027-01-31 ", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T12:00:00", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31 12:00:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        (61071, datetime(2026, 1, 31, tzinfo=UTC)),
        (61071.5, datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("9999-12-31T23:00:00-12:00", LATEST),
        ("0001-01-01T00:00:00+12:00", EARLIEST),
        (None, None),
        ("", None),
        ("  ", None),
        ("n/a", None),
    ],
)
def test_the_date_of_a_record(written: object, moment: datetime | None) -> None:
    assert Release().moment(record(release_date=written)) == moment


@pytest.mark.parametrize(
    "written",
    ["soon", "2027", "31.1.2027", "2027-02-30", 2027, 20270131, 1.8e9, True, ["2027-01-31"], {"a": 1}],
)
def test_a_date_that_cannot_be_read_is_never_passed_over(written: object) -> None:
    with pytest.raises(UnreadableRelease) as caught:
        Release().moment(record(release_date=written))
    assert caught.value.reason == f"its release date {written!r} cannot be read: write it like 2027-01-31"


def test_another_field_may_hold_the_date() -> None:
    own = Release(field="public_from")
    assert own.moment(record(public_from="2027-01-01", release_date="soon")) == LATE
    assert Release(field="").moment(record(release_date="soon")) is None
    assert Release(field="").moment(record(**{"": "soon"})) is None


@given(st.floats(0, 1.7e308), st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14))])))
def test_a_moment_beyond_the_calendar_is_its_end(days: float, observed: datetime) -> None:
    key = RecordKey(kind=Kind.PHOTOMETRY, origin="o", id="1")
    try:
        datum = Photometry(key=key, timestamp=observed, brightness=1.0, bandpass="r")
    except OverflowError:  # no record has such a time
        return
    moment = Release(after_days=days).moment(datum)
    assert (moment is None) is (days == 0)
    assert moment is None or datum.timestamp <= moment <= LATEST
    if days > 4e6:
        assert moment == LATEST


@pytest.mark.parametrize(
    "wrong",
    [
        {"after_days": -1},
        {"after_days": float("inf")},
        {"after_days": float("nan")},
        {"not_before": datetime(2027, 1, 1)},  # noqa: DTZ001
    ],
)
def test_no_release_is_made_of_nonsense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Release(**wrong)  # type: ignore[arg-type]


def test_a_limit_in_another_zone_is_kept_in_utc() -> None:
    hawaii = timezone(timedelta(hours=-10))
    assert Release(not_before=datetime(2026, 12, 31, 14, tzinfo=hawaii)).not_before == LATE
