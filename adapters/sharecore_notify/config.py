"""Read the settings of one `notify` destination in `DATA_SHARING`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from sharecore import Secret, Section

_SERVICE = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyConfig:
    """The settings of one destination."""

    path: str
    """Path of the entry in the settings, for messages."""
    url: Secret
    """Address in the form of apprise; secret, since it holds the credentials."""
    batch_window_seconds: float
    """Seconds that new records wait for others."""
    resend_unconfirmed: bool
    """Whether a text that failed, and yet may have arrived, is posted again."""

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read one entry; raises `ConfigurationError` with all its problems."""
        url = section.secret("URL", required=True)
        text = url.reveal()
        if text and _SERVICE.fullmatch(text) is None:
            section.problem(
                "URL",
                "must be an address of apprise, such as 'slack://...' or 'ntfy://...'",
                "Find its form at https://github.com/caronc/apprise/wiki, and copy it without blanks.",
            )
        config = cls(
            path=section.path,
            url=url,
            batch_window_seconds=section.number("BATCH_WINDOW_SECONDS", 10.0, maximum=3600),
            resend_unconfirmed=section.flag("RESEND_UNCONFIRMED", True),
        )
        section.finish()
        return config
