"""The plugin: what the entry point in the group `sharecore` names."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore.adapter import Adapter
from sharecore.hooks import DestinationType, hookimpl
from sharecore_hermes.config import HermesConfig, inherit, read_config


def open_adapter(config: HermesConfig) -> Adapter:
    """Make the adapter; astropy, requests and the site's own converter are imported here, not before."""
    from sharecore_hermes.adapter import HermesAdapter

    return HermesAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[HermesConfig]]:
    """HERMES, as often as the settings name one."""
    yield DestinationType(
        kind="hermes",
        summary="HERMES: publishes messages on topics of the SCiMMA broker",
        config=read_config,
        open=open_adapter,
        inherit=inherit,
    )
