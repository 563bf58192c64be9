"""The browser of the tests and screenshots: Chromium as the system has it, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

from playwright.sync_api import Browser, Playwright, Route

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Each window, seen or not, prepares the suggestions below its address bar: half a second of a processor.
    # The other features are what Playwright turns off by this option and pages on loopback could meet.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxFullPopup,WebUIOmniboxAimPopup,"
    "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,PaintHolding,OptimizationHints,MediaRouter",
)


_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
"""Programs to look for; the first, Chromium without windows, needs two thirds of the processor time."""


def executable() -> str:
    """Return the path of Chromium: `CHROMIUM`, or what is installed. RuntimeError without one."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        where = f"no browser at {named!r}" if named else "no Chromium"
        raise RuntimeError(
            f"{where}: install it (Debian: apt-get install chromium-headless-shell), "
            "or name one in the environment variable CHROMIUM"
        )
    return found


def launch(playwright: Playwright) -> Browser:
    """Start it, without a window."""
    return playwright.chromium.launch(executable_path=executable(), args=list(_ARGUMENTS))


def bootstrap() -> Path:
    """Return the folder with the Bootstrap that the pages of tomtoolkit load from another host.

    It comes with Bootstrap-Flask, of which nothing else is used.
    """
    installed = metadata.distribution("Bootstrap-Flask").locate_file("flask_bootstrap/static/bootstrap5")
    return Path(str(installed))


def from_here(route: Route) -> None:
    """Answer a request to another host with what is here; refuse it where nothing is."""
    name = route.request.url.rpartition("/")[2].partition("?")[0]
    found = [path for folder in ("css", "js") if (path := bootstrap() / folder / name).is_file()]
    if found:
        route.fulfill(path=found[0], headers={"Access-Control-Allow-Origin": "*"})
    else:
        route.abort()
