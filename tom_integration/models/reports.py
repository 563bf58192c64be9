"""Store the reports about targets that people made."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.db import models

from tom_integration.models.shared_columns import NAME_LENGTH, HasAddress


class Report(HasAddress):
    """Hold a report about a target as a person made it; one that failed is made anew, never changed.

    It names its chosen data, which are read when it is sent.
    """

    token = models.UUIDField(
        default=uuid.uuid4,
        unique=True,
        help_text="Made with the form, so that one that comes twice is one report.",
    )
    target_id = models.BigIntegerField(db_index=True)
    form = models.CharField(max_length=64, help_text="The name of the adapter's form.")
    label = models.CharField(max_length=NAME_LENGTH, help_text="The name of the form for people.")
    values = models.JSONField(default=dict, help_text="The values by field.")
    data = models.JSONField(
        default=dict, help_text="The chosen data by field: a list of model and primary key of each."
    )
    shown = models.JSONField(
        default=list, help_text="What the person filled in: a list of name, label and text of each field."
    )
    creator_id = models.BigIntegerField(null=True, help_text="The user who made it.")
    created = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.label} {self.pk} to {self.address}"

    @property
    def places(self) -> Iterator[tuple[str, int]]:
        """Yield model and primary key of each chosen datum."""
        for chosen in self.data.values():
            yield from ((model, pk) for model, pk in chosen)
