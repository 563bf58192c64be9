"""Send the signals of saving each datum, which a bulk insert does not: shares and other apps need them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.db.models.signals import post_save, pre_save

from tom_integration import wake_up
from tom_integration.inbox.record_answers import Answer, rejected

logger = logging.getLogger(__name__)


class Events:
    """Collect and send the signals of one batch."""

    def __init__(self) -> None:
        self._saved: list[tuple[Any, bool]] = []

    def before(self, rows: Iterable[Any]) -> dict[int, Answer]:
        """Send `pre_save` of each row; return a rejection, by `id` of the row, where a receiver raises."""
        refusals: dict[int, Answer] = {}
        for row in rows:
            if not pre_save.has_listeners(type(row)):
                continue
            try:
                pre_save.send(type(row), instance=row, raw=False, using=_using(row), update_fields=None)
            except ValidationError as error:
                refusals[id(row)] = rejected("", " ".join(error.messages))
            except Exception:
                logger.exception("A receiver of pre_save forbids to store a datum that another site sent")
                refusals[id(row)] = rejected("", "an app of this TOM failed on it; its log tells more")
        return refusals

    def after(self, rows: Iterable[Any], *, created: bool) -> None:
        """Note rows that were saved."""
        self._saved += [(row, created) for row in rows]

    def tell(self) -> None:
        """Send `post_save` of each row after the commit, when an error of a receiver can undo nothing."""
        if self._saved:
            transaction.on_commit(self._tell, robust=True)

    def _tell(self) -> None:
        with wake_up.gathered():
            for row, created in self._saved:
                post_save.send_robust(
                    type(row), instance=row, created=created, update_fields=None, raw=False, using=_using(row)
                )


def _using(row: Any) -> str:
    return str(router.db_for_write(type(row), instance=row))
