"""Provide filters and tags for the templates of the sharing pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from sharecore.addresses import Address
from sharecore.records import Kind
from tom_integration import access, destination_cards, site
from tom_integration.pages import navigation_counts, phrases, target_page
from tom_integration.pages.inventory import KIND_OF_ONE

register = template.Library()
register.filter("key_path", destination_cards.key_path)
register.filter("card_anchor", destination_cards.anchor)
register.filter("card_path", destination_cards.path)
register.simple_tag(target_page.worst, name="worst_place")


@register.filter
def utc(moment: datetime | None) -> SafeString | str:
    """Return a time element in UTC, as astronomers read it; `never` for None."""
    if moment is None:
        return "never"
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time>', moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


@register.filter
def utc_as(moment: datetime, form: str) -> str:
    """Return a time in UTC in a form of `strftime`, which must name UTC itself, unless it is a day."""
    return moment.astimezone(UTC).strftime(form)


@register.filter
def thousands(number: int) -> str:
    """Return 12345 as 12,345."""
    return f"{number:,}"


@register.filter
def sentence(text: str) -> str:
    """Return a reason as a sentence, so that another one can follow."""
    return phrases.join(text)


@register.filter
def state_label(state: str, address: Address) -> str:
    """Return the state of a delivery to this address in words."""
    return phrases.state(state, str(address))


@register.filter
def address_label(address: Address | str) -> str:
    """Return the address of a destination for people."""
    return site.label(str(address))


@register.filter
def kind_label(kind: str) -> str:
    """Return the name of one record of a kind; empty for a delivery that was never read."""
    return KIND_OF_ONE[Kind(kind)] if kind else ""


@register.simple_tag(takes_context=True)
def query_with(context: dict[str, Any], **changes: object) -> str:
    """Return the query of this page with some values changed; an empty value removes its name."""
    query = {key: value for key, value in context["request"].GET.items() if key != "seen"} | changes
    return "?" + urlencode({key: value for key, value in query.items() if value not in (None, "")})


@register.simple_tag(takes_context=True)
def query_sorted(context: dict[str, Any], column: str) -> str:
    """Return the query that sorts this page by a column: the highest first, then the lowest."""
    falling = f"-{column}"
    chosen = column if context["request"].GET.get("sort") == falling else falling
    return query_with(context, sort=chosen, page="")


@register.filter
def sorted_by(sort: str, column: str) -> str:
    """Return the value of `aria-sort` for a column."""
    return {column: "ascending", f"-{column}": "descending"}.get(sort, "none")


@register.simple_tag
def elided(page: Page[Any]) -> list[int | str]:
    """Return the numbers of pages to show, with an ellipsis for those between."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1))


@register.simple_tag(takes_context=True)
def sharing_in_navigation(context: dict[str, Any]) -> dict[str, int]:
    """Return what the navigation bar shows; an empty value for a user who may not see, make or approve."""
    user = _user(context)
    if access.holds(user, "view"):
        return {"needing": navigation_counts.number(user)}
    if access.may_approve(user):
        return {"needing": navigation_counts.number(user), "only_approves": 1}
    return {"needing": 0} if access.holds(user, "add") else {}


@register.simple_tag(takes_context=True)
def may_approve_shares(context: dict[str, Any]) -> bool:
    """Return True when the user may approve what is sent."""
    return access.may_approve(_user(context))


@register.simple_tag(takes_context=True)
def shares_of_target(context: dict[str, Any]) -> list[target_page.DestinationLine]:
    """Return a line for each destination of the target of this page that the user may see."""
    user = _user(context)
    target = context.get("target")
    return [] if target is None else target_page.lines(user, target)


@register.simple_tag(takes_context=True)
def report_button_of_target(context: dict[str, Any]) -> target_page.ReportButton | None:
    """Return the button with which this user can report about the target of this page; None for none."""
    user = _user(context)
    target = context.get("target")
    return None if target is None or user is None else target_page.report_button(user, target)


@register.simple_tag(takes_context=True)
def may_share_targets(context: dict[str, Any]) -> dict[str, bool]:
    """Return an empty value for nobody who is logged in, else whether the user may share continuously."""
    user = _user(context)
    if user is None or not user.is_authenticated:
        return {}
    return {"continuously": access.holds(user, "add")}


def _user(context: dict[str, Any]) -> Any:
    """Return the user who sees the page; None on a page without a request."""
    return getattr(context.get("request"), "user", None)
