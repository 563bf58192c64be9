"""Sphinx builds these pages (`make docs`) from Markdown; nothing is fetched from the network."""

from __future__ import annotations

import pydoc
from importlib.metadata import version as version_of
from typing import Any

from sphinx.ext.napoleon import Config, GoogleDocstring

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
# some fields have the name of a builtin that annotations use: `type`
suppress_warnings = ["ref.python"]
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


_SECTIONS = Config(napoleon_use_ivar=True)


def _read_sections(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Read the sections of a docstring (Args, Returns, Raises, Attributes).

    The extension `sphinx.ext.napoleon` as a whole would take a text with a colon below a field for
    "type: text".
    """
    if what not in ("attribute", "data", "property"):
        lines[:] = GoogleDocstring(lines, _SECTIONS, app, what, name, thing, options).lines()


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
    app.connect("autodoc-process-docstring", _read_sections)
