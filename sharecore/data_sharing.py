"""The destinations of a site: `DATA_SHARING`, read and checked as a whole.

The problems of all destinations are collected, so that a person can correct them at once; a bad destination
never takes the others away.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Self

from sharecore.addresses import DIVIDER, Address, beginning
from sharecore.call_thread import LOCAL_SECONDS, Call, Late
from sharecore.destination import Destination, configure
from sharecore.discovery import PluginState
from sharecore.exceptions import ConfigurationError, Problem
from sharecore.filters import Filter
from sharecore.hooks import DestinationType, ReadSetting
from sharecore.personal import PersonalSetting
from sharecore.plugin_errors import describe, log_fault
from sharecore.registry import Registry
from sharecore.release import Release
from sharecore.settings import ROOT, Section

SLOWEST, FASTEST = 0.001, 1e6  # records per second
MAX_ADDRESS = 200
"""Length of `PersistentShare.destination`, in characters, measured on tomtoolkit 3.1.0."""

Choice = tuple[str, str | tuple[tuple[str, str], ...]]

logger = logging.getLogger(__name__)


class Destinations(Mapping[str, Destination]):
    """The usable destinations of a site by name, in the order of the settings, and all problems found.

    Args:
        usable: destinations that can be used, by name.
        broken: fatal problems of each destination that cannot be used, by name.
        problems: all problems of all destinations.
    """

    def __init__(
        self,
        usable: Mapping[str, Destination],
        broken: Mapping[str, tuple[Problem, ...]],
        problems: Iterable[Problem],
    ) -> None:
        self._usable = dict(usable)
        self.broken = dict(broken)
        self.problems = tuple(problems)

    @classmethod
    def parse(cls, settings: object, registry: Registry) -> Self:
        """Read `DATA_SHARING`: a mapping of names to mappings; None counts as empty. Never raises."""
        if settings is None:
            settings = {}
        if not isinstance(settings, Mapping):
            what = f"must be a dictionary, got {type(settings).__name__}"
            hint = "Write it like {'name of the destination': {'BASE_URL': ...}}."
            return cls({}, {}, [Problem(where=ROOT, what=what, hint=hint)])
        usable: dict[str, Destination] = {}
        broken: dict[str, tuple[Problem, ...]] = {}
        problems: list[Problem] = []
        for name, values in settings.items():
            destination, found = _read(name, values, registry)
            problems += found
            fatal = tuple(problem for problem in found if problem.fatal)
            if destination is not None and not fatal:
                usable[name] = destination
            elif isinstance(name, str):
                broken[name] = fatal
        return cls(usable, broken, problems)

    @classmethod
    def of_site(cls, read: ReadSetting, registry: Registry) -> Self:
        """Return the destinations in `DATA_SHARING`, and those that plugins find in older settings. Never
        raises.

        Args:
            read: return a setting of the site by name, None for one that is not there.
            registry: plugins of the site.
        """
        own = read(ROOT)
        if own is not None and not isinstance(own, Mapping):
            return cls.parse(own, registry)
        entries: dict[object, object] = {}
        for kind, each in registry.destination_types.items():
            owner = registry.owner(kind).label
            ask = partial(_inherited, each, read)
            try:
                entries.update(Call("inherit", ask, seconds=LOCAL_SECONDS).run(kind))
            except Late as late:
                logger.error("%s %s", owner, late)
            except Exception as error:
                log_fault(logger, f"{owner} failed to read older settings: {describe(error)}", error)
        return cls.parse(entries | dict(own or {}), registry)

    def __getitem__(self, name: str) -> Destination:
        return self._usable[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._usable)

    def __len__(self) -> int:
        return len(self._usable)

    def resolve(self, text: str) -> tuple[Address, Destination]:
        """Return the address and destination that `name` or `name:topic` means.

        Raises `ConfigurationError` for a destination that does not exist or cannot be used.
        """
        address = Address.parse(text)
        if address.name in self._usable:
            return address, self._usable[address.name]
        for name in (text, address.name):  # the first is one with a colon in its name
            if name in self.broken:
                raise ConfigurationError(self.broken[name])
        there = ", ".join(map(repr, self._usable)) or "none"
        what = f"has no destination {address.name!r} (usable are: {there})"
        hint = "Add it again, or remove the shares that use it."
        raise ConfigurationError([Problem(where=ROOT, what=what, hint=hint)])

    def choices(self) -> list[Choice]:
        """Return choices of a form field: (name, label), or (label, ((address, topic), ...)) for a
        destination with topics.

        The form of `get_sharing_destination_options` in tomtoolkit 3.1.0.
        """
        return [
            (each.display_name, tuple((str(Address(each.name, topic)), topic) for topic in each.user_topics))
            if each.user_topics
            else (each.name, each.display_name)
            for each in self._usable.values()
        ]


def infer_kind(name: str, settings: Mapping[str, object]) -> str:
    """Return the kind of a destination that names no adapter, as written before sharecore."""
    return "hermes" if name.lower() == "hermes" or "HERMES_API_KEY" in settings else "tom"


def _inherited(kind: DestinationType[Any], read: ReadSetting) -> dict[str, Mapping[str, object]]:
    return dict(kind.inherit(read))


def _read(name: object, values: object, registry: Registry) -> tuple[Destination | None, list[Problem]]:
    path = f"{ROOT}[{name!r}]"
    if not isinstance(name, str) or not name.strip():
        return None, [
            Problem(where=path, what="has no name", hint="Destination names must be non-empty strings.")
        ]
    if not isinstance(values, Mapping):
        what = f"must be a dictionary, got {type(values).__name__}"
        return None, [Problem(where=path, what=what, hint="Write it like {'BASE_URL': ...}.")]
    section = Section(name, values, root=ROOT)
    topics = _topics(section)
    if DIVIDER in name:
        what, hint = "has a colon in its name", "Rename it: a colon divides a destination and its topic."
        section.problems.append(Problem(where=path, what=what, hint=hint))
    if len(name) > MAX_ADDRESS:
        what = f"has a name of {len(name)} characters"
        section.problems.append(Problem(where=path, what=what, hint=f"Use at most {MAX_ADDRESS}."))
    kind = section.text("ADAPTER") or infer_kind(name, values)
    if kind not in registry.destination_types:
        if not any(problem.where.endswith("['ADAPTER']") for problem in section.problems):
            what, hint = _unknown(kind, registry)
            section.problem("ADAPTER", what, hint)
        return None, section.problems
    limit = "RATE_LIMIT" in section
    rate_limit = section.number("RATE_LIMIT", 1.0, minimum=SLOWEST, maximum=FASTEST) if limit else None
    only, groups, release = _only(section), _groups(section, values), Release.read(section)
    plugin, offered = registry.owner(kind), registry.destination_types[kind]
    approval = section.flag("APPROVAL", offered.permanent)
    personal = _personal(section, offered)
    config, maps, further = configure(plugin, offered, section)
    destination = Destination(
        name=name,
        kind=kind,
        display_name=str(section.raw("DISPLAY_NAME", "")).strip() or name,
        user_topics=topics,
        plugin=plugin,
        type=offered,
        config=config,
        settings=dict(values),
        rate_limit=rate_limit,
        only=only,
        groups=groups,
        approval=approval,
        release=release,
        maps=maps,
        personal=personal,
    )
    return destination, section.problems + further


def _topics(section: Section) -> tuple[str, ...]:
    topics = tuple(dict.fromkeys(section.texts("USER_TOPICS")))
    for topic in topics:
        address = Address(section.name, topic)
        if not topic.strip():
            section.problem("USER_TOPICS", "has an empty topic", "Remove it.")
        elif len(str(address)) > MAX_ADDRESS:
            room = max(MAX_ADDRESS - len(beginning(section.name)), 0)
            section.problem("USER_TOPICS", f"has a topic of {len(topic)} characters", f"Use at most {room}.")
    return topics


def _only(section: Section) -> Filter:
    try:
        return Filter.from_json(section.raw("ONLY"), where=f"{section.path}['ONLY']")
    except ConfigurationError as error:
        section.problems += error.problems
        return Filter()


def _groups(section: Section, values: Mapping[str, object]) -> tuple[str, ...]:
    groups = tuple(name.strip() for name in section.texts("GROUPS"))
    given = values.get("GROUPS", ...)
    if given is None:
        hint = "Write it like ['Observers'], or remove it to let everybody share there."
        section.problem("GROUPS", "must be a list of names of groups, got None", hint)
    elif given in ([], ()):
        section.problem("GROUPS", "is an empty list, so that nobody could share there", "Remove it.")
    if "" in groups:
        section.problem("GROUPS", "has a blank name", "Remove it, or write the name of a group.")
    return tuple(dict.fromkeys(groups))


def _personal(section: Section, offered: DestinationType[Any]) -> Mapping[str, PersonalSetting]:
    """Return the settings that people give; then the entry is read with the examples of these."""
    whose = section.raw("CREDENTIALS", "site")
    if whose == "site":
        return {}
    if whose != "user":
        # Not shown: other software may keep a credential under this name.
        hint = "'user' lets each person share with their own, from the profile page; 'site' is for all."
        section.problem("CREDENTIALS", "must be 'site' or 'user'", hint)
        return {}
    if not offered.personal:
        what = f"is 'user', and the adapter {offered.kind!r} knows no credentials of single people"
        section.problem("CREDENTIALS", what, "Remove it.")
        return {}
    for key in dict.fromkeys(key for name, each in offered.personal.items() for key in (name, *each.also)):
        if key in section:
            what = "must not be here beside 'CREDENTIALS': 'user': nobody could say whose it is"
            section.problem(key, what, "Remove it; each person gives it on the profile page.")
    section.ask_people(offered.personal)
    return offered.personal


def _unknown(kind: str, registry: Registry) -> tuple[str, str]:
    known = ", ".join(map(repr, sorted(registry.destination_types))) or "none"
    what = f"asks for the adapter {kind!r}, which no plugin provides (there are: {known})"
    lost = [info for info in registry.plugins if info.state is not PluginState.ACTIVE]
    # A plugin that was never imported could not say its kinds; its name is then the best hint.
    to_blame = [info for info in lost if kind in info.kinds or info.name == kind] or lost
    if not to_blame:
        return what, "Correct its spelling, or install the plugin that provides it."
    reasons = "; ".join(f"{info.label} is {info.state}: {info.reason}" for info in to_blame)
    return f"{what}; {reasons}", "Correct its spelling, or repair that plugin."
