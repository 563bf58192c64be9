"""`sharecore new-adapter`: what it writes, and what it refuses."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sharecore.cli import main


def test_a_package_is_written_with_its_name_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-adapter", "my-archive", "--into", str(tmp_path)]) == 0
    folder = tmp_path / "sharecore-my-archive"
    assert str(folder) in capsys.readouterr().out
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "sharecore-my-archive"
    assert project["entry-points"]["sharecore"] == {"my-archive": "sharecore_my_archive.plugin"}
    assert (
        "class MyArchiveAdapter(Adapter):"
        in (folder / "src" / "sharecore_my_archive" / "adapter.py").read_text()
    )
    for place in ("README.md", ".github/workflows/test.yml", "tests/test_contract.py", ".gitignore"):
        assert (folder / place).exists()
    for path in filter(Path.is_file, folder.rglob("*")):
        for word in ("__KIND__", "__MODULE__", "__CLASS__", "__TITLE__", "__DISTRIBUTION__", "__VERSION__"):
            assert word not in path.read_text() + str(path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My Archive", "small letters"),
        ("../evil", "small letters"),
        ("", "small letters"),
        ("hermes", "brings 'hermes' itself"),
        ("there", "is there already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    name: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sharecore-there").mkdir()
    assert main(["new-adapter", name, "--into", str(tmp_path)]) == 1
    assert why in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sharecore-there"]
