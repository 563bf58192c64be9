"""The contract of an adapter as tests: subclass `AdapterContract`, or `HttpAdapterContract` for a web API.

Needs pytest, and is therefore imported only by tests.
"""

import pytest

# Before they are imported: so a failed rule shows the values that it compared.
for _rules in (
    "delivering",
    "following",
    "truth",
    "lookups",
    "withdrawing",
    "questions",
    "reports",
    "personal",
    "guest",
    "http",
    "guest_http",
):
    pytest.register_assert_rewrite(f"sharecore.testing.contract.{_rules}")

from sharecore.testing.contract.bench import Bench  # noqa: E402
from sharecore.testing.contract.http import HttpAdapterContract  # noqa: E402
from sharecore.testing.contract.rules import AdapterContract  # noqa: E402
from sharecore.testing.contract.subject import Call, Subject  # noqa: E402

__all__ = ["AdapterContract", "Bench", "Call", "HttpAdapterContract", "Subject"]
