"""Runs inside a TOM: writes targets, data, shares and a ledger in every state, for the screenshots.

Nothing is sent anywhere: no worker runs in that TOM, and the ledger is as one would have left it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db.models import Model
from django.utils import timezone
from tom_dataproducts.models import (
    AstrometryReducedDatum,
    DataProduct,
    PhotometryReducedDatum,
    SpectroscopyReducedDatum,
)
from tom_targets.models import PersistentShare, Target, TargetList, TargetName

import staged_reports
from sharecore.delivery import RELEASE
from sharecore.exchanges import Exchange
from sharecore.filters import Filter
from sharecore.records import Kind
from tom_integration.models import (
    Activity,
    Attempt,
    Call,
    Delivery,
    DestinationHealth,
    OneTimeShare,
    Outbox,
    ShareRule,
    Worker,
    write_filter,
)

NIGHTS = 40


def stage() -> None:
    """Write it all."""
    random.seed(7)
    observer = User.objects.get(username="observer")
    names = {
        "SN 2026kqr": ["ZTF26aaqkxyz", "ATLAS26fgh"],
        "AT 2026bcd": ["Gaia26abc"],
        "V4998 Sgr": [],
        "SN 2026lpo": ["ZTF26aboqwer"],
        "AT 2026xyz": [],
    }
    targets = {name: _target(name, aliases, number) for number, (name, aliases) in enumerate(names.items())}
    group = TargetList.objects.create(name="Follow-up tonight")
    group.targets.add(*targets.values())
    for number, target in enumerate(targets.values()):
        _data(target, 3400 if number == 0 else 60 + 20 * number)
    _up_to_date(targets["AT 2026bcd"], observer)
    _sending(targets["SN 2026kqr"], observer)
    _waiting(targets["SN 2026lpo"], observer)
    _action_needed(targets["V4998 Sgr"], observer)
    _paused(targets["AT 2026xyz"], observer)
    _once(targets["SN 2026kqr"], observer)
    _by_rule(targets["V4998 Sgr"], group, observer)
    _file(targets["SN 2026kqr"])
    _activity(observer)
    DestinationHealth.objects.filter(destination="partner-tom", topic=None).update(
        about="Each datum goes in a request of its own, as tomtoolkit 3.x takes it.",
        checked_at=timezone.now() - timedelta(hours=5),
        check_result={
            "tested": "its address, the log-in, and the way in which data go there",
            "failure": "",
            "problems": [],
        },
    )
    staged_reports.stage(targets["SN 2026lpo"], targets["AT 2026xyz"], observer)
    Worker.objects.create(name="tom.example.org:4711", runner="command", seen=timezone.now())


def _target(name: str, aliases: list[str], number: int) -> Any:
    target = Target.objects.create(
        name=name, type="SIDEREAL", ra=41.25 * number + 7.5, dec=9.125 * number - 20
    )
    TargetName.objects.bulk_create(TargetName(target=target, name=alias) for alias in aliases)
    return target


def _data(target: Any, number: int) -> None:
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=NIGHTS)
    common = {"target": target, "telescope": "1m0", "instrument": "Sinistro"}
    PhotometryReducedDatum.objects.bulk_create(
        PhotometryReducedDatum(
            timestamp=start + timedelta(days=NIGHTS * each / number),
            bandpass="gri"[each % 3],
            brightness=None if each % 23 == 5 else round(17.5 + each / number * 2 + random.gauss(0, 0.05), 3),
            brightness_error=None if each % 23 == 5 else 0.04,
            limit=21.3 if each % 23 == 5 else None,
            unit="AB mag",
            **common,
        )
        for each in range(number)
    )
    SpectroscopyReducedDatum.objects.bulk_create(
        SpectroscopyReducedDatum(
            timestamp=start + timedelta(days=9 * each + 3, hours=5),
            flux=[1.0, 1.2, 0.9],
            wavelength=[4000.0, 5000.0, 6000.0],
            flux_unit="erg / s / cm2 / Angstrom",
            wavelength_unit="Angstrom",
            setup="R400",
            **common,
        )
        for each in range(4)
    )
    AstrometryReducedDatum.objects.create(
        timestamp=start + timedelta(days=2), ra=target.ra, dec=target.dec, **common
    )


def _activity(observer: User) -> None:
    """Write what people and the worker did on the last evenings, the oldest first."""
    evening = timezone.now().replace(hour=19, minute=40, second=12) - timedelta(days=3)
    Activity.objects.filter(what=Activity.What.MADE).update(time=evening - timedelta(days=NIGHTS))
    shared = PersistentShare.objects.get(target__name="V4998 Sgr", destination="partner-tom")
    who = {"user_id": observer.pk, "user_name": observer.username}
    of_share = {"share_id": shared.pk, "target_id": shared.target_id, "target_name": "V4998 Sgr"}
    What = Activity.What
    rows: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
        (What.CHANGED, who, of_share, "what is shared and its release dates"),
        (What.PAUSED, {}, {}, "it refuses us: the receiver said 401 Unauthorized"),
        (What.SETTINGS_CHANGED, {}, {}, ""),
        (What.RESUMED, who, {}, "it takes our data again"),
        (What.RETRIED, who, of_share, "12 records"),
        (What.RESOLVED, {"user_name": "the operator"}, of_share, "3 records arrived"),
    ]
    Activity.objects.bulk_create(
        Activity(
            time=evening + timedelta(hours=5 * number),
            what=what,
            destination="partner-tom",
            detail=detail,
            **by,
            **about,
        )
        for number, (what, by, about, detail) in enumerate(rows)
    )


def _file(target: Any) -> None:
    """Make a data product whose file can be shared by hand."""
    content = ContentFile(b"no picture, but some bytes", name="finding-chart.fits")
    DataProduct.objects.create(
        target=target, product_id="finding chart", data_product_type="fits_file", data=content
    )


def _share(target: Any, destination: str, user: User) -> Outbox:
    share = PersistentShare.objects.create(target_id=target.pk, destination=destination, user=user)
    PersistentShare.objects.filter(pk=share.pk).update(created=timezone.now() - timedelta(days=NIGHTS))
    outbox = Outbox.objects.get(share_id=share.pk)
    outbox.deliveries.all().delete()
    Outbox.objects.filter(pk=outbox.pk).update(look_now=False)
    return outbox


def _rows(target: Any) -> Iterator[tuple[str, str, Any]]:
    models: tuple[type[Model], ...] = (
        PhotometryReducedDatum,
        SpectroscopyReducedDatum,
        AstrometryReducedDatum,
    )
    for model in models:
        for row in model._default_manager.filter(target_id=target.pk).order_by("timestamp"):
            kind = {"photometryreduceddatum": "photometry", "spectroscopyreduceddatum": "spectrum"}.get(
                str(model._meta.model_name), "astrometry"
            )
            limit = kind == "photometry" and row.brightness is None  # type: ignore[attr-defined]
            yield str(model._meta.model_name), "photometry-limit" if limit else kind, row


def _ledger(outbox: Outbox, target: Any, states: Any) -> list[Delivery]:
    """Return the deliveries of all data.

    Args:
        states: from the number of a row and the row to the columns of its delivery.
    """
    made = []
    for number, (model, kind, row) in enumerate(_rows(target)):
        columns = {"attempts": 1, "state": "delivered", **states(number, row)}
        if columns["state"] == "delivered":
            columns.setdefault("remote_id", str(90_000 + number))
        made.append(
            Delivery(
                outbox=outbox,
                destination=outbox.destination,
                topic=outbox.topic,
                model=model,
                kind=kind,
                datum_pk=row.pk,
                timestamp=row.timestamp,
                identity=f"{model}{row.pk}",
                fingerprint="f",
                **columns,
            )
        )
    Delivery.objects.bulk_create(made)
    return list(outbox.deliveries.all())


def _attempts(
    rows: list[Delivery], outcome: str, reason: str = "", number: int = 1, call: Call | None = None
) -> None:
    now = timezone.now()
    Attempt.objects.bulk_create(
        Attempt(
            delivery_id=row.pk,
            started=now - timedelta(minutes=7 * (each + 1)),
            finished=now - timedelta(minutes=7 * (each + 1)) + timedelta(seconds=1),
            outcome=outcome,
            reason=reason,
            worker="tom.example.org:4711",
            call=call,
        )
        for row in rows
        for each in range(number)
    )


def _refused(outbox: Outbox) -> Call:
    """Write what was sent and answered in a call of which a record was refused."""
    started = timezone.now() - timedelta(minutes=7)
    place = "https://tom.example.org/api/"
    row = {"target": 17, "data_type": "photometry", "timestamp": "2026-02-11T03:14:00Z"}
    sent = json.dumps(row | {"value": {"filter": "r", "magnitude": 18.214, "error": 0.031}})
    asked = Exchange(
        method="GET",
        url=f"{place}targets/17/",
        status=200,
        seconds=0.041,
        sent="",
        answered="application/json, 1,214 bytes",
        started=started,
    )
    answered = '{"timestamp":["The data of this night are closed."]}'
    data = f"{place}reduceddatums/"
    posted = replace(asked, method="POST", url=data, status=400, sent=sent, answered=answered)
    return Call.objects.create(
        outbox=outbox,
        started=started,
        requests=2,
        exchanges=[asdict(each) | {"started": started.isoformat()} for each in (asked, posted)],
    )


def _soon_after(row: Any) -> datetime:
    moment: datetime = row.timestamp + timedelta(minutes=3)
    return min(moment, timezone.now() - timedelta(minutes=2)).astimezone(UTC)


def _up_to_date(target: Any, user: User) -> None:
    outbox = _share(target, "partner-tom", user)
    rows = _ledger(outbox, target, lambda number, row: {"delivered_at": _soon_after(row)})
    _attempts(rows[-20:], "accepted")
    _last_success(outbox)


def _last_success(outbox: Outbox) -> None:
    last = outbox.deliveries.filter(delivered_at__isnull=False).latest("delivered_at")
    Outbox.objects.filter(pk=outbox.pk).update(delivered_at=last.delivered_at)
    for topic in {None, outbox.topic or None}:
        DestinationHealth.objects.update_or_create(
            destination=outbox.destination, topic=topic, defaults={"last_success_at": last.delivered_at}
        )


def _sending(target: Any, user: User) -> None:
    outbox = _share(target, "partner-tom", user)
    now = timezone.now()

    def state(number: int, row: Any) -> dict[str, Any]:
        if number < 1210:
            return {"delivered_at": now - timedelta(seconds=120 - number / 11), "created": now}
        if number < 1260:
            return {"state": "sending"}
        return {"state": "pending", "attempts": 0, "next_at": now}

    _ledger(outbox, target, state)
    outbox.deliveries.update(created=now - timedelta(minutes=3))
    _last_success(outbox)


def _waiting(target: Any, user: User) -> None:
    outbox = _share(target, "hermes:hermes.test", user)
    now = timezone.now()

    def state(number: int, row: Any) -> dict[str, Any]:
        if number < 90:
            return {"delivered_at": _soon_after(row)}
        return {
            "state": "pending",
            "failures": 0,
            "next_at": now + timedelta(minutes=4),
            "reason": "HTTP 503",
        }

    _ledger(outbox, target, state)
    _last_success(outbox)
    DestinationHealth.objects.update_or_create(
        destination="hermes",
        topic=None,
        defaults={
            "failures": 6,
            "down_since": now - timedelta(minutes=55),
            "open_until": now + timedelta(minutes=5),
            "last_error": "answered 503 Service Unavailable",
            "last_error_at": now,
        },
    )


def _action_needed(target: Any, user: User) -> None:
    outbox = _share(target, "partner-tom", user)
    reason = "refused by Partner TOM: the data of this night are closed"

    def state(number: int, row: Any) -> dict[str, Any]:
        if number % 17 == 16:
            return {"state": "failed", "reason": reason, "field": "timestamp", "attempts": 3}
        if number == 15:
            return {"state": "needs_review", "reason": "no answer within 30 s", "sent_at": _soon_after(row)}
        if number % 31 == 30:
            return {"state": "withheld", "reason": "proprietary until the paper is out", "attempts": 0}
        return {"delivered_at": _soon_after(row)}

    rows = _ledger(outbox, target, state)
    call = _refused(outbox)
    _attempts([row for row in rows if row.state == "failed"], "rejected", reason, number=3, call=call)
    _attempts([row for row in rows if row.state == "needs_review"], "unconfirmed", "no answer within 30 s")
    _last_success(outbox)


def _paused(target: Any, user: User) -> None:
    outbox = _share(target, "partner-tom", user)
    _ledger(outbox, target, lambda number, row: {"delivered_at": _soon_after(row)})
    _last_success(outbox)
    Outbox.objects.filter(pk=outbox.pk).update(paused="paused by observer")


def _once(target: Any, user: User) -> None:
    outbox = Outbox.objects.create(
        destination="hermes", topic="hermes.test", target_id=target.pk, delivered_at=timezone.now()
    )
    request = OneTimeShare.objects.create(
        outbox=outbox, user_id=user.pk, title="Early light curve of SN 2026kqr"
    )
    OneTimeShare.objects.filter(pk=request.pk).update(created=timezone.now() - timedelta(hours=1, minutes=1))
    for number, (model, kind, row) in enumerate(_rows(target)):
        if number < 25:
            Delivery.objects.create(
                outbox=outbox,
                destination=outbox.destination,
                topic=outbox.topic,
                model=model,
                kind=kind,
                datum_pk=row.pk,
                timestamp=row.timestamp,
                one_time_share=request,
                state="delivered",
                attempts=1,
                delivered_at=timezone.now() - timedelta(hours=1),
                identity=f"once{row.pk}",
                fingerprint="f",
            )


def _by_rule(target: Any, group: TargetList, user: User) -> None:
    """Make a rule for the list, and one of its shares, with records that go later."""
    now = timezone.now()
    rule = ShareRule.objects.create(
        name="Follow-up tonight to HERMES",
        scope=ShareRule.Scope.LIST,
        target_list_id=group.pk,
        destination="hermes",
        topic="hermes.photometry",
        creator_id=user.pk,
        filter=write_filter(Filter(kinds=(Kind.PHOTOMETRY,), own=True)),
        release_days=30,
        applied_at=now,
    )
    ShareRule.objects.create(
        name="All targets of observer to Partner TOM",
        scope=ShareRule.Scope.ALL,
        destination="partner-tom",
        creator_id=user.pk,
        applied_at=now,
        paused="the rule All targets of observer to Partner TOM is paused by observer",
    )
    outbox = _share(target, "hermes:hermes.photometry", user)
    Outbox.objects.filter(pk=outbox.pk).update(rule=rule)

    def state(number: int, row: Any) -> dict[str, Any]:
        released = row.timestamp + timedelta(days=30)
        if released <= now:
            return {"delivered_at": min(released + timedelta(minutes=3), now)}
        later = f"goes on {released:%Y-%m-%d %H:%M} UTC"
        return {"state": "withheld", "field": RELEASE, "next_at": released, "reason": later, "attempts": 0}

    _ledger(outbox, target, state)
    outbox.deliveries.exclude(kind="photometry").delete()
    _last_success(outbox)
