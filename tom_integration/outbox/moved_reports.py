"""Let reports follow their data to another target, as in a merge of targets, and forget them in the end."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef
from tom_targets.models import BaseTarget

from tom_integration.mapping.report_rows import chosen_rows
from tom_integration.models import Report


def follow_data(target_id: int) -> None:
    """Move the reports about a deleted target to the target that has all their data now."""
    for report in Report.objects.filter(target_id=target_id):
        homes = {row.target_id for row in chosen_rows(report).values()}
        if len(homes) == 1:
            Report.objects.filter(pk=report.pk).update(target_id=homes.pop())


def forget(then: datetime) -> int:
    """Delete the reports about deleted targets that were made before this time; return how many."""
    there = BaseTarget.objects.filter(pk=OuterRef("target_id"))
    return Report.objects.filter(~Exists(there), created__lt=then).delete()[0]
