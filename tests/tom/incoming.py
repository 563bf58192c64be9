"""Batches as another site sends them to this TOM."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token

from sharecore.identity import fingerprint
from sharecore.records import Record
from sharecore.testing.examples import SITE
from sharecore.wire import record_as_wire
from tom_integration.mapping.columns import DATUM_MODELS

URL = "/api/sharing/batch/"


def entry(record: Record, **changes: Any) -> dict[str, Any]:
    """A record of a batch."""
    return record_as_wire(record) | {"fingerprint": fingerprint(record)} | changes


def body(name: str, /, *records: Record, **members: Any) -> dict[str, Any]:
    """A batch for the target of this name."""
    usual = {
        "protocol": 1,
        "site": {"origin": SITE.origin, "name": SITE.name},
        "shared_by": "astronomer",
        "target": {"name": name, "position": {"ra": 10.0, "dec": -20.0}},
        "target_lists": [],
        "create_target": False,
        "target_id": None,
        "records": [entry(record) for record in records],
    }
    return usual | members


class Sender:
    """Another site, with an account here."""

    def __init__(self, user: User | None) -> None:
        self.client = Client(raise_request_exception=False)
        self.login = {} if user is None else {"Authorization": f"Token {_token(user)}"}

    def get(self, path: str = "/api/sharing/") -> Any:
        return self.client.get(path, headers=self.login)

    def post(
        self, value: Any, path: str = URL, *, content_type: str = "application/json", **headers: str
    ) -> Any:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.client.post(path, data, content_type=content_type, headers={**self.login, **headers})

    def send(self, name: str, /, *records: Record, **members: Any) -> list[dict[str, Any]]:
        """The answers to the records."""
        answer = self.post(
            gzip.compress(json.dumps(body(name, *records, **members)).encode()),
            **{"Content-Encoding": "gzip"},
        )
        assert answer.status_code == 200, answer.content
        return list(answer.json()["records"])


def _token(user: User) -> str:
    return str(Token.objects.get_or_create(user=user)[0].key)


def outcomes(answers: Iterable[dict[str, Any]]) -> list[str]:
    return [each["outcome"] for each in answers]


def rows() -> list[Any]:
    """All data of this TOM."""
    return [row for model in DATUM_MODELS.values() for row in model._default_manager.order_by("pk")]
