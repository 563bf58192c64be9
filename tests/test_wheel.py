"""What an operator gets from the built wheel, which is what all the tests run on."""

from __future__ import annotations

import importlib
import sysconfig
from importlib.metadata import distribution
from pathlib import Path

import pytest

SITE_PACKAGES = Path(sysconfig.get_path("purelib")).resolve()


PACKAGES = {
    "sharecore",
    "sharecore_files",
    "sharecore_hermes",
    "sharecore_http",
    "sharecore_notify",
    "sharecore_skyportal",
    "sharecore_tns",
    "sharecore_tom",
    "sharecore_webhook",
    "tom_integration",
}


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_packages_come_from_the_installed_wheel_not_from_the_checkout(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().is_relative_to(SITE_PACKAGES)
    assert (Path(module.__file__).parent / "py.typed").exists(), "its types are published"


def test_the_wheel_has_no_package_called_adapters() -> None:
    top = {file.parts[0] for file in distribution("sharecore").files or []}
    assert top >= PACKAGES
    assert not {"adapters", "tests", "demo", "realtoms"} & top


def test_built_in_adapters_register_as_anybodys_do() -> None:
    entry_points = distribution("sharecore").entry_points.select(group="sharecore")
    kinds = {"tom", "hermes", "webhook", "files", "notify", "skyportal", "tns"}
    assert {point.name for point in entry_points} == kinds
    for point in entry_points:
        point.load()
