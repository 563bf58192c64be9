"""Write one mail of all troubles of a person, as plain text and as HTML."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from sharecore.texts import number, one_line
from tom_integration import conf
from tom_integration.notices.people import Person
from tom_integration.notices.sentences import MailLine, page

MOST_LINES = 50
"""Lines of one part of a mail; the rest is counted."""
SEND_SECONDS = 20.0
"""Seconds for which a mail server may be silent, unless `EMAIL_TIMEOUT` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Hold what one mail tells."""

    new: Sequence[MailLine] = ()
    """Troubles of which the person was not told."""
    well: Sequence[MailLine] = ()
    """Troubles that are over."""
    still: Sequence[MailLine] = ()
    """Troubles that go on."""
    daily: bool = False
    """True for a daily digest."""

    @property
    def subject(self) -> str:
        """Return the subject, in one line."""
        first = next(iter([*self.new, *self.well, *self.still]))
        others = len(self.new) + len(self.well) + len(self.still) - 1
        if self.daily:
            text = f"daily digest, {number(len(self.new) + len(self.still), 'problem')}"
        elif self.new:
            text = _short(first.text) + (f" (and {others} more)" if others else "")
        else:
            text = f"solved: {_short(first.text)}"
        return one_line(f"[{conf.tom_name()}] Sharing: {text}", 150)

    @property
    def parts(self) -> list[tuple[str, list[MailLine]]]:
        """Return the parts with their headings."""
        named = (("New", self.new), ("Solved", self.well), ("Not solved yet", self.still))
        return [(heading, _cut(lines)) for heading, lines in named if lines]


def write(person: Person, news: News, *, sending: str) -> EmailMultiAlternatives:
    """Return the mail, ready to be sent.

    Args:
        person: who gets it.
        news: what it tells.
        sending: what identifies it. Two sendings of one mail have one `Message-ID`, by which mail servers
            recognise the second: nobody knows whether a mail arrived before its worker died.
    """
    seconds = getattr(settings, "EMAIL_TIMEOUT", None) or SEND_SECONDS
    choice = page("sharing:notices")
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    digest = hashlib.sha256(f"{sending}\n{news.parts}".encode()).hexdigest()[:32]
    mail = EmailMultiAlternatives(
        news.subject,
        f"{text(news)}\nWhat you are told, and when: {choice}\n",
        to=[person.address],
        headers={"Message-ID": f"<sharecore.{digest}@{domain}>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(timeout=seconds),
    )
    has_address = bool(conf.settings().site_url)
    context = {"news": news, "tom": conf.tom_name(), "choice": choice, "has_address": has_address}
    mail.attach_alternative(render_to_string("tom_integration/mail/notice.html", context), "text/html")
    return mail


def text(news: News) -> str:
    """Return the news as plain text: a whole message to a chat, whose choice is a setting."""
    lines: list[str] = []
    for heading, part in news.parts:
        lines += [heading, *_listed(part), ""]
    if not conf.settings().site_url:
        lines += [f"The paths are pages of {one_line(conf.tom_name())}.", ""]
    return "\n".join(lines)


def _listed(lines: Iterable[MailLine]) -> list[str]:
    return [f"- {each.text}" + (f"\n  {each.link}" if each.link else "") for each in lines]


def _cut(lines: Sequence[MailLine]) -> list[MailLine]:
    left = len(lines) - MOST_LINES
    more = [MailLine(text=f"And {left:,} more.", link=page("targets:persistent-share-manage-form"))]
    return [*lines[:MOST_LINES], *(more if left > 0 else [])]


def _short(text: str) -> str:
    return text.partition("; ")[0].partition(": ")[0].removesuffix(".")
