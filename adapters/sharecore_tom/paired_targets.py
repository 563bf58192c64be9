"""Note which target at the receiver belongs to a target here, in the state of its batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sharecore.adapter import Batch
from sharecore.targets import simple_name, target_key
from sharecore_tom.compare import moment


class PairedTargets:
    """The targets of one receiver that were found or made in earlier calls.

    Args:
        base_url: address of the receiver; what was noted of another is not used.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def remembered(self, batch: Batch) -> int | None:
        """Return the id of the target at the receiver, as noted in an earlier call for this address."""
        known = batch.state.get("target_id")
        here = batch.state.get("receiver") == self._base_url
        return known if here and isinstance(known, int) else None

    def key(self, batch: Batch) -> str | None:
        """Return the target key of the receiver, where its REST API has shown us when the target was made.

        If the receiver has sharecore by now, it finds a target that was paired by its id by this key.
        """
        pk, made = self.remembered(batch), moment(batch.state.get("target_created"))
        return None if pk is None or made is None else target_key(pk, made)

    def note(self, batch: Batch, pk: int | None, name: str, created: object = None) -> None:
        """Note the id of the target at the receiver, its name there, and the time when it was made there."""
        if self.remembered(batch) != pk:
            batch.state.pop("lists", None)
            batch.state.pop("target_created", None)
        if batch.state.get("no_rights_to") != pk:
            batch.state.pop("no_rights_since", None)
        # A ledger keeps no NUL.
        batch.state.update(receiver=self._base_url, target_id=pk, target_name=name.replace("\0", ""))
        if made := moment(created):
            batch.state["target_created"] = made.isoformat()

    def note_target(self, batch: Batch, pk: int | None, target: Mapping[str, Any]) -> None:
        """Note what the REST API of the receiver shows of the target."""
        self.note(batch, pk, str(target.get("name") or ""), target.get("created"))


def names_of(target: Mapping[str, Any]) -> set[str]:
    """Return name and aliases of a target as the REST API shows it."""
    aliases = target.get("aliases")
    aliases = aliases if isinstance(aliases, list) else []
    return {str(target.get("name"))} | {
        str(each.get("name")) for each in aliases if isinstance(each, Mapping)
    }


def form(name: str) -> str:
    """Return the form of a name that is compared; a name of nothing but dashes is compared as it is."""
    return simple_name(name) or name


def forms(names: Iterable[str]) -> set[str]:
    """Return the forms of names that are compared."""
    return {form(name) for name in names}
