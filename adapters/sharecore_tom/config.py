"""Read the settings of one TOM in `DATA_SHARING`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from sharecore.secret import Secret
from sharecore.settings import Section
from sharecore_http.settings import HttpSettings, credential

TOKEN_KEYS = ("API_KEY", "TOKEN", "API_TOKEN")
_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TomConfig:
    """The settings of one receiving TOM."""

    path: str
    """Path of the entry in the settings, for messages."""
    base_url: str
    """Address of the TOM, with a trailing slash."""
    username: str = ""
    """User name for the password."""
    password: Secret = field(default_factory=lambda: Secret(""))
    """Password; empty for none."""
    token: Secret = field(default_factory=lambda: Secret(""))
    """Token, preferred to user name and password; empty for none."""
    create_targets: bool = True
    """Whether a missing target is made."""
    bulk_upload: bool = False
    """Whether backlogs of photometry may go to a stock TOM as files; each file stays there as a data product.
    """
    concurrency: int = 4
    """Number of requests in flight."""
    target_lists: tuple[str, ...] | None = None
    """Lists at the receiver that a shared target joins; None for "Imported From <our name>", as stock
    tomtoolkit does.
    """
    settle_seconds: float = 60.0
    """Seconds that the receiver may still work on a request without an answer; more than the time-out of its
    server processes.
    """
    http: HttpSettings = field(default_factory=HttpSettings)
    """Settings of the HTTP client."""

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read one entry; raises `ConfigurationError` with all its problems."""
        base_url = section.url("BASE_URL")
        _warn_if_clear_text(section, base_url)
        token = _token(section)
        username, password = section.text("USERNAME"), section.secret("PASSWORD")
        if not token and not username and not password:
            section.problem(
                "API_KEY",
                "no credentials: neither an 'API_KEY' nor a 'USERNAME' with its 'PASSWORD'",
                "Add the API token that the other TOM shows on your profile page.",
            )
        elif username and not password and not token:
            section.problem("PASSWORD", "is missing", "Add it, or an 'API_KEY' in place of both.")
        elif password and not username:
            section.problem("USERNAME", "is missing", "Add it, or an 'API_KEY' in place of both.")
        config = cls(
            path=section.path,
            base_url=base_url,
            username=username,
            password=password,
            token=token,
            create_targets=section.flag("CREATE_TARGETS", True),
            bulk_upload=section.flag("BULK_UPLOAD", False),
            concurrency=section.count("CONCURRENCY", 4, maximum=32),
            target_lists=section.texts("TARGET_LISTS") if "TARGET_LISTS" in section else None,
            settle_seconds=section.number("SETTLE_SECONDS", 60.0, minimum=1, maximum=3600),
            http=HttpSettings.read(section),
        )
        section.finish()
        return config


def _token(section: Section) -> Secret:
    """Return the token, under any of the names that settings of TOMs use."""
    given = {key: token for key in TOKEN_KEYS if (token := credential(section, key))}
    if len(set(given.values())) > 1:
        first, other = [*given][:2]
        section.problem(other, f"must equal {first!r}, which means the same", "Remove one of the two.")
    return next(iter(given.values()), Secret(""))


def _warn_if_clear_text(section: Section, base_url: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme == "http" and parts.hostname not in _OWN_HOSTS:
        section.problem(
            "BASE_URL",
            "is not https: credentials and data travel unprotected",
            "Use https if the other TOM offers it.",
            fatal=False,
        )
