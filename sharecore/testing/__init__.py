"""For tests: a destination in memory, plugins for one test, and one round of delivery in the caller.

For authors of plugins and for sites that test what they share. Nothing here is used in operation.
"""

from sharecore.testing.memory import MemoryAdapter, MemoryDestination, MemoryPlugin
from sharecore.testing.plugins import installed
from sharecore.testing.rounds import deliver_now

__all__ = ["MemoryAdapter", "MemoryDestination", "MemoryPlugin", "deliver_now", "installed"]
