"""The plugin: registers the kind `webhook`."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore import Adapter, DestinationType, hookimpl
from sharecore_webhook.config import WebhookConfig


def _open(config: WebhookConfig) -> Adapter:
    # Imported here: requests and its friends take longer than a start-up should pay for a list of kinds.
    from sharecore_webhook.adapter import WebhookAdapter

    return WebhookAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[WebhookConfig]]:
    """Return the kind `webhook`, a web address."""
    yield DestinationType(
        kind="webhook",
        summary="A web address that is told each new datum (Standard Webhooks)",
        config=WebhookConfig.read,
        open=_open,
    )
