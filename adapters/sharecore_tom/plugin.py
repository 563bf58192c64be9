"""The plugin: registers the kind `tom`."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore.adapter import Adapter
from sharecore.hooks import DestinationType, hookimpl
from sharecore.personal import PersonalSetting
from sharecore_tom.config import TomConfig

PERSONAL = {
    "API_KEY": PersonalSetting(
        label="API token",
        help="Copy it from your profile page at the other TOM.",
        example="0" * 40,
        also=("TOKEN", "API_TOKEN", "USERNAME", "PASSWORD"),
    )
}


def _open(config: TomConfig) -> Adapter:
    # Imported here: requests and its friends take longer than a start-up should pay for a list of kinds.
    from sharecore_tom.adapter import TomAdapter

    return TomAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[TomConfig]]:
    """Return the kind `tom`, another TOM."""
    yield DestinationType(
        kind="tom",
        summary="Another TOM (tomtoolkit 3.x or 2.x)",
        config=TomConfig.read,
        open=_open,
        personal=PERSONAL,
    )
