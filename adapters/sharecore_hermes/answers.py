"""Read the answer of HERMES to a message. Measured on its server of August 2026.

Only one answer is a success: status 200 and a JSON object with a `uuid`; any other 2xx is read as it is. A
200 with `error` published nothing, a 500 may have published (a message with NaN is sent before answering
fails).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sharecore import one_line
from sharecore.exceptions import AuthenticationFailed, DeliveryError, DestinationError
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.errortree import Tree
from sharecore_http import Reply, Verdict


@dataclass(frozen=True, slots=True)
class Published:
    """The message is on the broker."""

    uuid: str
    """Id of the message."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """Nothing was published, because fields are wrong."""

    tree: Tree
    """Error tree, which names the wrong fields."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Nothing was published: the message is too large."""

    reason: str
    """Reason, for people."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The message may have been published."""

    reason: str
    """Reason, for people."""


@dataclass(frozen=True, slots=True)
class NotStored:
    """Nothing was published: HERMES could not store the file of the message, which it does first."""

    reason: str
    """Reason, for people."""


Answer = Published | Invalid | TooLarge | Unknown | NotStored

MESSAGE_FIELDS = frozenset({
    "title", "topic", "submitter", "authors", "message_text", "data", "submit_to_tns", "submit_to_mpc",
    "submit_to_gcn", "non_field_errors",
})  # fmt: skip

LARGE = 500_000
"""Bytes of a message above which an HTML page with status 400 means its size."""

_TOPIC_CODES = frozenset({
    "TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "TOPIC_EXCEPTION",
    "INVALID_TOPIC_EXCEPTION",
})  # fmt: skip
_CREDENTIAL_CODES = frozenset({
    "_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED", "ILLEGAL_SASL_STATE",
})  # fmt: skip
_SIZE_CODES = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"})
_UNKNOWN_CODES = frozenset({"_MSG_TIMED_OUT", "_TIMED_OUT", "REQUEST_TIMED_OUT", "NETWORK_EXCEPTION"})


def read_submitted(reply: Reply, config: HermesConfig, *, sent: int, topic: str, with_file: bool) -> Answer:
    """Read the answer to a message of `sent` bytes. Raises `AuthenticationFailed` or `DestinationError`."""
    if 200 <= reply.status < 300:
        return _read_ok(reply, config)
    if reply.status == 400:
        return _read_refused(reply, config, sent, topic, with_file=with_file)
    if reply.status == 413:
        return TooLarge("a server before HERMES refused its size (status 413)")
    if reply.status >= 500 and reply.status != 503:
        return Unknown(f"HERMES answered with status {reply.status}, which it also does after publishing")
    raise refusal(reply, config)


def read_validated(reply: Reply, config: HermesConfig) -> Tree:
    """Return the error tree of a message that was checked without publishing; empty for no errors."""
    if reply.status == 200 and isinstance(reply.json, dict):
        return reply.json
    if reply.status == 400 and isinstance(reply.json, dict) and "detail" not in reply.json:
        return reply.json
    if reply.status >= 500:
        raise DestinationError(
            f"HERMES failed to look at the message (status {reply.status}); nothing was sent"
        )
    raise refusal(reply, config)


def refusal(reply: Reply, config: HermesConfig) -> DeliveryError:
    """Return the error for an answer that is not about the message: the token, the address, the server."""
    if reply.verdict in (Verdict.UNAUTHORIZED, Verdict.FORBIDDEN):
        return AuthenticationFailed(
            f"HERMES refuses the token ({said(reply.excerpt)}). Copy the API token from your "
            f"profile page at HERMES into {config.token.place}"
        )
    if reply.verdict is Verdict.THROTTLED or reply.status == 503:
        return DestinationError(
            f"HERMES cannot take anything now (status {reply.status})", retry_after=reply.retry_after
        )
    if reply.verdict is Verdict.SERVER_ERROR:
        return DestinationError(f"HERMES failed (status {reply.status})")
    return DestinationError(
        f"what answers at {config.path}['BASE_URL'] is not HERMES (status {reply.status}: "
        f"{said(reply.excerpt)}). It should be the address of the site alone, like "
        "'https://hermes.lco.global/'"
    )


def no_credential(reply: Reply, config: HermesConfig) -> AuthenticationFailed:
    """Return the error for a token whose user has no credential of the broker."""
    why = reply.json.get("error") if isinstance(reply.json, dict) else ""
    return AuthenticationFailed(
        f"HERMES did nothing: {said(why)} (The user of {config.token.place} needs a SCiMMA "
        "credential: log out of HERMES in the browser and in again.)"
    )


def _read_ok(reply: Reply, config: HermesConfig) -> Answer:
    body = reply.json
    if isinstance(body, Mapping):
        uuid = body.get("uuid")
        if isinstance(uuid, str) and uuid.strip():
            return Published(uuid.strip()[:100])
        if "error" in body:
            raise no_credential(reply, config)
        if set(body) == {"message"}:
            raise DestinationError(
                "HERMES answered with its help text: something on the way turned the message into a "
                f"question. Give {config.path}['BASE_URL'] as https:// and as it is after all redirects"
            )
    return Unknown(f"the answer has status {reply.status} but no id of a message ({said(reply.excerpt)})")


def _read_refused(reply: Reply, config: HermesConfig, sent: int, topic: str, *, with_file: bool) -> Answer:
    body = reply.json
    if not isinstance(body, dict):
        if sent > LARGE:
            return TooLarge("HERMES refused a message of this size (status 400, no reason given)")
        raise refusal(reply, config)
    if isinstance(body.get("error"), str):
        return _read_broker(body["error"], config, topic, with_file=with_file)
    if body and set(body) <= MESSAGE_FIELDS:
        return Invalid(body)
    if isinstance(body.get("detail"), str):
        raise DestinationError(f"HERMES could not read the message: {said(body['detail'])}")
    raise refusal(reply, config)


def _read_broker(error: str, config: HermesConfig, topic: str, *, with_file: bool) -> Answer:
    """Read the error codes of the broker, which stand in a text: `code=TOPIC_AUTHORIZATION_FAILED Broker:
    ...`.
    """
    found = re.search(r"\bcode=([A-Z_]+)", error)
    code = found[1] if found else ""
    if code in _SIZE_CODES:
        return TooLarge(f"the topic takes no message of this size ({code})")
    if code in _UNKNOWN_CODES:
        return Unknown(f"the broker did not confirm the message ({code})")
    if code in _TOPIC_CODES:
        raise AuthenticationFailed(
            f"the token in {config.token.place} may not write to the topic {topic!r}, or there is no such "
            f"topic ({code}). Choose another one, or ask its owner at SCiMMA Auth for the right to write",
            topic_only=True,
        )
    if code in _CREDENTIAL_CODES:
        raise AuthenticationFailed(
            f"the broker refuses the SCiMMA credential of the user of {config.token.place} ({code}), and to "
            f"log in again does not replace it. POST to {config.base_url}api/v0/revoke_hop_credential/ does "
            "(with the token, and an empty body)"
        )
    if with_file and not code:
        return NotStored(f"HERMES could not take the message with its file: {said(error)}")
    raise DestinationError(f"HERMES could not publish the message: {said(error)}")


def said(text: object) -> str:
    """Return the words of a server for people: short, in one line, hidden should they repeat our token."""
    return one_line(str(text)[:4000], 200)
