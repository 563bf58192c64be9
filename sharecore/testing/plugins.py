"""Install plugins for one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sharecore.registry import Registry


@contextmanager
def installed(*plugins: object) -> Iterator[None]:
    """Act as if distributions with these plugins (modules or objects with hook functions) were installed.

    A plugin that is installed with pip as well is there once. A site reads its plugins once, so enter this
    before the settings of the test are overridden::

        with installed(MemoryPlugin()), override_settings(DATA_SHARING={"x": {"ADAPTER": "memory"}}):
            ...
    """
    load = Registry.load

    def load_with_ours(*args: Any, **kwargs: Any) -> Registry:
        registry = load(*args, **kwargs)
        for number, plugin in enumerate(plugins):
            if plugin not in registry:
                name = getattr(plugin, "__name__", type(plugin).__name__)
                registry.register(plugin, name=f"{name}-{number}", distribution="test")
        return registry

    with mock.patch.object(Registry, "load", load_with_ours):
        yield
