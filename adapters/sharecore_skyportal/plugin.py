"""The plugin: registers the kind `skyportal`."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore import Adapter, DestinationType, PersonalSetting, hookimpl
from sharecore_skyportal.config import SkyPortalConfig

PERSONAL = {
    "TOKEN": PersonalSetting(
        label="Token",
        help="Make it on your profile page there, with the right to upload data, and copy it.",
        example="00000000-0000-0000-0000-000000000000",
    )
}


def _open(config: SkyPortalConfig) -> Adapter:
    # Imported here: requests and its friends take longer than a start-up should pay for a list of kinds.
    from sharecore_skyportal.adapter import SkyPortalAdapter

    return SkyPortalAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[SkyPortalConfig]]:
    """Return the kind `skyportal`; settings may name several of them."""
    yield DestinationType(
        kind="skyportal",
        summary="SkyPortal, such as Fritz: sources with their photometry, spectra and classifications",
        config=SkyPortalConfig.read,
        open=_open,
        personal=PERSONAL,
    )
