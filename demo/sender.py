"""TOM A, the one that shares, and its observer, who does everything through A's REST API."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import candidates
from candidates import Candidate
from night import ALIAS, JOINING, OWN_SOURCES, TARGET, Upload
from people import APPROVER, OBSERVER, Person
from publishing import HURRIED
from realtoms import Tom, User, make_tom
from realtoms.skeleton import PROJECT

LIST = "Follow-up"
"""The target list that is shared with TOM B."""

OPERATOR = "operator@tom.test"
MAIL_AFTER_MINUTES = 2.0
"""Minutes for which a destination does not answer until TOM A tells its operator by mail."""

_PROCESSOR = Path(__file__).with_name("custom_processor.py")
_SETTINGS = """
DATA_PRODUCT_TYPES["atlas_flux"] = ("atlas_flux", "ATLAS fluxes")
DATA_PROCESSORS["atlas_flux"] = "custom_code.processors.AtlasFluxProcessor"
"""
_TARGET_AND_RIGHTS = f"""
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm
from tom_targets.models import Target, TargetList, TargetName

target = Target.objects.create(**{TARGET!r})
TargetName.objects.create(target=target, name={ALIAS!r})
followed = TargetList.objects.create(name={LIST!r})
followed.targets.add(target)
user = User.objects.get(username={OBSERVER.username!r})
assign_perm("tom_targets.view_persistentshare", user)
assign_perm("tom_targets.add_persistentshare", user)
assign_perm("tom_targets.change_persistentshare", user)
assign_perm("tom_targets.delete_persistentshare", user)
assign_perm("tom_targets.view_targetlist", user, followed)
assign_perm("tom_targets.view_target", user, target)
assign_perm("tom_targets.change_target", user, target)
print(target.pk, followed.pk)
"""
_JOIN = f"""
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm
from tom_targets.models import Target, TargetList

target = Target.objects.create(**{JOINING!r})
assign_perm("tom_targets.change_target", User.objects.get(username={OBSERVER.username!r}), target)
TargetList.objects.get(name={LIST!r}).targets.add(target)
print(target.pk)
"""
_REASONS = """
import json
from tom_integration.models import Delivery
wanted = ("unsupported", "failed", "needs_review", "withheld", "pending", "unconfirmed")
rows = Delivery.objects.filter(state__in=wanted).values_list("destination", "state", "reason")
print(json.dumps(list(rows)))
"""


class TomA:
    """A TOM with sharecore in its `INSTALLED_APPS`, otherwise as tomtoolkit makes it."""

    def __init__(self, folder: Path, admin: User, destinations: Mapping[str, dict[str, object]]) -> None:
        self.mails = folder / "mails-of-tom-a"
        self.tom: Tom = make_tom(
            folder / "tom-a",
            name="TOM A",
            users=[admin, OBSERVER, APPROVER],
            apps=["tom_integration"],
            settings={
                "DATA_SHARING": dict(destinations),
                "SHARECORE_OWN_SOURCES": list(OWN_SOURCES),
                "SHARECORE_NOTIFY": [OPERATOR],
                "SHARECORE_NOTIFY_AFTER_MINUTES": MAIL_AFTER_MINUTES,
                "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
                "EMAIL_FILE_PATH": str(self.mails),
            },
            code=_SETTINGS + HURRIED,
            files={"custom_code/processors.py": _PROCESSOR.read_text()},
        )
        with (self.tom.path / PROJECT / "settings.py").open("a") as file:
            file.write(f"\nSHARECORE_SITE_URL = {self.tom.url!r}\n")  # for the links in mails
        self.target = str(TARGET["name"])
        self.targets = [self.target]
        made = self.tom.execute(_TARGET_AND_RIGHTS + candidates.MAKE).split()[-4:]
        self.target_id, self._list_id, *of_candidates = map(int, made)
        self.observer, self.approver = Person(self.tom, OBSERVER), Person(self.tom, APPROVER)
        self.candidates = [
            Candidate(name, target_id, self.observer)
            for name, target_id in zip((candidates.FIRST, candidates.SECOND), of_candidates, strict=True)
        ]

    def share(self, address: str) -> None:
        """Create a continuous share of the target, as the page does it."""
        wanted = {"target": self.target_id, "destination": address}
        self.observer.post("targets/persistentshare/", json=wanted)

    def share_list(self, address: str) -> None:
        """Make a rule: every target of the list, but only own data."""
        rule = {"name": LIST, "scope": "list", "target_list": self._list_id, "filter": {"own": True}}
        self.observer.post("targets/sharerule/", json={**rule, "destination": address})

    def join(self) -> int:
        """Make another target that joins the list; return its primary key."""
        self.targets.append(str(JOINING["name"]))
        return int(self.tom.execute(_JOIN).split()[-1])

    def upload(self, upload: Upload) -> None:
        """Upload a file: A makes a data product of it and runs its processor."""
        with upload.path.open("rb") as file:
            self.observer.post(
                "api/dataproducts/",
                data={
                    "target": self.target_id,
                    "data_product_type": upload.data_type,
                    "product_id": upload.path.name,
                },
                files={"file": (upload.path.name, file)},
            )

    def save(self, datum: dict[str, Any], target_id: int | None = None) -> float:
        """Save one datum; the seconds that it took, from the request to A's answer."""
        began = time.perf_counter()
        self.observer.post("api/reduceddatums/", json={"target": target_id or self.target_id, **datum})
        return time.perf_counter() - began

    def needing_a_person(self) -> int:
        """Return how many records have failed or need review, as A itself says."""
        status = json.loads(self.tom.manage("sharing", "status", "--json").stdout)
        states: Counter[str] = Counter()
        for outbox in status["outboxes"]:
            states.update(outbox["counts"])
        return states["failed"] + states["needs_review"]

    def reasons(self) -> Sequence[tuple[str, str, str, int]]:
        """Return what A notes of the records that did not go out: destination, state, reason, how many."""
        rows = json.loads(self.tom.execute(_REASONS).splitlines()[-1])
        return [(*row, number) for row, number in sorted(Counter(tuple(each) for each in rows).items())]
