"""The settings of the HTTP client: problems together, with their paths, and no secret in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharecore.settings import Section
from sharecore_http import HttpSettings, credential


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = HttpSettings.read(Section("b", {}))
    assert settings == HttpSettings(verify=True, connect_timeout=3.05, read_timeout=30.0)


def test_every_setting_is_read(tmp_path: Path) -> None:
    section = Section(
        "b",
        {
            "VERIFY": str(tmp_path),
            "PROXIES": {"https": "http://user:pw@proxy.example.org:3128"},
            "HEADERS": {"X-Gate": "open"},
            "CONNECT_TIMEOUT": 1,
            "READ_TIMEOUT": 60,
        },
    )
    settings = HttpSettings.read(section)
    assert section.problems == []
    assert section.unread() == []
    assert settings.verify == str(tmp_path)
    assert settings.proxies["https"].reveal().startswith("http://user")
    assert settings.headers["X-Gate"].reveal() == "open"
    assert (settings.connect_timeout, settings.read_timeout) == (1, 60)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("VERIFY", "/no/such/ca.pem"),
        ("VERIFY", 3),
        ("PROXIES", {"https": "secret-proxy"}),
        ("PROXIES", "http://secret"),
        ("HEADERS", {"X Y": "secret"}),
        ("HEADERS", {"X-Y": "secret\r\nX-Other: 1"}),
        ("CONNECT_TIMEOUT", 0),
        ("READ_TIMEOUT", "long"),
    ],
)
def test_a_wrong_value_is_a_problem_with_its_path(key: str, value: object) -> None:
    section = Section("b", {key: value})
    HttpSettings.read(section)
    (problem,) = section.problems
    assert problem.where == f"DATA_SHARING['b']['{key}']"
    assert problem.fatal
    assert problem.hint
    assert "secret" not in str(problem)


def test_unverified_tls_is_a_warning() -> None:
    section = Section("b", {"VERIFY": False})
    assert HttpSettings.read(section).verify is False
    (problem,) = section.problems
    assert not problem.fatal


@pytest.mark.parametrize("value", ["secret\n", " secret", "se\u2026cret"])
def test_a_credential_that_cannot_be_sent_is_found_before_it_is_used(value: str) -> None:
    section = Section("b", {"API_KEY": value})
    credential(section, "API_KEY")
    (problem,) = section.problems
    assert problem.fatal
    assert value.strip() not in str(problem)
