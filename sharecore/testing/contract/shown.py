"""Collect all that an adapter shows: log entries, output and warnings, and look for secrets in it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from sharecore.logs import LOGGERS
from sharecore.secrets import HIDDEN, register, repeats_secret

_LOGGED = "(a secret that an adapter logs)"


class Shown(logging.Handler):
    """Everything that is logged, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # What repeats a secret is hidden in logs by the framework, also that of other libraries. In what a
        # plugin logs under its own name, it is hidden from warnings on only.
        hidden = "" if record.name.startswith(LOGGERS) else _LOGGED
        self.texts.append(logging.Formatter().format(record).replace(HIDDEN, hidden))


@contextmanager
def collected(printed: io.StringIO) -> Iterator[list[str]]:
    """Collect all that is logged, printed or warned of inside; `printed` is added at the end."""
    handler, root = Shown(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with (
            redirect_stdout(printed),
            redirect_stderr(printed),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("always")
            yield handler.texts
        handler.texts.extend(str(each.message) for each in warned)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.texts.append(printed.getvalue())


def leaks(texts: Collection[str], secrets: Collection[str], *, quoting: bool) -> list[str]:
    """Return those of the texts that show a secret, as `Bench.leaks`."""
    for each in secrets:
        register(each)
    hidden = {_LOGGED} if quoting else {_LOGGED, HIDDEN}
    return [text for text in texts if repeats_secret(text) or any(each in text for each in hidden)]
