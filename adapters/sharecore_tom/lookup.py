"""Finding the target at the receiver, or making it there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sharecore.adapter import Batch
from sharecore.exceptions import DestinationError
from sharecore.outcomes import Rejected
from sharecore_http.failures import NoAnswer
from sharecore_http.reply import Verdict
from sharecore_tom.answers import not_able, refused_fields, words
from sharecore_tom.api import Api
from sharecore_tom.receiver import Generation
from sharecore_tom.targets import target_body

TARGETS = "api/targets/"
_MAX_CANDIDATES = 10_000

logger = logging.getLogger(__name__)


class Targets:
    """The targets of one receiver."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._config = api.config

    def remembered(self, batch: Batch) -> int | None:
        """The receiver's id of the target, as noted in an earlier call for this address."""
        known = batch.memory.get("target_id")
        here = batch.memory.get("receiver") == self._config.base_url
        return known if here and isinstance(known, int) else None

    def find(self, batch: Batch) -> int | Rejected | None:
        """The receiver's id of the target; None when it is not there (or hidden from us)."""
        known = self.remembered(batch)
        # One request against sending into a target that took over the id: a TOM may be rebuilt from nothing.
        if known is not None and self._is_still(batch, known):
            return known
        found = self._matches(batch)
        if len(found) > 1:
            listed = ", ".join(f"{name!r} (id {pk})" for pk, name in sorted(found.items()))
            return Rejected(
                reason=f"the names of this target belong to several targets there: {listed}. "
                "Merge them there, or remove the alias that does not belong to it here",
                field="target",
            )
        pk, name = next(iter(found.items()), (None, ""))
        self.note(batch, pk, name)
        return pk

    def find_or_create(self, batch: Batch, at: Generation) -> int | Rejected:
        """The receiver's id of the target, which is made if needed and allowed; else why there is none."""
        found = self.find(batch)
        if isinstance(found, int) and (batch.target.lists or not batch.records):
            self._join_lists(batch, found)
        if found is not None:
            return found
        if not self._config.create_targets:
            return Rejected(
                reason=f"there is no target {batch.target.name!r} there and 'CREATE_TARGETS' is False. "
                "Create it there, with the same name or alias, or change the setting",
                field="target",
            )
        return self._create(batch, at)

    def lists(self, batch: Batch) -> tuple[str, ...]:
        """The target lists that a shared target joins there."""
        configured = self._config.target_lists
        first = (f"Imported From {batch.site.name}",) if configured is None else configured
        return tuple(dict.fromkeys((*first, *batch.target.lists)))

    def _is_still(self, batch: Batch, pk: int) -> bool:
        reply = self._api.ask(f"{TARGETS}{pk}/")
        if reply.status == 404:
            return False
        if reply.verdict is not Verdict.OK or not isinstance(reply.json, dict):
            raise not_able(reply, "looking up the target")
        # Its name there, or one that we know it by, is still the same.
        return not _names(reply.json).isdisjoint({*batch.target.names, batch.memory.get("target_name")})

    def _matches(self, batch: Batch) -> dict[int, str]:
        """Ids and names of the targets there of which a name or alias equals one of ours.

        The filter finds parts of names and a comma means "or", so that it finds too much, never too little.
        """
        wanted = {name for name in batch.target.names if name}
        found: dict[int, str] = {}
        for name in dict.fromkeys(batch.target.names):
            seen = 0
            for page in self._api.pages(TARGETS, {"name": name}) if name else ():
                seen += len(page)
                found |= {
                    each["id"]: str(each.get("name"))
                    for each in page
                    if isinstance(each.get("id"), int) and _names(each) & wanted
                }
                if seen >= _MAX_CANDIDATES:
                    raise DestinationError(
                        f"{seen} targets there are said to have {name!r} in their names; is its filter off?"
                    )
        return found

    def _create(self, batch: Batch, at: Generation) -> int | Rejected:
        lists = self.lists(batch)
        try:
            body = target_body(batch, lists, at)
            reply = self._api.send("POST", TARGETS, body)
        except NoAnswer as error:
            # Nothing of the batch was sent; the next call looks whether the target is there.
            raise DestinationError(f"creating the target: {error.reason}") from None
        if reply.status == 400:
            said = words(reply)
            if 0 in body.values():
                said += ". A stock TOM takes a value of exactly 0 for a missing one: create it there"
            return self._not_created(batch, refused_fields(reply), said)
        pk = reply.json.get("id") if isinstance(reply.json, dict) else None
        if reply.status not in (200, 201) or not isinstance(pk, int):
            raise not_able(reply, "creating the target")
        self.note(batch, pk, batch.target.name)
        batch.memory["lists"] = list(lists)
        return pk

    def _not_created(self, batch: Batch, fields: tuple[str, ...], said: str) -> int | Rejected:
        if not {"name", "aliases"} & set(fields):
            return Rejected(reason=f"the target was refused there: {said}", field="target")
        # Somebody may have made it between our look-up and our request.
        found = self.find(batch)
        if found is not None:
            return found
        return Rejected(
            reason=f"the target was refused there: {said}. If one with this name or alias exists there, our "
            "account may not see it: let it view and change that target",
            field="target",
        )

    def _join_lists(self, batch: Batch, pk: int) -> None:
        lists = self.lists(batch)
        if batch.memory.get("lists") == list(lists):
            return
        try:
            body = {"target_lists": [{"name": name} for name in lists]}
            reply = self._api.send("PATCH", f"{TARGETS}{pk}/", body)
        except NoAnswer as error:
            raise DestinationError(f"joining target lists: {error.reason}") from None
        if reply.status == 200:
            batch.memory["lists"] = list(lists)
        else:
            # No reason to hold back data.
            logger.warning("%s: target %s could not join its lists: %s", self._config.path, pk, words(reply))

    def note(self, batch: Batch, pk: int | None, name: str) -> None:
        """Remember the receiver's id of the target, and its name there."""
        batch.memory.pop("lists", None)
        batch.memory.update(receiver=self._config.base_url, target_id=pk, target_name=name)


def _names(target: Mapping[str, Any]) -> set[str]:
    aliases = target.get("aliases")
    aliases = aliases if isinstance(aliases, list) else []
    return {str(target.get("name"))} | {
        str(each.get("name")) for each in aliases if isinstance(each, Mapping)
    }
