"""Runs inside a TOM: makes targets, each with an alias, and shares them. Prints their primary keys."""

from __future__ import annotations

import json
import sys


def main(names: list[str], share: bool) -> None:
    """Make targets of these names."""
    from django.contrib.auth.models import User
    from tom_targets.models import PersistentShare, Target, TargetName

    user = User.objects.get(username="admin")
    made = []
    for number, name in enumerate(names):
        target = Target.objects.create(name=name, type="SIDEREAL", ra=218.0 + number, dec=-44.125)
        TargetName.objects.create(target=target, name=f"{name} alias")
        if share:
            PersistentShare.objects.create(target=target, destination="receiver", user=user)
        made.append(target.pk)
    sys.stdout.write(json.dumps(made) + "\n")
