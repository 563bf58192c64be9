"""This TOM as a site: its plugins, destinations and identity, each found once in a process."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache

from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections, router
from django.utils.crypto import salted_hmac

from sharecore import secrets
from sharecore.adapter import Site
from sharecore.addresses import Address
from sharecore.call_thread import here
from sharecore.destinations import Destination, Destinations
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.guard import Guarded
from sharecore.registry import Registry
from tom_integration import conf
from tom_integration.models import Delivery, Origin

logger = logging.getLogger(__name__)


@cache
def registry() -> Registry:
    """The plugins that are installed beside this TOM."""
    # A thread has database connections of its own, if a plugin uses them.
    return Registry.load(
        blocked=conf.settings().blocked_plugins,
        required=conf.settings().required_plugins,
        finish=connections.close_all,
    )


def call_threads() -> AbstractContextManager[None]:
    """Inside, plugins are called in threads of their own, except in a transaction, which others do not see.

    Only tests have one open there, beside that of each request (`ATOMIC_REQUESTS`), which does not count.
    """
    connection = connections[router.db_for_write(Delivery)]
    in_a_test = connection.in_atomic_block and not connection.settings_dict["ATOMIC_REQUESTS"]
    return here() if in_a_test else nullcontext()


def halted() -> str:
    """Why nothing is sent to anybody, for people; empty when all is well."""
    if conf.settings().paused:
        return f"All sharing of this TOM is paused ({conf.PAUSED_VARIABLE})."
    return " ".join(f"Nothing is sent: {problem}" for problem in registry().missing)


@cache
def destinations() -> Destinations:
    """The entries of `DATA_SHARING`."""
    return Destinations.of_site(lambda name: getattr(settings, name, None), registry())


@cache
def origin() -> str:
    """The UUID of this TOM. `migrate` makes it; a database without one gets it here."""
    row = Origin.objects.order_by("pk").first() or Origin.objects.create()
    return str(row.uuid)


def label(text: str) -> str:
    """What people see of an address: `Partner TOM`, `HERMES hermes.test`; else the address itself."""
    address = Address.parse(text)
    name = display_name(address.name)
    return text if name == address.name else f"{name} {address.topic}".strip()


def display_name(name: str) -> str:
    """What people see of a destination: as its settings say, even where these cannot be used otherwise."""
    if name in destinations():
        return destinations()[name].display_name
    entries = getattr(settings, "DATA_SHARING", None)
    entry = entries.get(name) if isinstance(entries, Mapping) else None
    given = entry.get("DISPLAY_NAME") if isinstance(entry, Mapping) else None
    return given.strip() or name if isinstance(given, str) else name


def this_site() -> Site:
    """This TOM as destinations see it."""
    return Site(origin=origin(), name=conf.tom_name())


def credentials_digest(destination: Destination) -> str:
    """Changes when the settings of a destination change; tells nothing of them."""
    return destination.digest(
        lambda content: salted_hmac("sharecore.credentials", content, algorithm="sha256").hexdigest()
    )


def rules_digest(destination: Destination) -> str:
    """Changes when settings or plugins change, that is when what was withheld may be looked at again."""
    plugins = sorted(f"{each.label} {each.state}" for each in registry().plugins)
    content = "\n".join([credentials_digest(destination), *plugins])
    return hashlib.sha256(content.encode()).hexdigest()


class Adapters(threading.local):
    """The open adapters of one thread: an adapter is used by one thread at a time."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, Guarded]] = {}

    def get(self, destination: Destination) -> Guarded:
        """The adapter of a destination; a new one when its settings have changed, or one call did not end."""
        digest = credentials_digest(destination)
        known = self._open.get(destination.name)
        if known is not None and known[0] == digest and not known[1].lost:
            return known[1]
        self.close(destination.name)
        # A thread has database connections of its own, if the adapter or the storage of a file uses them.
        adapter = Guarded(
            destination, destination.open, seconds=conf.settings().call_seconds, finish=connections.close_all
        )
        self._open[destination.name] = (digest, adapter)
        return adapter

    def close(self, *names: str) -> None:
        """Close the adapters of these destinations; all of them when none is named."""
        for name in names or tuple(self._open):
            known = self._open.pop(name, None)
            if known is not None:
                with suppress(ConfigurationError, DeliveryError):  # logged
                    known[1].close()


adapters = Adapters()


def takes_files(address: str) -> bool:
    """Does what is behind this address take files? No where it cannot be used at all."""
    try:
        return adapters.get(destinations().resolve(address)[1]).takes_files
    except (ConfigurationError, DeliveryError):
        return False


def forget(**_: object) -> None:
    """Read settings, plugins and identity anew."""
    adapters.close()
    secrets.forget()
    destinations.cache_clear()
    registry.cache_clear()
    origin.cache_clear()


def _on_setting_changed(*, setting: str, **_: object) -> None:
    if setting in ("DATA_SHARING", "HERMES_CONFIGURATION", "TOM_NAME") or setting.endswith("_PLUGINS"):
        forget()


setting_changed.connect(_on_setting_changed, dispatch_uid="sharecore.site")
