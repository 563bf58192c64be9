"""Mails about sharing: what the tests of `tom_integration.notices` share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import override_settings
from guardian.shortcuts import assign_perm

from sharecore.exceptions import DestinationError
from tom_integration.notices.look import Notices

if TYPE_CHECKING:
    from tom.conftest import Tom

HOUR = 3600.0


class Post:
    """A worker that looks for troubles now and then, and the mails that it sent."""

    def __init__(self, tom: Tom) -> None:
        self.tom = tom
        self.worker = Notices()

    def look(self, *, after: float = 61) -> list[Any]:
        """Let time pass, look once, and return the mails that were sent."""
        before = len(mail.outbox)
        self.tom.clock.forward(seconds=after)
        self.worker.step()
        return mail.outbox[before:]

    def person(self, name: str, *targets: Any, email: str | None = None) -> User:
        """A user with an address, who may view the shares of these targets."""
        user = self.tom.user(*targets, name=name)
        user.email = f"{name}@tom.test" if email is None else email
        user.save()
        assign_perm("tom_targets.view_persistentshare", user)
        return user

    def fail_for(self, seconds: float, destination: str = "x") -> None:
        """Let a destination be down for so long, with a try each quarter of an hour."""
        getattr(self.tom, destination).will(DestinationError("no answer"))
        for _ in range(int(seconds / 900)):
            self.tom.deliver(after=900)


class FailingBackend(EmailBackend):
    """A mail server that takes nothing as long as `error` says why."""

    error: BaseException | None = None
    asked = 0

    def send_messages(self, messages: Any) -> int:
        type(self).asked += 1
        if self.error is not None:
            raise self.error
        return int(super().send_messages(messages))


@pytest.fixture
def post(tom: Tom) -> Post:
    return Post(tom)


@pytest.fixture
def server() -> Iterator[type[FailingBackend]]:
    FailingBackend.error, FailingBackend.asked = None, 0
    with override_settings(EMAIL_BACKEND="tom.notices.FailingBackend"):
        yield FailingBackend


def told(mails: list[Any]) -> dict[str, str]:
    """The texts by the address."""
    return {each.to[0]: each.body for each in mails}
