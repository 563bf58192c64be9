"""Rules that hold for every adapter, whatever its destination."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.delivering import Delivering
from sharecore.testing.contract.following import Following
from sharecore.testing.contract.guest import Guest
from sharecore.testing.contract.lookups import LookUps
from sharecore.testing.contract.personal import Personal
from sharecore.testing.contract.questions import Questions
from sharecore.testing.contract.reports import Reports
from sharecore.testing.contract.subject import Subject
from sharecore.testing.contract.truth import Truth
from sharecore.testing.contract.withdrawing import Withdrawing


class AdapterContract(
    Delivering, Following, Truth, LookUps, Withdrawing, Questions, Reports, Personal, Guest
):
    """The rules for every adapter.

    Subclass it and override `subject`::

        class TestLamp(AdapterContract):
            @pytest.fixture
            def subject(self, tmp_path):
                return Subject(type=LAMP, settings={"PATH": str(tmp_path)})

    Each call of the adapter is made in a thread of its own. The test fails when a call does not come back
    within `Subject.patience`, or raises what it must not, `SystemExit` and its like included.
    """

    @pytest.fixture
    def subject(self) -> Subject:
        """Return the adapter under test, with a destination that works: new for each test."""
        raise NotImplementedError("override the fixture `subject`: it returns a Subject")

    @pytest.fixture
    def bench(self, subject: Subject) -> Iterator[Bench]:
        """Yield the tools of the rules; adapters that they opened are closed after the test."""
        bench = Bench(subject)
        yield bench
        bench.close()
