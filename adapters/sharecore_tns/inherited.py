"""Read the settings of tom_tns and of the TNS search of tomtoolkit, so that they work unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_HERE = (
    ("BOT_ID", ("bot_id",)),
    ("BOT_NAME", ("bot_name",)),
    ("API_KEY", ("api_key",)),
    ("LIVE", ("live",)),
    ("GROUP_NAMES", ("group_names", "group_name", "tns_group_names")),
    ("REPORTER", ("default_authors",)),
    ("INTERNAL_NAME_FORMAT", ("internal_name_format",)),
    ("BANDPASS_MAP", ("filter_mapping",)),
    ("INSTRUMENT_MAP", ("instrument_mapping",)),
)
"""Settings of this adapter, with their names in the settings of tom_tns 0.5.0, in small letters."""
_BOT = ("BOT_ID", "BOT_NAME", "API_KEY")


def inherit(read: Callable[[str], object]) -> dict[str, dict[str, object]]:
    """Return the destination that a site with tom_tns has configured already.

    Its bot is in `DATA_SERVICES['TNS']`, or `BROKERS['TNS']` of older versions; maps, groups and authors are
    there or in `DATA_SHARING['hermes']`. Its address is not taken over: a site that searches the live TNS has
    not yet said that it wants to report there; `'LIVE': True` beside the bot says so.
    """
    services, brokers = (_part(read(name), "TNS") for name in ("DATA_SERVICES", "BROKERS"))
    hermes = _part(read("DATA_SHARING"), "hermes")
    bot = services if services.get("api_key") else brokers
    entry: dict[str, object] = {}
    for ours, theirs in _HERE:
        # The key, the authors and whatever else HERMES has beside the maps belong to HERMES.
        places = [bot] if ours in (*_BOT, "LIVE") else [services, brokers, hermes]
        found = next((place[name] for place in places for name in theirs if place.get(name)), None)
        if found is not None:
            entry[ours] = found
    if not all(entry.get(name) for name in _BOT):
        return {}
    groups = entry.get("GROUP_NAMES")
    if isinstance(groups, str):
        entry["GROUP_NAMES"] = [groups]
    for name in ("REPORTER",):
        if isinstance(entry.get(name), str):
            # A text of tom_tns is no template.
            entry[name] = str(entry[name]).replace("{", "{{").replace("}", "}}")
    return {"tns": {"ADAPTER": "tns", "DISPLAY_NAME": "TNS", **entry}}


def _part(setting: Any, name: str) -> dict[str, Any]:
    """Return a part of a setting by its names in small letters; empty for one that is not there."""
    part = setting.get(name) if isinstance(setting, Mapping) else None
    return {str(key).lower(): value for key, value in part.items()} if isinstance(part, Mapping) else {}
