"""Say each trouble, and its end, in one line, with the page where a person can end it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Count, QuerySet
from django.urls import reverse

from sharecore.addresses import Address
from sharecore.delivery import OPEN
from sharecore.texts import number, one_line
from sharecore.times import minute
from tom_integration import access, conf, destination_cards, personal_keys, site
from tom_integration.models import Delivery, Outbox
from tom_integration.notices.people import Person
from tom_integration.notices.troubles import OF_DESTINATION, Kind, Trouble

REASON = 200
"""Longest reason in a mail, in characters."""
_ENDS = {
    Kind.REFUSES: "{} takes our data again.",
    Kind.DOWN: "{} can be reached again.",
    Kind.KEY: "{} refuses none of {} any more.",
    Kind.STOPPED: "None of {} is stopped any more.",
    Kind.FAILED: "No record of {} is refused any more.",
    Kind.NEEDS_REVIEW: "It is now known whether each record of {} arrived.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLine:
    """Hold one line of a mail."""

    text: str
    link: str = ""
    """The address or path of a page; empty for none."""


def trouble(each: Trouble, person: Person, now: datetime) -> MailLine:
    """Return a trouble in one line, with what it means for this person."""
    if each.kind is Kind.TO_APPROVE:
        approves = person.user is None or access.may_approve(person.user)
        return MailLine(
            text=_to_approve(each), link=page("sharing:approvals") if approves else _page_of(each)
        )
    if each.kind is Kind.KEY:
        return _of_keys(each, person, now)
    outboxes = person.outboxes().filter(each.concerned)
    if each.kind in OF_DESTINATION:
        card = destination_cards.path(each.address.name)
        return MailLine(text=_of_destination(each, outboxes, now), link=_at_site(card))
    text = _stopped(each) if each.kind is Kind.STOPPED else _of_records(each, outboxes, person)
    return MailLine(text=text, link=_page_of(each))


def end(kind: Kind, address: Address, person: Person) -> MailLine:
    """Return in one line that a trouble is over."""
    label = _label(str(address))
    if kind is Kind.KEY:
        return MailLine(
            text=_ENDS[kind].format(label, "the keys of people" if person.operator else "your keys")
        )
    whose = "the shares" if person.operator else "your shares"
    return MailLine(text=_ENDS[kind].format(label if kind in OF_DESTINATION else f"{whose} to {label}"))


def page(name: str, *args: object, **query: str) -> str:
    """Return the address of a page; its path when `SHARECORE_SITE_URL` is not set."""
    path = reverse(name, args=args)
    return _at_site(path + (f"?{urlencode(query)}" if query else ""))


def _at_site(path: str) -> str:
    return conf.settings().site_url.rstrip("/") + path


def _label(address: str) -> str:
    return one_line(site.label(address), REASON)


def _of_destination(each: Trouble, outboxes: QuerySet[Outbox], now: datetime) -> str:
    waiting = Delivery.objects.filter(outbox__in=outboxes.values("pk"), state__in=OPEN)
    found = waiting.aggregate(records=Count("*"), shares=Count("outbox", distinct=True))
    does = "refuses us" if each.kind is Kind.REFUSES else "does not answer"
    since = f" since {minute(each.since, now)}" if each.since else ""
    records, shares = found["records"], found["shares"]
    wait = f"; {number(records, 'record')} of {number(shares, 'share')} wait{'s' if records == 1 else ''}"
    return _because(f"{_label(str(each.address))} {does}{since}{wait if records else ''}", each.reason)


def _of_keys(each: Trouble, person: Person, now: datetime) -> MailLine:
    """Return that keys are refused: their own to a person, whose they are to an operator."""
    there, since = _label(str(each.address)), f" since {minute(each.since, now)}" if each.since else ""
    rows = person.key_refusals().filter(destination=each.destination)
    mine = person.user is not None and rows.filter(user_id=person.user.pk).exists()
    if mine and each.shares == 1:
        text = _because(f"{there} refuses your key{since}; what you share there waits", each.reason)
        path = destination_cards.key_path(each.destination)
        return MailLine(text=f"{text} Enter another one.", link=_at_site(path))
    names = [personal_keys.name_of(pk) for pk in sorted(set(rows.values_list("user_id", flat=True)))[:5]]
    more = f" and {each.shares - len(names)} more" if each.shares > len(names) else ""
    text = f"{there} refuses the key of {', '.join(names)}{more}{since}"
    return MailLine(text=_because(text, each.reason), link=_at_site(destination_cards.path(each.destination)))


def _stopped(each: Trouble) -> str:
    verb = "is" if each.shares == 1 else "are"
    text = f"{number(each.shares, 'share')} to {_label(str(each.address))} {verb} stopped"
    more = f" (and {number(each.reasons - 1, 'other reason')})" if each.reasons > 1 else ""
    return _because(text, each.reason, more)


def _of_records(each: Trouble, outboxes: QuerySet[Outbox], person: Person) -> str:
    rows: QuerySet[Delivery] = Delivery.objects.filter(outbox__in=outboxes.values("pk"))
    rows = rows.filter(state=each.kind.value)
    if person.user is not None:
        rows = access.of_visible_data(person.user, rows)
    reasons = rows.order_by().values("reason").annotate(number=Count("*")).order_by("-number", "reason")
    reason = next((row["reason"] for row in reasons[:1]), "")
    records = f"{number(each.records, 'record')} of {number(each.shares, 'share')}"
    label, one = _label(str(each.address)), each.records == 1
    if each.kind is Kind.FAILED:
        return _because(f"{records} {'was' if one else 'were'} refused by {label}", reason)
    said = _because(f"{records} may have arrived at {label}", reason)
    return f"{said} Look there, then say whether {'it' if one else 'they'} did."


def _to_approve(each: Trouble) -> str:
    records, targets = number(each.records, "record"), number(each.shares, "target")
    wait = f"wait{'s' if each.records == 1 else ''} for approval to go to {_label(str(each.address))}"
    return f"{records} of {targets} {wait}."


def _because(text: str, reason: str, more: str = "") -> str:
    said = f"{text}: {one_line(reason, REASON)}" if reason else text
    return f"{said}{more}" if said.endswith((".", "!", "?", "…")) and not more else f"{said}{more}."


def _page_of(each: Trouble) -> str:
    """Return the page of the share, if it is one, or the shares to the destination that need action."""
    outbox = Outbox.objects.filter(pk=each.only).first() if each.only else None
    if outbox is not None and outbox.share_id is not None:
        return page("sharing:share-page", outbox.share_id)
    if outbox is not None:
        return page("sharing:history", outbox.target_id, outbox.pk)
    return page("targets:persistent-share-manage-form", state="action-needed", q=str(each.address))
