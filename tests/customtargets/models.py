"""A target model as the documentation of tomtoolkit has them: one field more, and the rights spelled out."""

from __future__ import annotations

from django.db import models
from tom_targets.base_models import BaseTarget


class CustomTarget(BaseTarget):
    """A target with a field of its own."""

    host_galaxy = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = "target"
        permissions = (
            ("view_target", "View Target"),
            ("add_target", "Add Target"),
            ("change_target", "Change Target"),
            ("delete_target", "Delete Target"),
        )
