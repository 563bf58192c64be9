"""Limit what other sites may send, and say so in the capability document."""

from __future__ import annotations

from sharecore import wire
from sharecore.records import MAX_DEPTH

MAX_RECORDS = 1000
MAX_TARGET_KEYS = 100
MAX_BYTES = 8_000_000
"""Bytes of the decompressed body at the most, and of the compressed one."""
MAX_SECONDS = 25
"""Seconds for a body to arrive: gunicorn ends its whole worker after 30 s."""
MAX_BATCHES = 6000
"""Batches per minute: several times the number that a sender with sharecore can make of small targets."""
LIMITS = {
    "records": MAX_RECORDS,
    "depth": MAX_DEPTH,
    "members": wire.MAX_MEMBERS,
    "aliases": wire.MAX_NAMES,
    "lists": wire.MAX_NAMES,
    "extras": wire.MAX_NAMES,
    "target_keys": MAX_TARGET_KEYS,
    "key": wire.MAX_KEY,
    "name": wire.MAX_NAME,
    "bytes": MAX_BYTES,
    "seconds": MAX_SECONDS,
    "batches_per_minute": MAX_BATCHES,
}
"""The limits by their names in the capability document."""
