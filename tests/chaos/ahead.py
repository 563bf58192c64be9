"""A worker on a machine whose clock is ahead: `sharing deliver` in a process that believes so."""

from __future__ import annotations

import time
from datetime import timedelta


def main(seconds: float) -> None:
    """Deliver until stopped."""
    from django.core.management import call_command
    from django.utils import timezone

    right_now, right_time = timezone.now, time.time
    timezone.now = lambda: right_now() + timedelta(seconds=seconds)
    time.time = lambda: right_time() + seconds
    call_command("sharing", "deliver")
