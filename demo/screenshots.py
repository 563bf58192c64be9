"""Makes the screenshots of every page in docs/screenshots: `make screenshots`.

What tomtoolkit's pages load from other hosts comes from this machine.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from browser import from_here, launch
from realtoms import Tom, User, make_tom
from stand_ins import Tns

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
PERMISSIONS = tuple(f"tom_targets.{verb}_persistentshare" for verb in ("view", "add", "change", "delete"))
OBSERVER = User(username="observer", password="observer-of-the-screenshots", superuser=True)
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TALLEST = 1500
"""Pixels of a page that are shown: tables go on below."""
ON_A_PHONE = (
    "shares",
    "share-once",
    "share-action-needed",
    "destinations",
    "share-later",
    "report-new",
    "report",
    "approvals",
    "rules",
    "rule-new",
    "activity",
)
STAGED = ("staged.py", "staged_reports.py")
"""What runs inside the TOM."""
DATA_SHARING = {
    "partner-tom": {
        "DISPLAY_NAME": "Partner TOM",
        "BASE_URL": "http://127.0.0.1:9/",
        "USERNAME": "sharer",
        "PASSWORD": "not-a-secret",
    },
    "hermes": {
        "DISPLAY_NAME": "HERMES",
        "BASE_URL": "http://127.0.0.1:9/",
        "HERMES_API_KEY": "not-a-secret",
        "DEFAULT_AUTHORS": "A. Stronomer",
        "USER_TOPICS": ["hermes.test", "hermes.photometry"],
    },
    "old-tom": {"DISPLAY_NAME": "Old TOM", "BASE_URL": "tom.example.org", "USERNAME": "sharer"},
}
TNS_NAMES = {
    "BANDPASS_MAP": {"g": "g-ZTF", "r": "r-Sloan"},
    "INSTRUMENT_MAP": {"Sinistro": "LCO1m - Sinistro"},
}
PAGES = {
    "shares": "targets/persistentshare/manage/",
    "destinations": "targets/persistentshare/destinations/",
    "share-once": "targets/1/share/",
    "share-continuously": "targets/1/share/?tab=continuous",
    "shares-of-a-target": "targets/4/persistentshare/manage/",
    "target-list": "targets/targetgrouping/1/share/",
    "share-up-to-date": "targets/persistentshare/manage/1/",
    "share-sending": "targets/persistentshare/manage/2/",
    "share-waiting": "targets/persistentshare/manage/3/",
    "share-action-needed": "targets/persistentshare/manage/4/?state=failed",
    "share-withheld": "targets/persistentshare/manage/4/?state=withheld",
    "share-change": "targets/persistentshare/manage/4/change",
    "replay": "targets/persistentshare/manage/1/replay",
    "share-delete": "targets/persistentshare/manage/2/delete",
    "shared-by-hand": "targets/1/share/6/",
    "share-later": "targets/persistentshare/manage/6/",
    "report-new": "targets/2/share/report/?destination=tns&form=at-report",
    "report": "targets/4/share/report/2/",
    "approvals": "targets/persistentshare/approvals/",
    "rules": "targets/persistentshare/rules/",
    "rule": "targets/persistentshare/rules/1/",
    "rule-new": "targets/persistentshare/rules/new?list=1",
    "rule-end": "targets/persistentshare/rules/1/end",
    "activity": "targets/persistentshare/activity/",
    "lists": "targets/persistentshare/lists/",
    "notices": "targets/persistentshare/notices/",
    "glossary": "targets/persistentshare/glossary/",
    "groupings": "targets/targetgrouping/",
    "targets": "targets/",
}


@contextmanager
def _staged(folder: Path, tns: Tns) -> Iterator[Tom]:
    reports = tns.entry() | {"DISPLAY_NAME": "TNS", **TNS_NAMES}
    tom = make_tom(
        folder,
        name="Example TOM",
        users=[OBSERVER],
        apps=["tom_integration"],
        # The worker that the stage invents is believed to be alive for three scans.
        settings={
            "DATA_SHARING": DATA_SHARING | {"tns": reports},
            "SHARECORE_RUNNER": "command",
            "SHARECORE_SCAN_SECONDS": 3600,
        },
        files={name: Path(__file__).with_name(name).read_text() for name in STAGED},
    )
    try:
        tom.execute("import staged; staged.stage()")
        yield tom
    finally:
        tom.remove()


def _open(browser: Browser, tom: Tom, size: dict[str, int]) -> Page:
    page = browser.new_page(viewport=size, device_scale_factor=1)  # type: ignore[arg-type]
    page.route(lambda url: not url.startswith(tom.url), from_here)
    page.goto(f"{tom.url}accounts/login/")
    page.fill("input[name=login]", OBSERVER.username)
    page.fill("input[name=password]", OBSERVER.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state()
    return page


def _shoot(page: Page, name: str) -> None:
    width, height = page.evaluate("[window.innerWidth, document.documentElement.scrollHeight]")
    shown = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, full_page=True, clip=shown)  # type: ignore[arg-type]
    _reduce(path)


def _reduce(path: Path) -> None:
    """Fewer colours, a smaller file."""
    with Image.open(path) as picture:
        # Without kmeans the small spots of colour that tell states apart get other colours.
        small = picture.convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def _take(page: Page, tom: Tom, suffix: str) -> None:
    for name, path in PAGES.items():
        if suffix == "-phone" and name not in ON_A_PHONE:
            continue
        answer = page.goto(tom.url + path, wait_until="load")
        if answer is None or answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status if answer else 'nothing'}")
        _shoot(page, name + suffix)
    page.goto(f"{tom.url}targets/persistentshare/manage/3/?state=delivered")
    for box in page.locator("input[name=delivery]").all()[:2]:
        box.check()
    page.get_by_role("button", name="Withdraw…").click()
    page.get_by_label("Reason").wait_for()
    _shoot(page, f"withdraw{suffix}")
    page.goto(f"{tom.url}targets/persistentshare/manage/")
    page.add_style_tag(content="nav.fixed-top { visibility: hidden }")  # it would lie over what is shown
    page.get_by_label("Target", exact=True).press_sequentially("26ab")
    page.get_by_role("radio", name="SN 2026lpo").check()
    page.get_by_role("radio", name="Partner TOM").check()
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("What would be sent").wait_for()
    preview = FOLDER / f"preview{suffix}.png"
    page.locator("#sharing-create").screenshot(path=preview)
    _reduce(preview)


def main() -> None:
    """Take them all: wide, in both themes, and as a phone shows them."""
    parser = argparse.ArgumentParser(description="Make the screenshots in docs/screenshots.")
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names of pages")
    options = parser.parse_args()
    for name in [name for name in PAGES if not any(part in name for part in options.only)]:
        del PAGES[name]
    FOLDER.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="screenshots-"))
    tns = Tns(work)
    try:
        tns.start()
        with _staged(work / "tom", tns) as tom, sync_playwright() as playwright:
            browser = launch(playwright)
            settings = tom.path / "mytom" / "settings.py"
            for theme, sizes in (("", ((WIDE, ""), (PHONE, "-phone"))), ("Dark", ((WIDE, "-dark"),))):
                if theme:
                    with settings.open("a") as file:
                        file.write(f"\nCSS_THEME = {theme!r}\n")
                tom.serve(browsers=True)
                for size, suffix in sizes:
                    _take(_open(browser, tom, size), tom, suffix)
                tom.stop()
            browser.close()
    finally:
        tns.stop()
        shutil.rmtree(work, ignore_errors=True)
    sys.stdout.write(f"{len(list(FOLDER.glob('*.png')))} screenshots in {FOLDER}\n")


if __name__ == "__main__":
    main()
