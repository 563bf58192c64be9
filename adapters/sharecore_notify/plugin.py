"""The plugin: registers the kind `notify`."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore import Adapter, ConfigurationError, DestinationType, Problem, hookimpl
from sharecore_notify.config import NotifyConfig


def _open(config: NotifyConfig) -> Adapter:
    # Imported here: the library has about 150 services, and is installed only where somebody wants it.
    try:
        from sharecore_notify.adapter import NotifyAdapter
    except ImportError:
        what, hint = (
            "needs the library apprise, which is not installed",
            "Run: pip install 'sharecore[notify]'",
        )
        raise ConfigurationError([Problem(where=config.path, what=what, hint=hint)]) from None
    return NotifyAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[NotifyConfig]]:
    """Return the kind `notify`, a chat or another service that shows texts to people."""
    yield DestinationType(
        kind="notify",
        summary="A chat that is told of new data: Slack, Discord, Matrix, Teams, ntfy and others",
        config=NotifyConfig.read,
        open=_open,
    )
