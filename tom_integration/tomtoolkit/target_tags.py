"""Add to what tomtoolkit's tags on the page of a target show, whatever template the TOM has for them.

The stock tag renders first. Where its output has not the expected form, it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django import template
from django.template.base import Node, Parser, Token
from django.template.library import TagHelperNode
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from tom_targets.models import BaseTarget

from tom_integration.pages import target_page

Compile = Callable[[Parser, Token], Node]
Add = Callable[[str, Any, Any], str]
"""Takes what the stock tag shows, the user and the target; returns what is shown."""

_BOX = re.compile(r'id="phot-row-([^"]+)"')
_HEADER = 'id="share-all-phot"'
_END = "</tr>"
_TABLE, _TABLE_END = "<table", "</table>"


class Extended(Node):
    """Render a stock tag, and add to it."""

    def __init__(self, stock: TagHelperNode, add: Add) -> None:
        self._stock = stock
        self._add = add

    def render(self, context: template.Context) -> str:
        """Render it for the user of the request."""
        shown = self._stock.render(context)
        args, kwargs = self._stock.get_resolved_arguments(context)
        target = next((each for each in (*args, *kwargs.values()) if isinstance(each, BaseTarget)), None)
        user = getattr(context.get("request"), "user", None)
        if target is None:
            return str(shown)
        return mark_safe(self._add(str(shown), user, target))  # noqa: S308  (each part was escaped)


def extend(register: template.Library, name: str, add: Add) -> None:
    """Let a stock tag show more.

    Raises:
        KeyError: the library has no such tag.
    """
    stock: Compile = register.tags[name]
    if getattr(stock, "extended", False):
        return

    def compile_both(parser: Parser, token: Token) -> Node:
        node = stock(parser, token)
        return Extended(node, add) if isinstance(node, TagHelperNode) else node

    compile_both.extended = True  # type: ignore[attr-defined]
    register.tag(name, compile_both)


def photometry(shown: str, user: Any, target: Any) -> str:
    """Add a column to the table of photometry, which has a box for each datum."""
    rows = shown.split(_END)
    # A TOM may write numbers with separators.
    keys = [re.sub(r"\D", "", box[1]) if (box := _BOX.search(row)) else "" for row in rows]
    pks = [int(key) for key in keys if key]
    if not pks or _HEADER not in shown:
        return shown
    places = target_page.places(user, target, "photometryreduceddatum", pks)
    if not places:
        return shown
    cells: dict[tuple[target_page.Place, ...], str] = {}  # Thousands of rows say the same.
    for number, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if key:
            where = places[int(key)]
            if where not in cells:
                cells[where] = render_to_string("tom_integration/partials/places.html", {"places": where})
            rows[number] = f'{row}<td class="sharing">{cells[where]}</td>'
        elif _HEADER in row:
            rows[number] = f"{row}<th>Sharing</th>"
    return render_to_string("tom_integration/partials/style.html") + _scrolled(_END.join(rows))


def _scrolled(shown: str) -> str:
    """Let the table scroll in its place: with one column more it may be wider than a small screen."""
    inside = shown.index(_HEADER)
    begin, end = shown.rfind(_TABLE, 0, inside), shown.find(_TABLE_END, inside) + len(_TABLE_END)
    if begin < 0 or end < inside:
        return shown
    return f'{shown[:begin]}<div class="table-responsive">{shown[begin:end]}</div>{shown[end:]}'


def spectra(shown: str, user: Any, target: Any) -> str:
    """Add a table of the spectra below their plot."""
    rows = target_page.spectra(user, target)
    return (
        shown + render_to_string("tom_integration/partials/spectra.html", {"rows": rows}) if rows else shown
    )
