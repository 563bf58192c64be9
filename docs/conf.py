"""Sphinx builds these pages: `make docs`. The text is Markdown (MyST); nothing is fetched from the network."""

from __future__ import annotations

from importlib.metadata import version as version_of

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
autodoc_default_options = {"members": True, "show-inheritance": True}

nitpicky = True
nitpick_ignore_regex = [
    # types of other projects: their documentation is not fetched
    (r"py:.*", r"(?!sharecore).*"),
    # our own type variables and names that are not public
    (r"py:.*", r".*\._\w+"),
]

# A page that others add beside index.md is found there without being listed.
suppress_warnings = ["toc.empty_glob"]

html_theme = "furo"
html_title = f"sharecore {release}"
html_static_path = ["_static"]
html_css_files = ["sharecore.css"]
html_show_copyright = False
copybutton_exclude = ".linenos, .gp, .go"
