r"""Read units in TeX as plain text: `$\mathrm{\frac{erg}{s\,cm^{2}}}$` becomes `erg/(s cm^2)`."""

from __future__ import annotations

import re

_COMMANDS = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\\\\", r"\\"),
        (r"\\(?:left|right|rm|math(?!ring)[a-z]+|text(?:rm|up)?|mbox|si|unit)(?![A-Za-z])|\$", " "),
        (r"\\(?:times|cdot|quad)(?![A-Za-z])|\\[,;:! ]|~", " "),
        (r"\\textsuperscript(?![A-Za-z])", "^"),
        (r"\\overset\s*\{\s*\\circ\s*\}|\\mathring(?![A-Za-z])", r"\\r"),
        (r"\\(?:AA|angstrom)(?![A-Za-z])", " Angstrom "),
        (r"\\circ(?![A-Za-z])", "\u00b0"),
        (r"\\prime(?![A-Za-z])", "'"),
        (r"\\(?:up|text)?mu(?:up)?(?![A-Za-z])|\\micro(?![A-Za-z])", "\u00b5"),
    )
]
# From the innermost braces outwards.
_BRACES = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\\r(?:\s*\{\s*A\s*\}|\s+A\b)", " Angstrom "),
        (r"\s*\^\s*\{?\s*([\u00b0']+)\s*\}?", r"\1"),
        (r"\s*\^\s*\{\s*([^{}]*?)\s*\}", r"^\1 "),
        # At the end alone: astropy takes what follows a fraction for a part of its denominator.
        (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}(?=[\s})\].]*$)", r" \1/(\2) "),
        (r"(?<!frac)(?<!\\r)(?<!\})\{([^{}]*)\}", r" \1 "),
    )
]
_MICRO = re.compile("\u00b5\\s+(?=[A-Za-z])")


def without_tex(text: str) -> str:
    """Return the same unit without TeX; a text without TeX as it is."""
    if not re.search(r"[\\${~]", text):
        return text
    for pattern, meant in _COMMANDS:
        text = pattern.sub(meant, text)
    before = ""
    while text != before:
        before = text
        for pattern, meant in _BRACES:
            text = pattern.sub(meant, text)
    return _MICRO.sub("\u00b5", text).strip()
