"""Time limits in tests: what must succeed has plenty of time, and what hangs costs hardly any.

Every machine stalls a process now and then, for seconds. So no test gives something harmless a short limit in
order to see soon that something else is given up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sharecore import call_thread

LOOK = 0.02
"""Seconds between two looks at a call, where a test sets `sharecore.call_thread._LONGEST_WAIT` to it."""
LOOKED_AT = 5 * LOOK
"""Seconds in which a call that is out of time is normally seen to be."""


def let_pass(seconds: float) -> None:
    """Let this time pass for the current call of a plugin, and for no other, without waiting for it."""
    call = call_thread._current.get()
    assert call is not None, "this is called without a limit"
    call._deadline -= seconds


def hanging(wait: Callable[[], Any], seconds: float) -> Callable[..., Any]:
    """What does not come back before `wait` does, called with anything; and a limit of so much is over."""

    def hang(*_: Any) -> Any:
        let_pass(seconds)
        return wait()

    return hang


def time_outs(request: Any) -> dict[str, float]:
    """Settings for a rule of the contract: short in the one in which they end an answer without an end.

    All that this rule asks is that the call comes back.
    """
    if request.node.originalname == "test_a_slow_answer_is_left":
        return {"CONNECT_TIMEOUT": 0.5, "READ_TIMEOUT": 1}
    return {"CONNECT_TIMEOUT": 20, "READ_TIMEOUT": 20}
