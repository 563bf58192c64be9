"""The code samples of the documentation: found in its Markdown, and what each of them is.

The words behind the language of a fence say what its text is. They are shown nowhere.

    ```python settings      a part of settings.py
    ```python plugin        a module with hooks
    ```python tom           code that runs in a TOM; test cases in it are run
    ```python module        any other file
    ```python signature     compared with the code by the tests of the reference
    ```console              commands
    ```console background   a command that keeps running
    ```console later        commands that succeed after a while
    file=NAME               further: the text is a file of this name; of +NAME, its last lines

Beside them only data (`toml`, `json`, `ini`) and `text`, which is no code, may stand there.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
KINDS = {
    "python": {"settings", "plugin", "tom", "signature", "module"},
    "console": {"", "background", "later"},
    "toml": {""},
    "json": {""},
    "ini": {""},
    "text": {""},
}
_FENCE = re.compile(r"^( *)```(\S+)?(?: +([^\n]*))?\n(.*?)^\1```$", re.S | re.M)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One fenced block. line: where its fence stands. file: the name of the file that it is, or empty."""

    page: Path
    line: int
    language: str
    kind: str
    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page, README included."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def samples_of(page: Path) -> Iterator[Sample]:
    """The samples of a page in their order; directives of Sphinx are none."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        _, language, words, content = found.groups()
        if language and language.startswith("{"):
            continue
        named = [word.removeprefix("file=") for word in (words or "").split() if word.startswith("file=")]
        kinds = [word for word in (words or "").split() if not word.startswith("file=")]
        yield Sample(
            page=page,
            line=text.count("\n", 0, found.start()) + 1,
            language=language or "text",
            kind=" ".join(kinds),
            file=named[0] if named else "",
            text=textwrap.dedent(content),
        )


def samples(language: str, kind: str = "") -> list[Sample]:
    """All of one kind."""
    return [
        each
        for page in pages()
        for each in samples_of(page)
        if (each.language, each.kind) == (language, kind)
    ]


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of the tables of a page by the heading above them, without head and rule."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.strip("# ")
        elif line.startswith("|"):
            cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(heading, []).append(cells)
    return {heading: rows[2:] for heading, rows in found.items()}


def words(cell: str) -> list[str]:
    """What stands between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)
