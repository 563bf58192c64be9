"""Tools for tests: the contract of adapters, a scripted HTTP server, example records, a fake clock, a
destination in memory, plugins for one test, and one round of delivery in the thread of the caller.

For authors of plugins and for sites that test what they share.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sharecore.testing.answers import Answer, Fault, Request, answer
    from sharecore.testing.clock import FakeClock
    from sharecore.testing.contract import AdapterContract, Bench, HttpAdapterContract, Subject
    from sharecore.testing.examples import (
        RECORDS,
        TARGETS,
        example_batch,
        example_file,
        example_record,
        example_records,
        example_report,
    )
    from sharecore.testing.memory import MemoryDestination
    from sharecore.testing.memory_adapter import MemoryAdapter, MemoryPlugin
    from sharecore.testing.plugins import installed
    from sharecore.testing.rounds import deliver_now
    from sharecore.testing.server import FakeServer
    from sharecore.testing.sockets import SocketWatch, watched_sockets

__all__ = [
    "RECORDS",
    "TARGETS",
    "AdapterContract",
    "Answer",
    "Bench",
    "FakeClock",
    "FakeServer",
    "Fault",
    "HttpAdapterContract",
    "MemoryAdapter",
    "MemoryDestination",
    "MemoryPlugin",
    "Request",
    "SocketWatch",
    "Subject",
    "answer",
    "deliver_now",
    "example_batch",
    "example_file",
    "example_record",
    "example_records",
    "example_report",
    "installed",
    "watched_sockets",
]

_MODULES = {
    "answers": ("Answer", "Fault", "Request", "answer"),
    "clock": ("FakeClock",),
    "contract": ("AdapterContract", "Bench", "HttpAdapterContract", "Subject"),
    "examples": (
        "RECORDS",
        "TARGETS",
        "example_batch",
        "example_file",
        "example_record",
        "example_records",
        "example_report",
    ),
    "memory": ("MemoryDestination",),
    "memory_adapter": ("MemoryAdapter", "MemoryPlugin"),
    "plugins": ("installed",),
    "rounds": ("deliver_now",),
    "server": ("FakeServer",),
    "sockets": ("SocketWatch", "watched_sockets"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name on demand: a running site needs `rounds` alone, and pytest belongs to tests."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
