"""Send mails: bundled, never too many, and each once, whichever workers look.

Nothing here waits for an event. What is wrong now is compared with what each person was told, which one row
of the person holds. The worker that takes the lease of the row by a conditional UPDATE sends; it writes what
was told after the mail server took the mail. A worker that dies before loses nothing: its lease ends. After
one that dies between the two, the mail is sent again with the same `Message-ID`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from sharecore.addresses import Address
from sharecore.texts import one_line
from tom_integration import clock, site
from tom_integration.models import NoticeRecipient
from tom_integration.notices import mail, sentences, troubles
from tom_integration.notices.people import Choice, Person
from tom_integration.notices.troubles import AT_WORK, OF_DESTINATION, Kind, Trouble

logger = logging.getLogger(__name__)

APART = timedelta(hours=1)
"""Shortest time between two mails to one person."""
A_DAY, MOST_A_DAY = timedelta(days=1), 5
LEASE = timedelta(minutes=15)
"""Time after which another worker sends what a lost worker had begun."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=2), timedelta(hours=6)

Told = dict[str, dict[str, Any]]


class ServerFailed(Exception):
    """The mail server takes nothing now, from anybody."""


def tell(person: Person, of_destinations: Collection[Trouble]) -> datetime | None:
    """Send a person the mail that is due, if any; return when to look again, None for after a change.

    Args:
        person: the person.
        of_destinations: the troubles of all destinations; a person is told of those of the own shares.

    Raises:
        ServerFailed: the mail was not sent, and others will not be either.
    """
    now = clock.now()
    present = _present(person, of_destinations)
    row = NoticeRecipient.objects.filter(key=person.key).first() or NoticeRecipient(key=person.key)
    if row.choice == Choice.NOTHING:
        _note(row, {})
        return None
    daily = row.choice == Choice.DAILY
    ended = [key for key, told in row.told.items() if key not in present and _concerns(person, told)]
    new = [each for key, each in present.items() if _is_news(each, row.told.get(key), now)]
    if not (new or ended or (daily and present)):
        _note(row, {key: _lower(told, present[key]) for key, told in row.told.items() if key in present})
        return None
    mails = [moment for moment in map(datetime.fromisoformat, row.mails) if moment > now - A_DAY]
    due = max(_allowed(mails, daily=daily), row.next_at or now)
    if row.lease and row.lease_until is not None:
        due = max(due, row.lease_until)
    if now < due <= now + A_DAY:  # A time further away was set by a clock that was wrong.
        return due
    still = [each for each in present.values() if each not in new]
    if not _sent(person, row, new=new, ended=ended, still=still, mails=mails, now=now):
        return now + FIRST_WAIT
    return now + A_DAY if daily and present else None


def _present(person: Person, of_destinations: Collection[Trouble]) -> dict[str, Trouble]:
    """Return the troubles of which the person may know, by their keys."""
    outboxes = person.outboxes()
    found = [*troubles.of_shares(outboxes, person.user), *troubles.of_approvals(person.to_approve())]
    found += troubles.of_keys(person.key_refusals())
    if of_destinations:
        places = set(outboxes.filter(AT_WORK).order_by().values_list("destination", "topic").distinct())
        names = {name for name, _ in places}
        here = [each for each in of_destinations if each.topic is None and each.destination in names]
        here += [each for each in of_destinations if (each.destination, each.topic) in places]
        found = [*here, *found]
    return {each.key: each for each in sorted(found, key=lambda each: list(Kind).index(each.kind))}


def _is_news(each: Trouble, told: Mapping[str, Any] | None, now: datetime) -> bool:
    """Return True for a new trouble, one of more shares, and once a day for one of more records."""
    if told is None or each.shares > told["shares"]:
        return True
    return each.records > told["records"] and now - datetime.fromisoformat(told["at"]) >= A_DAY


def _concerns(person: Person, told: Mapping[str, Any]) -> bool:
    """Return True when the person may know that a trouble is over, since its shares are still there."""
    if Kind(told["kind"]) is Kind.TO_APPROVE:
        return False  # Approved and declined records are no trouble that is over.
    if Kind(told["kind"]) is Kind.KEY:
        return told["destination"] in site.destinations()
    if Kind(told["kind"]) in OF_DESTINATION and told["destination"] not in site.destinations():
        return False
    there = person.outboxes().filter(AT_WORK, destination=told["destination"])
    return (there if told["topic"] is None else there.filter(topic=told["topic"])).exists()


def _allowed(mails: list[datetime], *, daily: bool) -> datetime:
    """Return the time before which the person gets no other mail."""
    earliest = datetime.min.replace(tzinfo=clock.now().tzinfo)
    if not mails:
        return earliest
    if daily:
        return mails[-1] + A_DAY
    return max(mails[-1] + APART, mails[-MOST_A_DAY] + A_DAY if len(mails) >= MOST_A_DAY else earliest)


def _note(row: NoticeRecipient, told: Told) -> None:
    """Write what is left of what was told, where that is less; nothing is sent."""
    if row.pk is not None and told != row.told:
        mine = NoticeRecipient.objects.filter(pk=row.pk, version=row.version, lease=row.lease)
        mine.update(told=told, version=row.version + 1)


def _lower(told: dict[str, Any], each: Trouble) -> dict[str, Any]:
    less = {"shares": min(told["shares"], each.shares), "records": min(told["records"], each.records)}
    return told | less


def _sent(
    person: Person,
    row: NoticeRecipient,
    *,
    new: list[Trouble],
    ended: list[str],
    still: list[Trouble],
    mails: list[datetime],
    now: datetime,
) -> bool:
    """Take the lease of a person, send, and write what was told; return False when another worker does."""
    token = uuid.uuid4().hex
    if not _leased(row, token, now):
        return False
    mine = NoticeRecipient.objects.filter(pk=row.pk, lease=token)
    try:
        news = mail.News(
            new=[sentences.trouble(each, person, now) for each in new],
            well=[_end(row.told[key], person) for key in ended],
            still=[sentences.trouble(each, person, now) for each in still],
            daily=row.choice == Choice.DAILY,
        )
        _send(person, news, sending=f"{site.origin()} {row.pk} {row.version}")
    except Exception as error:
        wait = min(FIRST_WAIT * 2 ** min(row.refusals, 10), LONGEST_WAIT)
        mine.update(lease="", lease_until=None, refusals=row.refusals + 1, next_at=clock.now() + wait)
        why = f"{type(error).__name__} {one_line(error)}"
        logger.warning("News of sharing was not sent, and will be tried again: %s", why)
        if (
            not person.is_destination
            and isinstance(error, OSError)
            and not isinstance(error, SMTPRecipientsRefused)
        ):
            raise ServerFailed from error
        return False
    told = {each.key: row.told[each.key] for each in still if each.key in row.told}
    told |= {each.key: _told(each, now) for each in (*new, *(e for e in still if e.key not in told))}
    mine.update(
        told=told,
        mails=[moment.isoformat() for moment in (*mails, now)],
        version=row.version + 1,
        refusals=0,
        next_at=None,
        lease="",
        lease_until=None,
    )
    return True


def _send(person: Person, news: mail.News, *, sending: str) -> None:
    if not person.is_destination:
        mail.write(person, news, sending=sending).send()
        return
    destination = site.destinations().get(person.address)
    if destination is None:
        raise LookupError(f"there is no destination {person.address!r}")
    if not site.adapters.get(destination).tell(news.subject, mail.text(news)):
        raise LookupError(f"the destination {person.address!r} shows no texts to people")


def _leased(row: NoticeRecipient, token: str, now: datetime) -> bool:
    if row.pk is None:
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            return False  # Another worker has just made it.
    free = Q(lease="") | Q(lease=row.lease)
    known = NoticeRecipient.objects.filter(free, pk=row.pk, version=row.version, choice=row.choice)
    return bool(known.update(lease=token, lease_until=now + LEASE))


def _told(each: Trouble, now: datetime) -> dict[str, Any]:
    return {
        "kind": each.kind.value,
        "destination": each.destination,
        "topic": each.topic,
        "shares": each.shares,
        "records": each.records,
        "at": now.isoformat(),
    }


def _end(told: Mapping[str, Any], person: Person) -> sentences.MailLine:
    return sentences.end(Kind(told["kind"]), Address(told["destination"], told["topic"] or ""), person)
