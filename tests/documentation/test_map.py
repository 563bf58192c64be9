"""What the pages in the root of the repository say of its files is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from documentation.samples import ROOT, tables, words

PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "tests" / "README.md"]
_NO_ROOM = {"__pycache__", "__init__.py", "py.typed"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def _mapped() -> set[str]:
    """The folders in the map of the house. What stands behind the first of a row lies beside it."""
    found: set[str] = set()
    for folder, *_ in tables((ROOT / "CONTRIBUTING.md").read_text())["The map of the house"]:
        first, *others = (name.rstrip("/") for name in words(folder))
        found |= {first, *(f"{Path(first).parent}/{other}" for other in others)}
    return found


def _folders(path: Path) -> set[str]:
    inside = (each for each in path.iterdir() if each.is_dir() and each.name not in _NO_ROOM)
    return {str(each.relative_to(ROOT)) for each in inside}


def test_the_map_of_the_house_has_every_room_and_no_other() -> None:
    mapped = _mapped()
    assert [each for each in mapped if not list(ROOT.glob(each))] == []
    told = (ROOT / "CONTRIBUTING.md").read_text()
    for house in ("adapters", "sharecore", "tom_integration", "tests"):
        rooms = {each for each in _folders(ROOT / house) if f"`{Path(each).name}/`" not in told}
        assert rooms - mapped == set()
