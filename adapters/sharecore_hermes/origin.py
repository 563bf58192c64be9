"""Find the origin of a datum: a topic of HERMES that a reader of this TOM follows, or another source."""

from __future__ import annotations

import re

from sharecore.adapter import Site
from sharecore.outcomes import Duplicate, Outcome, Unsupported
from sharecore.records import Record

_UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_MESSAGE = re.compile(
    rf"/api/v0/(?:query/message|messages)/({_UUID})|\bhermes.*?\b({_UUID})", re.IGNORECASE | re.DOTALL
)
"""The address of a message: as HERMES' API has it, as its pages have it, and as readers write it."""


def echo(record: Record, topic: str) -> Outcome | None:
    """Return the outcome of a record that was read from HERMES and must not go back; None for any other.

    From another topic it may go on: a share says so. The same topic of two servers of HERMES is one topic of
    one broker, so the address of the server does not matter.
    """
    found = _MESSAGE.search(record.source_location)
    read_from = _topic(record)
    if read_from == topic:
        return Duplicate(remote_id=(found[1] or found[2]) if found else None)
    if read_from or not (found or record.source_name.strip().casefold() == "hermes"):
        return None
    reason = "the datum was read from HERMES, and the TOM did not note the topic"
    return Unsupported(feature="echo", reason=reason)


def relayed_by(record: Record, site: Site) -> str:
    """Return the source of a datum that is not of this site: a data service, a broker, another site; else
    empty.
    """
    source = record.source_name.strip()
    if record.key.origin != site.origin:
        return source or "another site"
    return "" if _plain(source) == _plain(site.name) else source


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _topic(record: Record) -> str:
    """Return the topic, as tom_hermes 0.2.1 notes it (`Hermes:<topic>`), and as tomtoolkit 2.x does."""
    reader, colon, topic = record.source_name.partition(":")
    if colon and reader.strip().casefold() == "hermes":
        return topic.strip()
    return record.source_name.strip() if record.source_location.startswith("Hermes via HOP") else ""
