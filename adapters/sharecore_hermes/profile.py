"""Read the profile of the user of the token. It contains the token itself and is never logged."""

from __future__ import annotations

from dataclasses import dataclass

from sharecore.exceptions import DestinationError
from sharecore_hermes.answers import refusal
from sharecore_hermes.config import HermesConfig
from sharecore_http import Authorize, Client, HttpFailure

PROFILE = "api/v0/profile/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The profile of the user of a token."""

    writable_topics: tuple[str, ...]
    """Topics that the token may write to; empty also when SCiMMA Auth did not answer."""
    credential: str
    """Name of the SCiMMA credential."""


def ask_profile(client: Client, authorize: Authorize, config: HermesConfig) -> Profile:
    """Ask HERMES for the profile. Raises `AuthenticationFailed` or `DestinationError`."""
    try:
        reply = client.get(PROFILE, auth=authorize)
    except HttpFailure as error:
        raise DestinationError(f"HERMES was not reached: {error.reason}") from error
    if reply.status == 500:
        raise DestinationError(
            "HERMES failed to show the profile of the token's user, as it does for one who never logged "
            "in. Log in to HERMES in the browser once, and copy the API token from the profile page"
        )
    if reply.status != 200:
        raise refusal(reply, config)
    body = reply.json
    topics = body.get("writable_topics") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(topics, list):
        # Its text is not quoted: a profile holds the token.
        raise DestinationError(f"what answers at {config.path}['BASE_URL'] is not HERMES: it sent no profile")
    name = body.get("credential_name")
    return Profile(
        writable_topics=tuple(sorted({str(topic) for topic in topics})),
        credential=name if isinstance(name, str) else "",
    )
