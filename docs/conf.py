"""Sphinx builds these pages (`make docs`) from Markdown; nothing is fetched from the network."""

from __future__ import annotations

import inspect
import pydoc
import re
from importlib.metadata import version as version_of
from typing import Any

project = "sharecore"
author = "sharecore contributors"
copyright = author
version = release = version_of("sharecore")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# docstrings put code between single backticks
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
autodoc_type_aliases = {
    name: f"sharecore.{module}.{name}"
    for module, names in {"records": ("Record", "JsonValue"), "outcomes": ("Outcome", "Result")}.items()
    for name in names
}

nitpicky = True
nitpick_ignore_regex = [
    # types of other projects: their documentation is not fetched
    (r"py:.*", r"(?!sharecore).*"),
    # our own names that are not public
    (r"py:.*", r".*\._\w+"),
]

html_theme = "furo"
html_title = f"sharecore {release}"
html_static_path = ["_static"]
html_css_files = ["sharecore.css"]
html_show_copyright = False
copybutton_exclude = ".linenos, .gp, .go"


def _names(thing: Any) -> set[str]:
    """The fields, parameters and attributes that the docstring of a class or function may tell of."""
    names = set(getattr(thing, "__annotations__", ()))
    for function in (thing, vars(thing).get("__init__") if inspect.isclass(thing) else None):
        code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
        if code is not None:
            names |= {*code.co_varnames, *code.co_names}
    return {name for name in names if not name.startswith("_")}


def _list_fields(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings tell of fields as `name: text. other, third: text.` Each becomes an item of a list."""
    names = _names(thing)
    paragraphs = re.split(r"\n[ \t]*\n", "\n".join(lines))
    shown: list[str] = []
    for paragraph in paragraphs:
        head, *items = re.split(r"(?:^|(?<=[.;:)])\s+|\n)((?:\w+\*?)(?:, \w+\*?)*): (?=\S)", paragraph)
        pairs = list(zip(items[::2], items[1::2], strict=True))
        if (
            not pairs
            or paragraph.startswith((" ", ".. "))
            or not all(set(words.split(", ")) <= names or "*" in words for words, _ in pairs)
        ):
            shown += [paragraph, ""]
            continue
        shown += [head.strip(), ""] if head.strip() else []
        shown += [f"* ``{words}``: {' '.join(text.split())}" for words, text in pairs]
        shown.append("")
    lines[:] = "\n".join(shown).splitlines()


def _is_ours(app: Any, env: Any, node: Any, shown: Any) -> Any:
    """A name of ours that is on no page is shown without a link; one that does not exist is an error."""
    target = node.get("reftarget", "")
    return shown if target.startswith("sharecore") and pydoc.locate(target) is not None else None


def _readable(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """A default that a dataclass makes anew each time is no Python that could be read."""
    return (signature.replace("<factory>", "..."), returns) if signature else None


def setup(app: Any) -> None:
    app.connect("autodoc-process-signature", _readable)
    app.connect("missing-reference", _is_ours)
    app.connect("autodoc-process-docstring", _list_fields)
