"""The candidates that are reported and published: targets of TOM A with a limit and some detections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from people import APPROVER, OBSERVER, Person

FIRST, SECOND = "DEMO26a", "DEMO26b"
"""One is for the story, one for a person to play it."""

MAKE = f"""
from django.contrib.auth.models import Permission, User
from guardian.shortcuts import assign_perm
from tom_targets.models import Target

observer = User.objects.get(username={OBSERVER.username!r})
approver = User.objects.get(username={APPROVER.username!r})
observer.is_staff = True
observer.save()
in_the_admin = ("add", "change", "view")
rights = [f"{{each}}_photometryreduceddatum" for each in in_the_admin]
observer.user_permissions.add(*Permission.objects.filter(codename__in=rights))
approver.user_permissions.add(Permission.objects.get(codename="approve_share"))
made = []
for number, name in enumerate({(FIRST, SECOND)!r}):
    candidate = Target.objects.create(name=name, type="SIDEREAL", ra=150.1 + number, dec=2.2, epoch=2000.0)
    for person in (observer, approver):
        assign_perm("tom_targets.view_target", person, candidate)
        assign_perm("tom_targets.change_target", person, candidate)
    made.append(candidate.pk)
print(*made)
"""
"""Runs inside TOM A: makes the candidates and gives the two people their rights. Prints the targets."""

_START = datetime(2026, 3, 5, 3, 0, tzinfo=UTC)


class Candidate:
    """A candidate in TOM A, whose data the observatory saves one by one."""

    def __init__(self, name: str, target_id: int, observatory: Person) -> None:
        self.name = name
        self.target_id = target_id
        self._observatory = observatory
        self._number = 0

    def limit(self) -> None:
        """Save the last limit before the first detection."""
        self._save(_START - timedelta(days=2), {"limit": 21.0})

    def detect(self) -> float:
        """Save the next detection; return its brightness in AB mag, which no other one has."""
        self._number += 1
        brightness = round(18.5 - self._number / 8, 3)
        at = _START + timedelta(hours=self._number)
        self._save(at, {"brightness": brightness, "brightness_error": 0.03})
        return brightness

    def _save(self, at: datetime, value: dict[str, Any]) -> None:
        datum = {
            "target": self.target_id,
            "data_type": "photometry",
            "timestamp": at.isoformat(),
            "source_name": "Demo observatory",
            "source_location": f"{self.name}, {at:%Y-%m-%d %H:%M}",
            "value": {
                **value, "unit": "AB mag", "bandpass": "r", "telescope": "1m0-04", "instrument": "sinistro",
                "exposure_time": 120.0,
            },
        }  # fmt: skip
        self._observatory.post("api/reduceddatums/", json=datum)
