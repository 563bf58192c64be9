"""Two people play the story of the demonstration from the pages alone: report, approve, correct, withdraw.

The TOM, the people and the stand-ins are those that `make demo ARGS=--serve` leaves running.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from candidates import Candidate
from cast import ADMIN
from destinations import DISCOVERIES, Hermes
from live.scenes import states, until
from people import APPROVER, OBSERVER
from publishing import Messages, share
from realtoms import Tom
from realtoms.skeleton import PROJECT
from sender import TomA
from stand_ins import Tns

if TYPE_CHECKING:
    from conftest import Visit

PATIENTLY = {"transaction_mode": "IMMEDIATE", "timeout": 20}
"""On SQLite a transaction that reads, then writes, fails when another one wrote meanwhile."""
SLOWLY = 60_000
"""Milliseconds for what workers and stand-ins do by themselves."""


@dataclass(frozen=True)
class Played:
    """The TOM of the demonstration with its stand-ins."""

    a: TomA
    hermes: Hermes
    tns: Tns

    @property
    def candidate(self) -> Candidate:
        return self.a.candidates[1]

    @property
    def messages(self) -> Messages:
        return Messages(self.hermes.stand_in)

    def wait(self, condition: Callable[[], object]) -> None:
        until(condition, what=lambda: states(self.a.tom))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("demo")
    with ExitStack() as stack:
        hermes, tns = Hermes(folder), Tns(folder)
        for each in (hermes, tns):
            stack.callback(each.stop)
            each.start()
        a = TomA(folder, ADMIN, {"hermes": hermes.entry(), "tns": tns.entry()})
        stack.callback(a.tom.remove)
        with (a.tom.path / PROJECT / "settings.py").open("a") as settings:
            settings.write(f'\nDATABASES["default"]["OPTIONS"] = {PATIENTLY!r}')
        a.tom.serve(browsers=True)
        yield Played(a, hermes, tns)


@pytest.fixture(scope="module")
def sender(played: Played) -> Tom:
    return played.a.tom


def test_two_people_report_correct_and_withdraw(visit: Callable[..., Visit], played: Played) -> None:
    there = played.messages
    share(played.candidate, played.a.observer)
    first = played.candidate.detect()
    played.wait(lambda: there.of(first))
    second = played.candidate.detect()
    played.wait(lambda: there.of(second))
    observer, approver = visit(OBSERVER), visit(APPROVER)

    of_share = _target(observer, played).get_by_role("link", name=re.compile(DISCOVERIES))
    share_page = f"{observer.tom.url.rstrip('/')}{of_share.get_attribute('href')}"
    report = _report(observer, played)
    _approve(approver, played)
    _named(observer.page, report, played)

    _correct(observer.page, share_page, played, first, 18.9)
    _withdraw(observer.page, played, second)
    _lose(observer.page, played)

    named = f"Named {_only_object(played)} (sandbox) by {played.tns.label}"
    expect(_target(observer, played)).to_contain_text(named)


def _report(observer: Visit, played: Played) -> str:
    """From the page of the target to the report that waits; return its address."""
    page = observer.page
    played.tns.tell(polls=2)
    page.get_by_role("link", name="Share", exact=True).first.click()
    page.get_by_role("link", name=f"Report to {played.tns.label}").click()
    page.get_by_role("link", name=re.compile("^AT report")).click()
    page.get_by_label("Internal name").fill(played.candidate.name)
    page.get_by_role("button", name="Preview").click()
    shown = page.get_by_role("region", name="What would be sent")
    expect(shown).to_contain_text(f'"internal_name": "{played.candidate.name}"')
    expect(page.get_by_text("when somebody with the permission has approved it")).to_be_visible()
    page.get_by_role("button", name="Ask for approval").click()
    _state(page, "Waits for approval")
    assert played.tns.holds()["reports"] == []
    return page.url


def _approve(approver: Visit, played: Played) -> None:
    page = approver.page
    approver.go("")
    page.get_by_role("navigation").get_by_role("link", name=re.compile("^Sharing")).click()
    card = page.get_by_role("region", name=re.compile(played.candidate.name))
    expect(card.get_by_role("region", name="What would be sent")).to_contain_text('"at_report"')
    card.get_by_role("checkbox").check()
    page.get_by_role("button", name="Approve ticked").click()
    expect(page.get_by_text("1 record approved, and sent now")).to_be_visible()
    played.wait(lambda: len(played.tns.holds()["reports"]) == 1)


def _named(page: Page, report: str, played: Played) -> None:
    """TNS takes its time; then its name is on the page, and an alias once the observer says so."""
    page.goto(report)
    _state(page, "Sent, waiting for an answer")
    _state(page, "Delivered")
    assert max(played.tns.holds()["asked"].values()) == 3, "twice it was not done"
    named = f"{_only_object(played)} (sandbox)"
    expect(page.get_by_text(f"Named there {named}")).to_be_visible()
    page.get_by_role("link", name="Show the delivery").click()
    expect(page.get_by_text("approved by approver")).to_be_visible()
    page.get_by_role("button", name=f"Add {named} as an alias").click()
    expect(page.get_by_text(f"{named} is an alias of {played.candidate.name}")).to_be_visible()


def _only_object(played: Played) -> str:
    ((objname, there),) = played.tns.holds()["objects"].items()
    return f"{there['name_prefix']} {objname}"


def _correct(page: Page, of_share: str, played: Played, before: float, after: float) -> None:
    there = played.messages
    page.goto(of_share)
    row = page.locator("tbody tr", has_text=f"{before:g}")
    (uuid,) = [line["uuid"] for line in there.of(before)]
    expect(row.get_by_role("link", name=uuid)).to_be_visible()
    row.get_by_role("link", name=re.compile("^Edit datum")).click()
    page.get_by_label("Brightness:", exact=True).fill(str(after))
    page.get_by_role("button", name="Save", exact=True).click()
    played.wait(lambda: there.of(after))
    (corrected,) = there.of(after)
    assert uuid in str(corrected["message"]["data"]["references"])
    played.wait(lambda: there.of(before)[0]["retracted"])
    page.goto(of_share)
    row = page.locator("tbody tr", has_text=f"{after:g}")
    expect(row.get_by_role("link", name=corrected["uuid"])).to_be_visible(timeout=SLOWLY)


def _withdraw(page: Page, played: Played, brightness: float) -> None:
    there = played.messages
    row = page.locator("tbody tr", has_text=f"{brightness:g}")
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Withdraw…").click()
    page.get_by_label("Reason").fill("a cosmic ray")
    page.get_by_role("button", name="Withdraw 1 record").click()
    played.wait(lambda: there.of(brightness)[0]["retracted"])
    expect(row).to_contain_text("Withdrawn because: a cosmic ray", timeout=SLOWLY)


def _lose(page: Page, played: Played) -> None:
    """HERMES publishes and drops the connection: the page settles it while nobody touches it."""
    there = played.messages
    played.hermes.stand_in.tell(lose=1)
    lost = played.candidate.detect()
    row = page.locator("tbody tr", has_text=f"{lost:g}")
    expect(row.locator("td[data-label=State]")).to_contain_text("Being looked up", timeout=SLOWLY)
    expect(row.locator("td[data-label=State]")).to_contain_text("Delivered", timeout=SLOWLY)
    (published,) = there.of(lost)
    expect(row.get_by_role("link", name=published["uuid"])).to_be_visible()


def _target(visit: Visit, played: Played) -> Locator:
    """Open tomtoolkit's page of the target; return what it says of its shares."""
    path = f"{visit.tom.url}targets/{played.candidate.target_id}/"
    # It has 14 MB of plots.
    visit.page.goto(path, timeout=SLOWLY, wait_until="domcontentloaded")
    return visit.page.get_by_label("Where this target is shared")


def _state(page: Page, words: str) -> None:
    """Load the page of a report until it says so."""
    for _ in range(60):
        if page.locator(".s-card .s-pill", has_text=words).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail(f"the page never said {words}")
