"""Turn the TOM's own signals into hints for the worker. A lost hint costs time, never a datum.

A hint leaves after the commit, never waits, and never raises into a `save()` of the TOM.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from tom_targets.models import PersistentShare, TargetList

from tom_integration import polite_writes
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.row_to_record import model_name
from tom_integration.models import ShareRule
from tom_integration.outbox import named_data, open_outboxes, rule_ends, rules
from tom_integration.worker import thread

logger = logging.getLogger(__name__)

Named = dict[str, list[int]]


_gathering = threading.local()


@contextmanager
def gathered() -> Iterator[None]:
    """Collect the hints of this thread, and send one for each target at the end."""
    hints: dict[int, Named] = {}
    _gathering.hints = hints
    try:
        yield
    finally:
        _gathering.hints = None
        for target_id, named in hints.items():
            hint(target_id, named)


def hint(target_id: int, named: Named) -> None:
    """Let a worker look at a target now, and compare the named data, by model, with what was sent."""
    if (hints := getattr(_gathering, "hints", None)) is not None:
        together = hints.setdefault(target_id, {})
        for model, pks in named.items():
            together.setdefault(model, []).extend(pks)
        return
    try:
        transaction.on_commit(lambda: _leave(target_id, named), robust=True)
    except Exception:
        logger.exception("A hint on target %s was lost; the scan will find its data", target_id)


def _leave(target_id: int, named: Named) -> None:
    if thread.wake(target_id, named):
        return
    with polite_writes.writes(patience=polite_writes.HINT_PATIENCE):
        for model, pks in named.items():
            named_data.mark(target_id, model, pks)
        open_outboxes.look_at(target_id)


def _on_datum(sender: type[Model], instance: Any, created: bool, raw: bool = False, **_: object) -> None:
    if raw or instance.target_id is None:
        return
    if created and not thread.running() and thread.chosen():
        return  # The scan of a server finds a new datum, so that this save costs no SQL.
    hint(instance.target_id, {} if created else {model_name(instance): [instance.pk]})


def _on_share(sender: type[Model], instance: Any, raw: bool = False, **_: object) -> None:
    if raw:
        return  # In `loaddata`, rows that the share needs may follow; the scan attaches it.
    open_outboxes.attach(instance)
    hint(instance.target_id, {})


def _on_share_deleted(sender: type[Model], instance: Any, **_: object) -> None:
    open_outboxes.detach(instance.pk, reason=open_outboxes.DELETED)


def _on_list(
    sender: type[Model], instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: object
) -> None:
    """Let a worker look at the rules of a list whose targets change; of every list, where it is not known."""
    if action not in ("post_add", "post_remove", "post_clear"):
        return
    lists = pk_set if reverse else {instance.pk}
    try:
        transaction.on_commit(lambda: _ask(lists), robust=True)
    except Exception:
        logger.exception("A hint on a target list was lost; the scan will look at its rules")


def _ask(lists: set[int] | None) -> None:
    with polite_writes.writes(patience=polite_writes.HINT_PATIENCE):
        rules.ask(lists)


def connect() -> None:
    """Listen to the data, lists, shares and rules of the TOM."""
    for name, model in DATUM_MODELS.items():
        post_save.connect(_on_datum, sender=model, dispatch_uid=f"sharecore.{name}")
    post_save.connect(_on_share, sender=PersistentShare, dispatch_uid="sharecore.share")
    pre_delete.connect(rule_ends.on_rule_deleted, sender=ShareRule, dispatch_uid="sharecore.rule")
    m2m_changed.connect(_on_list, sender=TargetList.targets.through, dispatch_uid="sharecore.list")
    post_delete.connect(_on_share_deleted, sender=PersistentShare, dispatch_uid="sharecore.share")


def name_data(target_id: int, data: Iterable[Any]) -> None:
    """Hint at data, with or without primary keys, that are to be shared now."""
    named: Named = {}
    for row in data:
        pks = named.setdefault(model_name(row), [])
        if row.pk is not None:
            pks.append(row.pk)
    hint(target_id, named)
