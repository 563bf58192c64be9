"""Discovery: which plugins are installed, before any of their code runs."""

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
    """ACTIVE: its hooks run. FAILED: it cannot be used. BLOCKED: the site does not want it; not imported."""

    ACTIVE = "active"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One plugin and what became of it.

    name: that of its entry point. state: whether its hooks run.
    kinds: each kind of destination that it offers, with its summary. distribution, version: the installed
    package that brings it; empty for a plugin that the site gave directly. reason: why it is not active.
    deprecated: what it uses that a later sharecore will not have.
    """

    name: str
    distribution: str = ""
    version: str = ""
    state: PluginState = PluginState.ACTIVE
    kinds: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    deprecated: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The plugin with its distribution, as messages name it."""
        return f"plugin {self.name!r} ({f'{self.distribution} {self.version}'.strip() or 'of this site'})"


def candidates(
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
) -> list[tuple[PluginInfo, importlib.metadata.EntryPoint]]:
    """The plugins to load, in the order in which they may claim a kind: ours, then by name of distribution.

    entry_points: those to look at; None: all that are installed.
    """
    found = [(_describe(each), each) for each in (_installed() if entry_points is None else entry_points)]
    return sorted(found, key=lambda each: (each[0].distribution != BUILT_IN_DISTRIBUTION, _order(each[0])))


def blocked_plugins(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The names of plugins that the environment blocks: SHARECORE_BLOCKED_PLUGINS, divided by commas."""
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
