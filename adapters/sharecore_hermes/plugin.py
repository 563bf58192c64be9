"""The plugin: registers the kind `hermes`."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore.adapter import Adapter
from sharecore.hooks import DestinationType, hookimpl
from sharecore.personal import PersonalSetting
from sharecore_hermes.config import HermesConfig, inherit, read_config

PERSONAL = {
    "HERMES_API_KEY": PersonalSetting(
        label="API token of HERMES",
        help="Copy it from your profile page at HERMES.",
        example="0" * 40,
        profile="tom_hermes.HermesProfile.hermes_api_key",
    )
}


def open_adapter(config: HermesConfig) -> Adapter:
    """Make the adapter; astropy, requests and the converter of the site are imported here, not before."""
    from sharecore_hermes.adapter import HermesAdapter

    return HermesAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[HermesConfig]]:
    """Return the kind `hermes`; settings may name it several times."""
    yield DestinationType(
        kind="hermes",
        summary="HERMES: publishes messages on topics of the SCiMMA broker",
        config=read_config,
        open=open_adapter,
        inherit=inherit,
        personal=PERSONAL,
    )
