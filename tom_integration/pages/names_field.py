"""Read and write the names of a filter as one line of a form."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any
from unicodedata import category

from django import forms

from sharecore.filter_json import LONGEST_NAME, MOST_NAMES


class NamesField(forms.CharField):
    """Read names between commas or on lines; a name with a comma stands in double quotes."""

    def to_python(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]
        """Return the names."""
        text = super().to_python(value) or ""
        try:
            lines = list(csv.reader(text.splitlines(), skipinitialspace=True, strict=True))
        except csv.Error:
            raise forms.ValidationError(
                'Put a comma between names, and a name with a comma in double quotes: FTN, "LCO, 1 m".'
            ) from None
        names = tuple(name.strip() for line in lines for name in line if name.strip())
        if len(names) > MOST_NAMES:
            raise forms.ValidationError(f"Give at most {MOST_NAMES} names, not {len(names)}.")
        for name in names:
            if len(name) > LONGEST_NAME or any(category(each) in ("Cc", "Cs") for each in name):
                rule = f"A name has at most {LONGEST_NAME} characters, and no control character"
                raise forms.ValidationError(f"{rule}: correct {name[:40]}…")
        return names


def written(names: Iterable[str]) -> str:
    """Return names in the form that `NamesField` reads."""
    return ", ".join(_quoted(name) for name in names)


def _quoted(name: str) -> str:
    plain = "," not in name and not name.startswith('"')
    return name if plain else '"' + name.replace('"', '""') + '"'
