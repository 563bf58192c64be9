"""Look at a page as axe, a dark theme and a keyboard do."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "resultTypes": ["violations"],
}
FARTHEST = 150
"""Presses of the tab key after which something counts as out of reach."""

# What is on a page of tomtoolkit around our part is not ours to mend.
OURS = ".sharing"


def violations(page: Page, where: str) -> list[str]:
    found = Axe().run(page, context=OURS, options=RULES).response["violations"]
    return [
        f"{where}: {each['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for each in found
        for node in each["nodes"]
    ]


def dress(page: Page, theme: str) -> None:
    """In the dark theme, as a TOM does with `CSS_THEME = "Dark"`: before our style sheet."""
    if theme == "dark":
        page.evaluate(_DARK)


_DARK = """() => new Promise(loaded => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = "/static/tom_common/css/dark.css";
  link.onload = () => {
    // Colours that are still on their way; what turns for ever has no end.
    const ends = each => each.effect.getComputedTiming().endTime < Infinity;
    document.getAnimations().filter(ends).forEach(each => each.finish());
    loaded();
  };
  document.querySelector('link[href*="sharing.css"]').before(link);
})"""


def reach(page: Page, name: str, *, backwards: bool = False) -> None:
    """Press the tab key until what has this name has the focus, which has to show."""
    pattern = re.compile(name)
    for _ in range(FARTHEST):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if pattern.search(page.evaluate(_NAME)):
            shown = page.evaluate(_FOCUS)
            assert shown, f"{name} has the focus, and nobody can see it"
            return
    pytest.fail(f"{name} is out of reach of the keyboard on {page.url}")


_NAME = """() => {
  const e = document.activeElement;
  const labels = e.labels && e.labels.length ? Array.from(e.labels).map(l => l.textContent).join(" ") : "";
  return (e.getAttribute("aria-label") || labels || e.textContent || "").replace(/\\s+/g, " ").trim();
}"""
_FOCUS = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" || style.boxShadow !== "none";
}"""
