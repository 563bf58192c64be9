"""One destination: an entry of `DATA_SHARING` that can be used."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sharecore.adapter import Adapter
from sharecore.call_thread import LOCAL_SECONDS, Call, Late
from sharecore.canonical import canonical
from sharecore.discovery import PluginInfo
from sharecore.exceptions import ConfigurationError, DeliveryError, PluginError, Problem
from sharecore.filters import Filter
from sharecore.hooks import DestinationType
from sharecore.maps import Maps
from sharecore.personal import PersonalSetting
from sharecore.plugin_errors import contained, describe, log_fault
from sharecore.release import Release
from sharecore.settings import FRAMEWORK_KEYS, ROOT, RULE_KEYS, Section

_REPORT = "Report this to the author of the plugin."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Destination:
    """One usable entry of `DATA_SHARING`."""

    name: str
    """Key of the entry."""
    kind: str
    """Kind of destination, offered by `plugin`."""
    display_name: str
    """Name that people see."""
    user_topics: tuple[str, ...]
    """Topics that people may choose."""
    plugin: PluginInfo
    """Plugin that offers the kind."""
    type: DestinationType[Any] = field(repr=False)
    """Type of destination, from the plugin."""
    config: Any = field(repr=False)
    """Configuration that the plugin read from `settings`."""
    settings: Mapping[str, object] = field(repr=False)
    """The entry as it stands in the settings."""
    rate_limit: float | None = None
    """Largest number of records per second that one worker sends; None for no limit."""
    only: Filter = field(default_factory=Filter)
    """Filter of the data that may go there."""
    groups: tuple[str, ...] = ()
    """Names of the groups whose members may share there; empty for everybody with the right to share."""
    approval: bool = False
    """Whether a person approves each record before it goes there."""
    release: Release = field(default_factory=Release)
    """Moment before which a record does not go there."""
    maps: Maps = field(default_factory=Maps)
    """Names that records have there."""
    personal: Mapping[str, PersonalSetting] = field(default_factory=dict, repr=False)
    """Settings that a person must give before anything is sent, by key: see `for_user`. Empty where the entry
    has all, and after `for_user`.
    """
    person: str = ""
    """Person with whose credentials it is reached; empty for those of the site."""

    def for_user(self, given: Mapping[str, str], *, person: str) -> Destination:
        """Return this destination with the credentials that a person gave.

        Args:
            given: value of each of the settings `personal`, by key.
            person: name or number by which the site knows the person.

        Raises:
            ConfigurationError: the plugin refuses them; the problems name fields of the profile page.
        """
        given = {key: given.get(key, "") for key in self.personal}
        section = Section(self.name, self.settings, root=ROOT)
        section.ask_people(self.personal, given)
        config, _, further = configure(self.plugin, self.type, section)
        if fatal := [each for each in (*section.problems, *further) if each.fatal]:
            raise ConfigurationError(fatal)
        settings = {**self.settings, **given}
        return replace(self, config=config, settings=settings, personal={}, person=person)

    def open(self) -> Adapter:
        """Return a new adapter for this destination. No network.

        Raises:
            PluginError: the plugin failed, or returned something that is no adapter.
            ConfigurationError: the plugin refuses the settings.
            DeliveryError: the plugin reports the destination as unusable now.
        """
        try:
            with contained():
                adapter = self.type.open(self.config)
        except (ConfigurationError, DeliveryError):
            raise
        except Exception as error:
            message = f"{self.plugin.label} cannot open the destination {self.name!r}: {describe(error)}"
            log_fault(logger, message, error)
            raise PluginError(message) from None
        if not isinstance(adapter, Adapter):
            given = type(adapter).__name__
            raise PluginError(f"{self.plugin.label} opened the destination {self.name!r} with a {given}")
        return adapter

    def digest(self, keyed_hash: Callable[[bytes], str]) -> str:
        """Return a fingerprint of the settings that decide how this destination is reached, credentials
        included.

        Does not change with the display name, the topics or the rules.

        Args:
            keyed_hash: hash with a key of the site (HMAC), so that a password cannot be guessed from the
                fingerprint.
        """
        decisive = {key: value for key, value in self.settings.items() if key not in FRAMEWORK_KEYS}
        return keyed_hash(json.dumps([self.kind, canonical(decisive)]).encode())

    def rules(self) -> str:
        """Return a text that changes with the settings that decide what goes there, when, under which names,
        and who may share: the keys `RULE_KEYS`.
        """
        return json.dumps(canonical({key: self.settings[key] for key in RULE_KEYS if key in self.settings}))


def configure(
    owner: PluginInfo, offered: DestinationType[Any], section: Section
) -> tuple[Any, Maps, list[Problem]]:
    """Return the configuration that the plugin reads, the maps that it leaves to the framework, and problems
    not noted in the section.
    """
    plugin, config = owner.label, None
    try:
        config = Call("config", lambda: offered.config(section), seconds=LOCAL_SECONDS).run(section.name)
    except Late as late:
        logger.error("%s: %s %s", section.path, plugin, late)
        return None, Maps(), [Problem(where=section.path, what=f"{plugin} {late}", hint=_REPORT)]
    except ConfigurationError as error:
        further = [problem for problem in error.problems if problem not in section.problems]
        if further:
            # It stopped early with a problem of its own: what it did not read says nothing then.
            return None, Maps(), further
        if not any(problem.fatal for problem in section.problems):
            return (
                None,
                Maps(),
                [Problem(where=section.path, what=f"{plugin} refuses it without a reason", hint=_REPORT)],
            )
    except Exception as error:
        message = f"{plugin} failed to read it: {describe(error)}"
        log_fault(logger, f"{section.path}: {message}", error)
        return None, Maps(), [Problem(where=section.path, what=message, hint=_REPORT)]
    return config, Maps.read(section), section.misspelt()
