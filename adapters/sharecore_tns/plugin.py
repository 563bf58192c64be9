"""The plugin: registers the kind `tns`."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore import Adapter, DestinationType, PersonalSetting, hookimpl
from sharecore_tns.config import TnsConfig
from sharecore_tns.inherited import inherit

PERSONAL = {
    "BOT_ID": PersonalSetting(
        label="Number of the bot",
        help="Define a bot at https://www.wis-tns.org/bots.",
        example="1",
        secret=False,
    ),
    "BOT_NAME": PersonalSetting(label="Name of the bot", example="example", secret=False),
    "API_KEY": PersonalSetting(label="Key of the bot", help="Copy it from TNS.", example="0" * 40),
}


def _open(config: TnsConfig) -> Adapter:
    # Imported here: requests and its friends take longer than a start-up should pay for a list of kinds.
    from sharecore_tns.adapter import TnsAdapter

    return TnsAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[TnsConfig]]:
    """Return the kind `tns`; settings may name several of them, such as the sandbox beside the live one."""
    yield DestinationType(
        kind="tns",
        summary="Transient Name Server: AT reports and classifications, made on the page of a target",
        config=TnsConfig.read,
        open=_open,
        inherit=inherit,
        permanent=True,
        personal=PERSONAL,
    )
