"""Find problems that a person has to solve before TNS takes a report."""

from __future__ import annotations

from collections.abc import Iterator

from sharecore import AuthenticationFailed, DeliveryError, Problem
from sharecore_tns.api import Api
from sharecore_tns.config import TnsConfig
from sharecore_tns.options import Options

_KNOWN = "2011fe"
"""An object that TNS has: to ask for it tests key and marker."""


def problems(api: Api, options: Options, config: TnsConfig) -> list[Problem]:
    """Ask TNS whether it knows the bot, and the groups, filters and instruments of the settings."""
    try:
        api.search(objname=_KNOWN)
        options.forget()
        options.refresh()
        return list(_names(options, config))
    except AuthenticationFailed as error:
        hint = "A bot is defined on the live TNS; the sandbox knows it from the next Sunday on."
        return [Problem.of_setting(config.path, "API_KEY", error.reason, hint)]
    except DeliveryError as error:
        return [
            Problem.of_setting(
                config.path, "BASE_URL", error.reason, "Check the address, and that the server can reach it."
            )
        ]


def _names(options: Options, config: TnsConfig) -> Iterator[Problem]:
    hint = "Copy its name from TNS."
    groups = dict.fromkeys(config.group_names, "GROUP_NAMES")
    if config.data_source_group:
        groups.setdefault(config.data_source_group, "DATA_SOURCE_GROUP")
    for name, key in groups.items():
        if options.number("groups", name) is None:
            yield Problem.of_setting(config.path, key, f"names the group {name!r}, which is not there", hint)
    if options.number("at_types", config.at_type) is None:
        yield Problem.of_setting(
            config.path, "AT_TYPE", f"names the type {config.at_type!r}, which is not there", hint
        )
    named = {("instruments", each): "INSTRUMENT_MAP" for each in _mapped(config, "instrument")}
    named |= {("filters", each): "BANDPASS_MAP" for each in _mapped(config, "bandpass")}
    if config.default_instrument:
        named.setdefault(("instruments", config.default_instrument), "DEFAULT_INSTRUMENT")
    for (what, name), key in named.items():
        if options.number(what, name) is None:
            told = f"names {name!r}, which is none of the {what} there"
            yield Problem.of_setting(config.path, key, told, hint, fatal=False)


def _mapped(config: TnsConfig, field: str) -> set[str]:
    return set(config.maps.names.get(field, {}).values())
