"""Find problems that a person has to solve before SkyPortal takes anything."""

from __future__ import annotations

from collections.abc import Iterator

from sharecore import AuthenticationFailed, DeliveryError, Problem
from sharecore_http import Refused, Unclear
from sharecore_skyportal.api import Api
from sharecore_skyportal.config import SkyPortalConfig
from sharecore_skyportal.directory import Directory


def problems(api: Api, directory: Directory, config: SkyPortalConfig) -> list[Problem]:
    """Ask SkyPortal whether the token works and may upload, and for the groups, instruments and filters that
    the settings name.
    """
    directory.forget()
    try:
        hint = "Ask there for a place in the group, or correct the name."
        found = [
            Problem.of_setting(config.path, "GROUPS_THERE", what, hint) for what in directory.wrong_groups()
        ]
        return [*found, *_rights(api, config), *_names(directory, config)]
    except AuthenticationFailed as error:
        return [
            Problem.of_setting(
                config.path, "TOKEN", error.reason, "Copy it again from your profile page there."
            )
        ]
    except DeliveryError as error:
        hint = "Check the address, and that the server can reach it."
        return [Problem.of_setting(config.path, "BASE_URL", error.reason, hint)]


def _rights(api: Api, config: SkyPortalConfig) -> Iterator[Problem]:
    """Upload nothing: SkyPortal looks at the rights of the token before it misses the data."""
    try:
        api.send("PUT", "api/photometry", {})
    except (Refused, Unclear):
        return
    except AuthenticationFailed:
        what = "works, but has no right to upload data"
        yield Problem.of_setting(config.path, "TOKEN", what, "Make a token with the right 'Upload data'.")


def _names(directory: Directory, config: SkyPortalConfig) -> Iterator[Problem]:
    named = dict.fromkeys(config.maps.names.get("instrument", {}).values(), "INSTRUMENT_MAP")
    if config.default_instrument:
        named.setdefault(config.default_instrument, "DEFAULT_INSTRUMENT")
    for name, key in named.items():
        if not directory.has(name):
            what = f"names the instrument {name!r}, which is not there"
            yield Problem.of_setting(
                config.path, key, what, "Have it added there, or correct the name.", fatal=False
            )
    allowed = frozenset[str]().union(*(directory.filters(name) for name in named))
    for bandpass in dict.fromkeys(config.maps.names.get("bandpass", {}).values()):
        if allowed and bandpass not in allowed:
            what = f"names the filter {bandpass!r}, which no instrument of the settings has there"
            hint = f"They have {', '.join(sorted(allowed))}."
            yield Problem.of_setting(config.path, "BANDPASS_MAP", what, hint, fatal=False)
