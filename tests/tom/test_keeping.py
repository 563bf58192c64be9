"""A claim kept while a call lasts, and a destination that is tried by one, survive what goes wrong."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError
from django.test import override_settings

from sharecore.addresses import Address
from tom_integration import claims, health
from tom_integration.models import DestinationHealth

if TYPE_CHECKING:
    from tom.conftest import Tom


@pytest.mark.parametrize("trouble", [OperationalError("database is locked"), OperationalError("server gone")])
def test_one_renewal_that_fails_does_not_end_a_claim(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Another sender would take the channel in the middle of the call, and send the same again."""
    target = tom.target()
    tom.share(target)
    claim = claims.claim(tom.channel(target).pk)
    assert claim is not None
    renewed = threading.Event()
    answers = iter([trouble])

    def renew(self: claims.Claim) -> bool:
        error = next(answers, None)
        if error is not None:
            raise error
        renewed.set()
        return True

    monkeypatch.setattr(claims.Claim, "renew", renew)
    with override_settings(SHARECORE_LEASE_SECONDS=0.03), claims.kept(claim):
        assert renewed.wait(5)


def test_whoever_tries_a_destination_and_dies_holds_it_up_no_longer_than_its_claim(tom: Tom) -> None:
    address = Address(name="x")
    DestinationHealth.objects.create(address="x", failures=2)
    with override_settings(SHARECORE_LEASE_SECONDS=5):
        assert health.probe(address, now=tom.clock.now) == (None, "")
        assert health.gate(address, credentials="", now=tom.clock.now)[0] is not None
        tom.clock.forward(seconds=6)
        assert health.gate(address, credentials="", now=tom.clock.now) == (None, "")
        assert health.probe(address, now=tom.clock.now) == (None, "")
