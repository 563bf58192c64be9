"""Links to what deliveries became at their destinations."""

from __future__ import annotations

from sharecore.exceptions import ConfigurationError, PluginError
from tom_integration import site


def link(address: str, remote_id: str) -> str:
    """The address of a page at the destination; empty when there is none.

    Only web addresses: what an adapter answers is other people's code.
    """
    if not remote_id:
        return ""
    try:
        found = site.adapters.get(site.destinations().resolve(address)[1]).link(remote_id)
    except (ConfigurationError, PluginError):
        return ""
    except Exception:
        site.logger.exception("The adapter of %s failed to make a link", address)
        return ""
    return found if found.startswith(("https://", "http://")) else ""
