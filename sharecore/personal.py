"""The credentials that each person gives: what is asked for, and where other software of the site has it."""

from __future__ import annotations

from dataclasses import dataclass

PLACE = "{} on the profile page of this site"
"""Place of a credential of a person, for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalSetting:
    """One setting that each person gives, where the entry of a destination says `'CREDENTIALS': 'user'`."""

    label: str
    """Name of the field on the profile page."""
    help: str = ""
    """Where a person finds the value, one line."""
    example: str
    """Value that `config` accepts. The entry is read with it while nobody in particular asks; never sent."""
    secret: bool = True
    """Whether the value must not be shown."""
    also: tuple[str, ...] = ()
    """Other settings that mean the same, or are used in its place: none of them may be in the entry."""
    profile: str = ""
    """Column in which other software of the site keeps the value, as `app_label.Model.column`; the model has
    a `user`. Empty for none.
    """

    @property
    def place(self) -> str:
        """Return the place of the value, for messages."""
        return PLACE.format(repr(self.label))
