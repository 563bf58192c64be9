"""Find the target at the receiver, or make it there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sharecore.adapter import Batch
from sharecore.exceptions import DestinationError
from sharecore.outcomes import Deferred, Rejected
from sharecore_http.failures import NoAnswer
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.api import Api
from sharecore_tom.compare import moment
from sharecore_tom.paired_targets import PairedTargets, form, forms, names_of
from sharecore_tom.receiver import DATA, Generation
from sharecore_tom.refusals import not_able, refused_fields, words
from sharecore_tom.target_body import target_body

TARGETS = "api/targets/"
_MAX_CANDIDATES = 10_000
_MAX_NAME = 400
"""Longest name, in characters: a longer one fits no TOM, and no part of an address that servers take."""

_RIGHTS_WITHIN = 60.0
"""Seconds after which a target has the rights of the account that made it, also at a busy receiver."""
NoTarget = Rejected | Deferred
"""The reason why there is no target to send to: for good, or for now."""

logger = logging.getLogger(__name__)


class Targets:
    """The targets of one receiver."""

    def __init__(self, api: Api, now: Callable[[], float]) -> None:
        self._api = api
        self._config = api.config
        self._now = now
        self.paired = PairedTargets(api.config.base_url)

    def find(self, batch: Batch) -> int | NoTarget | None:
        """Return the id of the target at the receiver; None when it is not there (or hidden from us).

        A target that was paired by its id stays paired, whatever its name at either side is now.
        """
        known = self.paired.remembered(batch)
        if known is not None:
            still = self._still(batch, known)
            if still is not None:
                return still
        found = self._matches(batch)
        if isinstance(found, Deferred):
            return found
        if len(found) > 1:
            listed = ", ".join(f"{each.get('name')!r} (id {pk})" for pk, each in sorted(found.items()))
            return Rejected(
                reason=f"the names of this target belong to several targets there: {listed}. "
                "Merge them there, or remove the alias that does not belong to it here",
                field="target",
            )
        pk, target = next(iter(found.items()), (None, {}))
        self.paired.note_target(batch, pk, target)
        return pk

    def candidates(self, batch: Batch) -> list[int] | Deferred:
        """Return the ids of all targets there that may have data of this one: the paired one, or all of its
        name.

        It may have been merged with another target here, and not there.
        """
        known = self.paired.remembered(batch)
        still = None if known is None else self._still(batch, known)
        found = still if still is not None else self._matches(batch)
        if isinstance(found, Deferred):
            return found
        return [found] if isinstance(found, int) else sorted(found)

    def find_or_create(self, batch: Batch, at: Generation) -> int | NoTarget:
        """Return the id of the target at the receiver, which is made if needed and allowed; else the reason
        for none.
        """
        found = self.find(batch)
        if isinstance(found, int) and (batch.target.lists or not batch.records):
            self._join_lists(batch, found)
        if found is not None:
            return found
        return self._create(batch, at) if self._config.create_targets else self._missing(batch)

    def to_send_to(self, batch: Batch) -> int | NoTarget:
        """Return the id of the target at the receiver, without making it; else the reason for none."""
        found = self.find(batch)
        if isinstance(found, int) and batch.target.lists:
            self._join_lists(batch, found)
        if found is not None:
            return found
        if not self._config.create_targets:
            return self._missing(batch)
        return Deferred(
            reason="our account sees no such target there: it may have been deleted, or made at this moment. "
            "It is looked for again, and made if needed, before the next try"
        )

    def _missing(self, batch: Batch) -> Rejected:
        return Rejected(
            reason=f"there is no target {batch.target.name!r} there and 'CREATE_TARGETS' is False. "
            "Create it there, with the same name or alias, or change the setting",
            field="target",
        )

    def lists(self, batch: Batch) -> tuple[str, ...]:
        """Return the target lists at the receiver that a shared target joins."""
        configured = self._config.target_lists
        first = (f"Imported From {batch.site.name}",) if configured is None else configured
        return tuple(dict.fromkeys((*first, *batch.target.lists)))

    def _still(self, batch: Batch, pk: int) -> int | Deferred | None:
        """Return the id if the target that has it there is still the one that was paired, else None.

        One request against sending into a target that took over the id: a TOM may be rebuilt from nothing.
        """
        reply = self._api.ask(f"{TARGETS}{pk}/")
        if reply.status == 404:
            return None
        if reply.status == 500:
            return self._not_shown(reply)
        if reply.verdict is not Verdict.OK or not isinstance(reply.json, dict):
            raise not_able(reply, "looking up the target")
        made, noted = moment(reply.json.get("created")), moment(batch.state.get("target_created"))
        same = made is not None and made == noted
        if not same and forms(names_of(reply.json)).isdisjoint(
            forms({*batch.target.names, str(batch.state.get("target_name"))})
        ):
            return None
        self.paired.note_target(batch, pk, reply.json)
        return pk

    def _not_shown(self, reply: Reply) -> Deferred:
        """Return the outcome for a receiver that fails for one target and works otherwise.

        It fails so where a number of the target has no form in JSON. Raises `DestinationError` where it fails
        for everything.
        """
        if self._api.ask(DATA, method="OPTIONS").verdict is not Verdict.OK:
            raise not_able(reply, "looking up the target")
        return Deferred(
            reason=f"that TOM cannot show its target of this name ({words(reply)}). Ask its operator to look "
            "for a number there that is NaN or infinite"
        )

    def _matches(self, batch: Batch) -> dict[int, Mapping[str, Any]] | Deferred:
        """Return the targets there, by id, that share a name or alias with ours, as tomtoolkit compares
        names.

        Of several, those with exactly the same name count. Some receivers ignore the filter, so that it finds
        too much, never too little.
        """
        names = [name for name in batch.target.names if name and len(name) <= _MAX_NAME and "\0" not in name]
        found: dict[int, Mapping[str, Any]] = {}
        hidden = False
        for name in {form(name): name for name in reversed(names)}.values():
            seen = 0
            for page in self._api.pages(TARGETS, {"name_fuzzy": name}):
                seen += len(page)
                hidden = hidden or {} in page
                found |= {
                    each["id"]: each
                    for each in page
                    if isinstance(each.get("id"), int) and forms(names_of(each)) & forms(names)
                }
                if seen >= _MAX_CANDIDATES:
                    raise DestinationError(
                        f"that TOM lists {seen} targets for the name {name!r}, so its filter does not work. "
                        "Tell its operator"
                    )
        if hidden and not found:
            return Deferred(
                reason="that TOM cannot show its target of this name. Ask its operator to look for a number "
                "there that is NaN or infinite"
            )
        exact = {pk: each for pk, each in found.items() if names_of(each) & set(names)}
        return exact or found

    def _create(self, batch: Batch, at: Generation) -> int | NoTarget:
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
        made = reply.json if isinstance(reply.json, dict) else {}
        pk = made.get("id")
        of_another = forms(names_of(made)).isdisjoint(forms(batch.target.names))
        if reply.status not in (200, 201) or not isinstance(pk, int) or of_another:
            raise not_able(reply, "creating the target")
        self.paired.note_target(batch, pk, made)
        batch.state["lists"] = list(lists)
        return pk

    def _not_created(self, batch: Batch, fields: tuple[str, ...], said: str) -> int | NoTarget:
        if not {"name", "aliases"} & set(fields):
            return Rejected(reason=f"the target was refused there: {said}", field="target")
        # Somebody may have made it between our look-up and our request.
        found = self.find(batch)
        if found is not None:
            return found
        return self.without_rights(
            batch,
            f"the target was refused there: {said}. If one with this name or alias exists there, our account "
            "may not see it: let it view and change that target",
        )

    def without_rights(self, batch: Batch, reason: str, pk: int | None = None) -> NoTarget:
        """Return the outcome for a target that our account may not use: refused, but not in the first minute.

        A TOM stores a target a moment before the rights of the account that makes it. That may be ours, in
        another worker, or in one that was killed while a slow receiver made the target.

        Args:
            batch: batch for the target; its state keeps since when.
            reason: reason of the refusal, with what to do.
            pk: id of the target; None where our account does not see it.
        """
        now, since = self._now(), batch.state.get("no_rights_since")
        if not isinstance(since, float) or batch.state.get("no_rights_to") != pk:
            since = now
            batch.state.update(no_rights_to=pk, no_rights_since=since)
        if abs(now - since) < _RIGHTS_WITHIN:
            return Deferred(
                reason=f"{reason}. The target may have been made at this moment, so it is tried again"
            )
        return Rejected(reason=reason, field="target")

    def _join_lists(self, batch: Batch, pk: int) -> None:
        lists = self.lists(batch)
        if batch.state.get("lists") == list(lists):
            return
        try:
            body = {"target_lists": [{"name": name} for name in lists]}
            reply = self._api.send("PATCH", f"{TARGETS}{pk}/", body)
        except NoAnswer as error:
            raise DestinationError(f"joining target lists: {error.reason}") from None
        if reply.status == 200:
            batch.state["lists"] = list(lists)
        else:
            # No reason to hold back data.
            logger.warning("%s: target %s could not join its lists: %s", self._config.path, pk, words(reply))
