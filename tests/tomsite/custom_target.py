"""The TOM of the tests with a target model of its own, and so with rights on targets of another app."""

from __future__ import annotations

from tomsite.settings import *  # noqa: F403
from tomsite.settings import INSTALLED_APPS  # type: ignore[attr-defined]

INSTALLED_APPS = [*INSTALLED_APPS, "customtargets"]
TARGET_MODEL_CLASS = "customtargets.models.CustomTarget"
