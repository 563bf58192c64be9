"""Discovery: find the installed plugins, before any of their code runs."""

from __future__ import annotations

import importlib.metadata
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sharecore.plugin_errors import log_fault

ENTRY_POINT_GROUP = "sharecore"
BUILT_IN_DISTRIBUTION = "sharecore"
BLOCKED_VARIABLE = "SHARECORE_BLOCKED_PLUGINS"
REQUIRED_SETTING = "SHARECORE_REQUIRED_PLUGINS"

logger = logging.getLogger(__name__)


class PluginState(StrEnum):
    """The state of a plugin."""

    ACTIVE = "active"
    """The hooks of the plugin run."""
    FAILED = "failed"
    """The plugin cannot be used."""
    BLOCKED = "blocked"
    """The site blocks the plugin; it is not imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One plugin and its state."""

    name: str
    """Name of the entry point."""
    distribution: str = ""
    """Installed package that contains the plugin; empty for a plugin that the site gave directly."""
    version: str = ""
    """Version of that package."""
    state: PluginState = PluginState.ACTIVE
    """Whether the hooks of the plugin run."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Summary of each kind of destination that the plugin offers."""
    reason: str = ""
    """Reason why the plugin is not active; empty for an active one."""
    deprecated: tuple[str, ...] = ()
    """Notices of hooks used by the plugin that a later sharecore will not have."""

    @property
    def label(self) -> str:
        """Return the plugin with its distribution, as messages name it."""
        return f"plugin {self.name!r} ({f'{self.distribution} {self.version}'.strip() or 'of this site'})"


def candidates(
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
) -> list[tuple[PluginInfo, importlib.metadata.EntryPoint]]:
    """Return the plugins to load, in the order in which they may claim a kind: ours, then by name of
    distribution.

    Args:
        entry_points: entry points to look at; None for all that are installed.
    """
    found = [(_describe(each), each) for each in (_installed() if entry_points is None else entry_points)]
    return sorted(found, key=lambda each: (each[0].distribution != BUILT_IN_DISTRIBUTION, _order(each[0])))


def blocked_plugins(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the names of plugins that the environment variable SHARECORE_BLOCKED_PLUGINS lists, separated by
    commas.
    """
    return frozenset(filter(None, map(str.strip, environment.get(BLOCKED_VARIABLE, "").split(","))))


def _order(info: PluginInfo) -> tuple[str, str]:
    return info.distribution.lower().replace("_", "-"), info.name


def _describe(entry_point: importlib.metadata.EntryPoint) -> PluginInfo:
    dist = entry_point.dist
    if dist is None:
        return PluginInfo(name=entry_point.name)
    try:
        return PluginInfo(name=entry_point.name, distribution=dist.name or "", version=dist.version or "")
    except Exception:
        return PluginInfo(name=entry_point.name, distribution="unreadable distribution")


def _installed() -> Iterable[importlib.metadata.EntryPoint]:
    try:
        return importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    except Exception as error:
        # One distribution with a malformed file must not take all others away.
        log_fault(logger, "the entry points of an installed distribution cannot be read", error)
        return list(_readable())


def _readable() -> Iterator[importlib.metadata.EntryPoint]:
    for distribution in importlib.metadata.distributions():
        try:
            yield from distribution.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception as error:
            log_fault(logger, "skipped a distribution whose entry points cannot be read", error)
