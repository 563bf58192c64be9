"""The registry: the plugins of a site, each loaded, checked and called apart from all others.

A plugin that cannot be used never breaks the site: it is noted as `PluginInfo` with the reason, and none of
its hooks runs. Where a site requires it, nothing leaves until it can be used. Delivery is no hook, so no
plugin can silence another one.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Self

import pluggy

from sharecore import hook_calls
from sharecore.call_thread import Late
from sharecore.discovery import BLOCKED_VARIABLE, REQUIRED_SETTING, PluginInfo, PluginState, candidates
from sharecore.exceptions import InvalidRecord, PluginError, Problem
from sharecore.hook_calls import HookCalls, converted, strongest, withheld
from sharecore.hooks import (
    PROJECT,
    ConvertRequest,
    DeliveredReport,
    DestinationType,
    HookSpecs,
    WithholdRequest,
)
from sharecore.outcomes import Withheld
from sharecore.plugin_checks import Refusal, destination_types, hook_functions, notices
from sharecore.plugin_errors import contained, describe, log_fault
from sharecore.records import Record
from sharecore.texts import one_line

logger = logging.getLogger(__name__)


class Registry:
    """The plugins of a site and the kinds of destination that they offer.

    Args:
        required: names of plugins without which nothing may leave, such as one that withholds.
        finish: function called at the end of each thread in which a plugin was called.
    """

    def __init__(
        self, *, required: Collection[str] = (), finish: Callable[[], object] = lambda: None
    ) -> None:
        self._hooks = HookCalls(finish)
        self._required = tuple(dict.fromkeys(required))
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(HookSpecs)
        self._plugins: list[PluginInfo] = []
        self._active: dict[str, PluginInfo] = {}
        self._types: dict[str, DestinationType[Any]] = {}
        self._owners: dict[str, PluginInfo] = {}

    @classmethod
    def load(
        cls,
        entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
        *,
        blocked: Collection[str] = (),
        required: Collection[str] = (),
        finish: Callable[[], object] = lambda: None,
    ) -> Self:
        """Load every installed plugin whose name is not blocked. Never raises because of a plugin.

        Where two plugins claim one kind, ours keeps it, then the one whose distribution comes first by name;
        the other is switched off as a whole, since half a plugin would surprise more.
        """
        registry = cls(required=required, finish=finish)
        for info, entry_point in candidates(entry_points):
            if info.name in blocked:
                why = "blocked by the settings of this site"
                registry._plugins.append(replace(info, state=PluginState.BLOCKED, reason=why))
                continue
            try:
                plugin = registry._hooks.once(
                    info, "import", entry_point.load, seconds=hook_calls.IMPORT_SECONDS
                )
            except Late as late:
                registry._fail(info, str(late))
            except Exception as error:
                # The text of these is written by Python and says what to install or to correct.
                spoken = isinstance(error, ImportError | SyntaxError | AttributeError)
                what = f"{type(error).__name__}: {error}" if spoken else describe(error)
                registry._fail(info, f"cannot be imported: {what}", error)
            else:
                registry._enrol(plugin, info)
        return registry

    def register(self, plugin: object, *, name: str, distribution: str = "", version: str = "") -> PluginInfo:
        """Add a plugin given directly: a module or another object with hook functions."""
        return self._enrol(plugin, PluginInfo(name=name, distribution=distribution, version=version))

    def __contains__(self, plugin: object) -> bool:
        """Return whether a module or object is a plugin whose hooks run."""
        return bool(self._manager.is_registered(plugin))

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Return every plugin found; failed and blocked ones included."""
        return tuple(self._plugins)

    @property
    def destination_types(self) -> Mapping[str, DestinationType[Any]]:
        """Return the kinds of destination that active plugins offer."""
        return MappingProxyType(self._types)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems of plugins; only those of required plugins that are not active are fatal."""
        failed = tuple(
            Problem(
                where=info.label,
                what=info.reason,
                hint=f"Update or uninstall it, or block it by name ({BLOCKED_VARIABLE}). Until then none of "
                f"its hooks runs: if it is there to withhold data, name it in {REQUIRED_SETTING}.",
                fatal=False,
            )
            for info in self._plugins
            if info.state is PluginState.FAILED and info.name not in self._required
        )
        deprecated = tuple(
            Problem(
                where=info.label,
                what=" ".join(info.deprecated),
                hint="Update it, or ask its authors to.",
                fatal=False,
            )
            for info in self._active.values()
            if info.deprecated
        )
        return (*self.missing, *failed, *deprecated)

    @property
    def missing(self) -> tuple[Problem, ...]:
        """Return a problem for each required plugin that is not active. While there is one, nothing may
        leave.
        """
        active = {info.name for info in self._active.values()}
        reasons = {info.name: f"is {info.state}: {info.reason}" for info in self._plugins}
        return tuple(
            Problem(
                where=f"required plugin {name!r}",
                what=reasons.get(name, "is not installed"),
                hint=f"Install or repair it, or remove it from {REQUIRED_SETTING}. "
                "Until then nothing is sent to any destination.",
            )
            for name in self._required
            if name not in active
        )

    def owner(self, kind: str) -> PluginInfo:
        """Return the plugin that offers a kind of destination. Raises KeyError."""
        return self._owners[kind]

    def withhold(self, requests: Sequence[WithholdRequest]) -> list[Withheld | PluginError | None]:
        """Return, for each request, the reason why its record stays at home, or None if it may leave.

        The reason is the first without an end that a plugin gives, else the one that ends last, also when
        another plugin failed. Where no plugin gave a reason but one failed, or is required and not active,
        the answer is a `PluginError`, and the record must not leave.

        Args:
            requests: requests for one address.
        """
        if self.missing:
            why = "; ".join(f"{each.where} {each.what}" for each in self.missing)
            return [PluginError(why)] * len(requests)
        said: list[Withheld | PluginError | None] = [None] * len(requests)
        for info, function in self._implementations("sharecore_withhold"):
            answers = self._hooks.answers(info, "sharecore_withhold", function, requests)
            said = [
                strongest(before, withheld(info, answer))
                for before, answer in zip(said, answers, strict=True)
            ]
        return said

    def convert(self, requests: Sequence[ConvertRequest]) -> list[Record | InvalidRecord | PluginError]:
        """Return, for each request, the record as its address should see it.

        Each plugin gets the record that the one before returned. The answer is an `InvalidRecord` when a
        plugin found that the record cannot be expressed, and a `PluginError` when one failed, or returned
        something else than a record of the same type and key.

        Args:
            requests: requests for one address.
        """
        made: list[Record | InvalidRecord | PluginError] = [request.record for request in requests]
        for info, function in self._implementations("sharecore_convert"):
            left = {
                number: request if request.record is record else replace(request, record=record)
                for number, (request, record) in enumerate(zip(requests, made, strict=True))
                if isinstance(record, Record)
            }
            answers = self._hooks.answers(info, "sharecore_convert", function, list(left.values()))
            for (number, request), answer in zip(left.items(), answers, strict=True):
                made[number] = converted(info, request.record, answer)
        return made

    def observe(self, report: DeliveredReport) -> None:
        """Report the results of a batch to every plugin. A failure is logged and changes nothing."""
        for info, function in self._implementations("sharecore_delivered"):
            self._hooks.answers(info, "sharecore_delivered", function, [report])

    def _implementations(self, hook: str) -> Iterator[tuple[PluginInfo, pluggy.HookImpl]]:
        """Yield the implementations in pluggy's order of calling: `tryfirst`, then the last registered first,
        then `trylast`.
        """
        for function in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            yield self._active[function.plugin_name], function

    def _enrol(self, plugin: object, info: PluginInfo) -> PluginInfo:
        key = info.label
        kinds: dict[str, str] = {}
        try:
            if self._manager.has_plugin(key) or self._manager.is_registered(plugin):
                raise Refusal("is registered already")
            try:
                with contained(), notices() as deprecated:
                    functions = hook_functions(self._manager, plugin, key)
                types = self._hooks.once(
                    info,
                    "sharecore_destinations",
                    lambda: destination_types(functions),
                    seconds=hook_calls.HOOK_SECONDS,
                )
                kinds = {kind: each.summary for kind, each in types.items()}
                self._refuse_taken(kinds, info)
            except BaseException:
                self._manager.unregister(name=key)
                raise
        except (Refusal, Late, pluggy.PluginValidationError) as error:
            return self._fail(replace(info, kinds=kinds), " ".join(str(error).split()))
        except Exception as error:
            return self._fail(info, f"failed when it was registered: {describe(error)}", error)
        info = replace(info, kinds=MappingProxyType(kinds), deprecated=tuple(deprecated))
        self._plugins.append(info)
        self._active[key] = info
        self._types.update(types)
        self._owners.update(dict.fromkeys(kinds, info))
        return info

    def _refuse_taken(self, kinds: Iterable[str], info: PluginInfo) -> None:
        for kind in kinds:
            if kind in self._owners:
                raise Refusal(
                    f"kind {kind!r} is claimed by {info.label} and by {self._owners[kind].label}, "
                    "which keeps it; the other is switched off"
                )

    def _fail(self, info: PluginInfo, reason: str, error: BaseException | None = None) -> PluginInfo:
        info = replace(info, state=PluginState.FAILED, reason=one_line(reason))
        self._plugins.append(info)
        if error is None:
            logger.error("%s is not used: %s", info.label, info.reason)
        else:
            log_fault(logger, f"{info.label} is not used: {info.reason}", error)
        return info
