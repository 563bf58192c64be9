"""Link to delivered records at their destinations."""

from __future__ import annotations

from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.secrets import repeats_secret
from tom_integration import site


def link(address: Address, remote_id: str) -> str:
    """Return the URL of a record's page at the destination; empty when there is none.

    Accept web addresses only, since the code of an adapter may return any text.
    """
    if not remote_id:
        return ""
    try:
        adapter = site.adapters.get(site.destinations().resolve(str(address))[1])
        found = adapter.link(remote_id)
    except (ConfigurationError, DeliveryError):
        return ""
    usable = found.startswith(("https://", "http://")) and not repeats_secret(found)
    return found if usable else ""
