"""Load the plugins, destinations and identity of this TOM, each once in a process."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from functools import cache

from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections, router
from django.utils.crypto import salted_hmac

from sharecore import secrets
from sharecore.adapter import Site
from sharecore.addresses import Address
from sharecore.call_thread import here
from sharecore.data_sharing import Destinations
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, Problem
from sharecore.guarded_adapter import Guarded
from sharecore.registry import Registry
from tom_integration import conf
from tom_integration.models import Delivery, Origin

logger = logging.getLogger(__name__)


@cache
def registry() -> Registry:
    """Return the registry of the plugins that are installed beside this TOM."""
    # Each thread has database connections of its own, which must be closed if a plugin has used them.
    return Registry.load(
        blocked=conf.settings().blocked_plugins,
        required=conf.settings().required_plugins,
        finish=connections.close_all,
    )


def call_threads() -> AbstractContextManager[None]:
    """Return a context in which plugins are called in threads of their own, but not in a test's transaction.

    Another thread would not see the data of that transaction. The transaction of a web request
    (`ATOMIC_REQUESTS`) does not count.
    """
    connection = connections[router.db_for_write(Delivery)]
    in_a_test = connection.in_atomic_block and not connection.settings_dict["ATOMIC_REQUESTS"]
    return here() if in_a_test else nullcontext()


def halted() -> str:
    """Return the reason, for people, why nothing is sent to any destination; empty when all is well."""
    if conf.settings().paused:
        return f"All sharing of this TOM is paused ({conf.PAUSED_VARIABLE})."
    return " ".join(f"Nothing is sent: {problem}" for problem in registry().missing)


@cache
def destinations() -> Destinations:
    """Return the destinations of `DATA_SHARING`."""
    return Destinations.of_site(lambda name: getattr(settings, name, None), registry())


@cache
def origin() -> str:
    """Return the UUID of this TOM, which `migrate` makes; make it here for a database without one."""
    # Workers that start at the same moment agree on the one that was stored first.
    row = Origin.objects.order_by("pk").first() or Origin.objects.get_or_create(pk=1)[0]
    return str(row.uuid)


def label(text: str) -> str:
    """Return an address for people, as `Partner TOM` or `HERMES hermes.test`; else the address itself."""
    address = Address.parse(text)
    name = display_name(address.name)
    return text if name == address.name else f"{name} {address.topic}".strip()


def display_name(name: str) -> str:
    """Return the display name of a destination, also from settings that are not valid otherwise."""
    if name in destinations():
        return destinations()[name].display_name
    entries = getattr(settings, "DATA_SHARING", None)
    entry = entries.get(name) if isinstance(entries, Mapping) else None
    given = entry.get("DISPLAY_NAME") if isinstance(entry, Mapping) else None
    return given.strip() or name if isinstance(given, str) else name


def this_site() -> Site:
    """Return this TOM as destinations see it."""
    return Site(origin=origin(), name=conf.tom_name())


def credentials_digest(destination: Destination) -> str:
    """Return a digest of the settings of a destination, from which they cannot be found."""
    return destination.digest(
        lambda content: salted_hmac("sharecore.credentials", content, algorithm="sha256").hexdigest()
    )


def destination_digest(destination: Destination) -> str:
    """Return a digest of all settings of a destination that change what goes there, and how."""
    content = f"{credentials_digest(destination)}\n{destination.rules()}"
    return hashlib.sha256(content.encode()).hexdigest()


def settings_digest(destination: Destination) -> str:
    """Return a digest of settings and plugins; when it changes, withheld records may be looked at again."""
    plugins = sorted(f"{each.label} {each.state}" for each in registry().plugins)
    own = ",".join(conf.settings().own_sources)
    content = "\n".join([destination_digest(destination), own, *plugins])
    return hashlib.sha256(content.encode()).hexdigest()


def asks_approval(address: str) -> bool:
    """Return True when a person approves what goes to an address, `name` or `name:topic`."""
    destination = destinations().get(Address.parse(address).name)
    return destination is not None and destination.approval


known_keys: dict[int, datetime] = {}
"""The keys of people that this process hides in texts, with the time at which each was given."""
MOST_PEOPLE = 8
"""Adapters with the keys of single people that one thread keeps open, those used last."""


class Adapters(threading.local):
    """Hold the open adapters of one thread, since an adapter is used by one thread at a time.

    A destination that people reach with their own keys has an adapter for each of them.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], tuple[str, Guarded]] = {}

    def get(self, destination: Destination) -> Guarded:
        """Return the adapter of a destination, a new one after a change of settings or a call without end."""
        digest, place = credentials_digest(destination), (destination.name, destination.person)
        known = self._open.get(place)
        if known is not None and known[0] == digest and not known[1].lost:
            self._open[place] = self._open.pop(place)  # The last one was used last.
            return known[1]
        self._close(place)
        if destination.person:
            others = [each for each in self._open if each[1]]
            self._close(*others[: max(len(others) - MOST_PEOPLE + 1, 0)])
        # Each thread has database connections of its own, which the adapter or a storage of files may use.
        adapter = Guarded(
            destination, destination.open, seconds=conf.settings().call_seconds, finish=connections.close_all
        )
        self._open[place] = (digest, adapter)
        return adapter

    def close(self, *names: str) -> None:
        """Close the adapters of these destinations, or all adapters without a name."""
        self._close(*[place for place in self._open if not names or place[0] in names])

    def _close(self, *places: tuple[str, str]) -> None:
        for place in places:
            known = self._open.pop(place, None)
            if known is not None:
                with suppress(ConfigurationError, DeliveryError):  # The hook call has logged it.
                    known[1].close()


adapters = Adapters()


def adapter_of(address: str) -> Guarded | None:
    """Return the adapter of the destination of this address; None when it cannot be used."""
    try:
        return adapters.get(destinations().resolve(address)[1])
    except (ConfigurationError, DeliveryError):
        return None


def takes_files(address: str) -> bool:
    """Return True when the destination of this address takes files; False when it cannot be used."""
    adapter = adapter_of(address)
    return adapter is not None and adapter.takes_files


def refusal_of_records(address: str) -> Problem | None:
    """Return the problem of a share of data with a destination that takes reports alone.

    None for one that takes records, and for one that cannot be used: nobody knows what that takes.
    """
    adapter = adapter_of(address)
    if adapter is None or adapter.takes_records:
        return None
    return takes_no_records(destinations().resolve(address)[1])


def takes_no_records(destination: Destination) -> Problem:
    """Return the problem of data for a destination that takes reports alone."""
    return Problem(
        where=destination.display_name,
        what="takes no data, only reports",
        hint="Make a report on the page of the target.",
    )


def forget(**_: object) -> None:
    """Forget settings, plugins and identity, so that they are read anew."""
    adapters.close()
    secrets.forget()
    known_keys.clear()
    destinations.cache_clear()
    registry.cache_clear()
    origin.cache_clear()


def _on_setting_changed(*, setting: str, **_: object) -> None:
    if setting in ("DATA_SHARING", "HERMES_CONFIGURATION", "TOM_NAME") or setting.endswith("_PLUGINS"):
        forget()


setting_changed.connect(_on_setting_changed, dispatch_uid="sharecore.site")
