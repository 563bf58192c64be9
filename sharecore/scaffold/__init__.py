"""`sharecore new-adapter`: write a new package with an adapter that keeps the contract already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from sharecore.exceptions import SharecoreError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_OURS = frozenset({"tom", "hermes", "webhook", "files", "notify", "skyportal", "tns", "http", "memory"})
_FILES: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "workflows/test.yml": ".github/workflows/test.yml",
    "package/__init__.py": "src/__MODULE__/__init__.py",
    "package/plugin.py": "src/__MODULE__/plugin.py",
    "package/config.py": "src/__MODULE__/config.py",
    "package/payload.py": "src/__MODULE__/payload.py",
    "package/adapter.py": "src/__MODULE__/adapter.py",
    "tests/test_contract.py": "tests/test_contract.py",
    "tests/test_payload.py": "tests/test_payload.py",
}
"""Templates (they end with `.txt`, so that no tool takes them for code) and their places in the package."""


class CannotMake(SharecoreError):
    """Raised when a package cannot be made; the text gives the reason and the remedy."""


def new_adapter(name: str, into: Path) -> Path:
    """Write the package `sharecore-<name>` into a folder; return the folder of the package.

    Raises `CannotMake`.

    Args:
        name: words of small letters and digits with `-` between them; the kind of destination. The prefix
            `sharecore-` may be given.
        into: folder that will contain the package.
    """
    kind = name.strip().replace("_", "-").removeprefix("sharecore-")
    if not _NAME.fullmatch(kind) or len(kind) > _LONGEST:
        raise CannotMake(f"{name!r} is not a name. Write small letters and digits, like 'my-archive'.")
    if kind in _OURS:
        raise CannotMake(f"sharecore brings {kind!r} itself. Choose another name.")
    folder = into / f"sharecore-{kind}"
    if folder.exists():
        raise CannotMake(f"{folder} is there already. Remove it, or choose another name.")
    words = {
        "__DISTRIBUTION__": f"sharecore-{kind}",
        "__MODULE__": f"sharecore_{kind}".replace("-", "_"),
        "__CLASS__": "".join(word.capitalize() for word in kind.split("-")),
        "__TITLE__": " ".join(word.capitalize() for word in kind.split("-")),
        "__ENVIRONMENT__": kind.replace("-", "_").upper(),
        "__KIND__": kind,
        "__VERSION__": _version(),
    }
    templates = files(__name__) / "templates"
    try:
        for source, place in _FILES.items():
            text = (templates / f"{source}.txt").read_text(encoding="utf-8")
            _write(folder / _filled(place, words), _filled(text, words))
        _write(folder / "src" / words["__MODULE__"] / "py.typed", "")
    except OSError as error:
        raise CannotMake(f"{error.filename} cannot be written: {error.strerror}.") from error
    return folder


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _version() -> str:
    try:
        return version("sharecore")
    except PackageNotFoundError:
        return "0"
