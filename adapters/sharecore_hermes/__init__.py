"""Share with HERMES, the message service of SCiMMA and Las Cumbres Observatory.

What HERMES accepts, refuses and quietly changes was measured on its server of August 2026; the modules say so
where a rule is not obvious. `message_url` and `from_hermes_configuration` are for the application that uses
this adapter; the rest is reached through the destination kind `hermes`.
"""

from sharecore_hermes.config import from_hermes_configuration
from sharecore_hermes.references import message_url

__all__ = ["from_hermes_configuration", "message_url"]
