"""Run `manage.py sharing rules`: list the rules that share whole lists of targets."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tom_integration.api.rules import RuleSerializer
from tom_integration.management import output, rules_text
from tom_integration.models import ShareRule


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command."""
    if options["json"]:
        output.write_json(command, RuleSerializer(ShareRule.objects.order_by("pk"), many=True).data)
    else:
        output.write_lines(command, rules_text.lines(rules_text.read()))
