"""Runs inside the TOM of the screenshots: writes a report that got its name, and one that waits for approval.

The forms come from a stand-in for TNS; nothing is sent there.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from tom_integration.mapping.report_rows import REPORT_MODEL
from tom_integration.models import Delivery, Outbox, Report
from tom_integration.pages.report_form import PREFIX, FilledForm
from tom_integration.services.reports import Reporting
from tom_integration.worker.run import reconcile

_NO_LIMIT = {"archive": "1", "archival_remarks": "nothing to 22 mag in SDSS"}


def stage(named: Any, waiting: Any, observer: User) -> None:
    """Write both reports.

    named: the target that TNS gave a name. waiting: the target whose report nobody has approved yet.
    """
    _report(waiting, observer)
    outbox = _report(named, observer)
    name = "2026lpo"
    now = timezone.now()
    Report.objects.filter(target_id=named.pk).update(created=now - timedelta(hours=3))
    Delivery.objects.filter(outbox=outbox, model=REPORT_MODEL).update(
        state="delivered", remote_id=f"sandbox.wis-tns.org/object/{name}", reason="", attempts=1,
        sent_at=now - timedelta(hours=2), delivered_at=now - timedelta(hours=1, minutes=58), next_at=None,
    )  # fmt: skip
    Outbox.objects.filter(pk=outbox.pk).update(target_name=f"AT {name} (sandbox)", delivered_at=now)


def _report(target: Any, observer: User) -> Outbox:
    reporting = Reporting(observer, target, "tns")
    form = reporting.forms()[0]
    suggested = FilledForm(form=form, offered=reporting.data).fields
    values = {name: each.initial for name, each in suggested.items() if each.initial not in (None, "")}
    given = {**values, **_NO_LIMIT, "internal_name": str(target).replace(" ", "")}
    filled = FilledForm(
        {f"{PREFIX}-{name}": value for name, value in given.items()}, form=form, offered=reporting.data
    )
    if not filled.is_valid():
        raise SystemExit(f"the report is not valid: {filled.errors}")
    report = reporting.report(form, filled.values(), filled.data_chosen(), filled.shown())
    reporting.make(report, token=uuid.uuid4())
    outbox = Outbox.objects.get(destination="tns", target_id=target.pk)
    reconcile(outbox.pk)  # it stops at the approval
    return outbox
