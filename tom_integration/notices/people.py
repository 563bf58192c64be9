"""Find who is told of what: creators of their shares, operators of all that they may view, and approvers.

Approvers are told of what they may approve.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from tom_integration import access, conf, site
from tom_integration.models import TO_APPROVE, Delivery, KeyRefusal, NoticeRecipient, NoticeScan, Outbox

Choice = NoticeRecipient.Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Hold somebody who may be told."""

    key: str
    """What identifies the person in `NoticeRecipient`."""
    address: str
    """The e-mail address, or the name of a destination that shows texts to people."""
    operator: bool
    """True when `SHARECORE_NOTIFY` names the address."""
    user: Any = field(default=None)
    """The account; None for an address without one."""

    @property
    def is_destination(self) -> bool:
        """Return True for a destination, such as a chat; False for any address of an account."""
        return self.user is None and conf.names_destination(self.address)

    def outboxes(self) -> QuerySet[Outbox]:
        """Return the outboxes of whose troubles the person is told, by the rights that the person has now."""
        if self.user is None:
            return Outbox.objects.all()
        visible = access.outboxes_for(self.user, "view")
        if self.operator:
            return visible
        return visible.filter(share_id__isnull=False, creator_id=self.user.pk)

    def key_refusals(self) -> QuerySet[KeyRefusal]:
        """Return the refused keys of which the person is told: the own ones, or all as an operator."""
        rows = KeyRefusal.objects.all()
        return rows if self.operator else rows.filter(user_id=self.user.pk)

    def to_approve(self) -> QuerySet[Delivery]:
        """Return what waits for approval, of that which the person may approve, or view as an operator."""
        waiting = Delivery.objects.filter(TO_APPROVE)
        if self.user is None:
            return waiting
        if access.may_approve(self.user):
            return access.approvable(self.user)
        if not self.operator:
            return waiting.none()
        return access.of_visible_data(self.user, waiting.filter(outbox__in=self.outboxes().values("pk")))


def everybody() -> list[Person]:
    """Return the creators of shares, people whose key is refused, approvers and operators, of those who can
    be reached: active, with an address.

    An address of `SHARECORE_NOTIFY` that belongs to accounts has their rights and choices; one without an
    account, and a destination, is told of all shares. Destinations come first, so that a mail server that
    fails or hangs silences none.
    """
    named = _operators()
    creators = Outbox.objects.filter(share_id__isnull=False, creator_id__isnull=False).values("creator_id")
    column = get_user_model().get_email_field_name()
    chosen = Q(pk__in=creators) | Q(pk__in=KeyRefusal.objects.values("user_id"))
    if any(each.approval for each in site.destinations().values()):
        chosen |= Q(pk__in=access.approvers().values("pk"))
    for address in named:
        chosen |= Q(**{f"{column}__iexact": address})
    people, known = [], set()
    for user in get_user_model()._default_manager.filter(chosen).order_by("pk"):
        address = str(getattr(user, column) or "").strip()
        known.add(address.lower())
        if address and user.is_active:
            people.append(of_user(user))
    chats = dict.fromkeys(filter(conf.names_destination, conf.settings().notify))
    alone = [address for lower, address in named.items() if lower not in known]
    return [
        # The name of a destination may be the primary key of a user.
        *(Person(key=f"destination:{name}", address=name, operator=True) for name in chats),
        *people,
        *(Person(key=address, address=address, operator=True) for address in alone),
    ]


def of_user(user: Any) -> Person:
    """Return a user as a person; without an address the person cannot be told."""
    address = str(getattr(user, user.get_email_field_name()) or "").strip()
    return Person(key=str(user.pk), address=address, operator=address.lower() in _operators(), user=user)


def choice_of(user: Any) -> str:
    """Return the choice of a user."""
    row = NoticeRecipient.objects.filter(key=str(user.pk)).first()
    return row.choice if row else Choice.AT_ONCE.value


def choose(user: Any, choice: str) -> None:
    """Store the choice of a user, and let the next scan follow it."""
    # Write first: on SQLite a transaction that has read fails at once while another one writes.
    NoticeRecipient.objects.bulk_create(
        [NoticeRecipient(key=str(user.pk), choice=choice)],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["choice"],
    )
    # Another text each time: a scan under way must not write over it.
    NoticeScan.objects.bulk_create(
        [NoticeScan(pk=1, digest=uuid.uuid4().hex)],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["digest"],
    )


def _operators() -> dict[str, str]:
    """Return the e-mail addresses of `SHARECORE_NOTIFY` by their lower case."""
    return {each.lower(): each for each in conf.settings().notify if not conf.names_destination(each)}
