"""The browser of the tests and screenshots: Chromium as the system has it, driven by Playwright."""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import Browser, Playwright

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """The path of Chromium: `CHROMIUM` of the environment, or what is installed. RuntimeError without one."""
    named = os.environ.get("CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found or not shutil.which(found):
        where = f"no browser at {named!r}" if named else "no Chromium"
        raise RuntimeError(
            f"{where}: install it (Debian: apt-get install chromium), "
            "or name one in the environment variable CHROMIUM"
        )
    return found


def launch(playwright: Playwright) -> Browser:
    """Start it, without a window."""
    return playwright.chromium.launch(executable_path=executable(), args=list(_ARGUMENTS))
