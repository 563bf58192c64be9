"""Revise data that were received before under the same key, with other content.

Only a datum that still is as it was received is changed, since a person may have edited it here; and only by
the site that observed or relayed it. A datum that came from its observer is changed by its observer only: a
relaying site may be late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sharecore.adapter import Site
from sharecore.exceptions import InvalidRecord
from sharecore.identity import fingerprint
from sharecore.records import Record
from tom_integration.access import permitted
from tom_integration.inbox.bulk_insert import kept_apart
from tom_integration.inbox.existing import Contents
from tom_integration.inbox.record_answers import TAKEN, Answer, rejected
from tom_integration.inbox.save_signals import Events
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.record_to_row import columns, model_for, objection
from tom_integration.mapping.row_to_record import identity_of, record_of
from tom_integration.mapping.shareable_rows import by_model
from tom_integration.models import InboxRecord

_NO_RIGHT = rejected("key", "to change this datum, the account needs the rights to view and to change it")


@dataclass(frozen=True, slots=True)
class Revision:
    """Hold new content for a key that was received before."""

    record: Record
    fingerprint: str
    known: InboxRecord
    """The former content of the key."""


def revise(
    revisions: Mapping[int, Revision], site: Site, user: Any, contents: Sequence[Contents], events: Events
) -> dict[int, Answer]:
    """Change data to the content that a site sends now; return the answers by position in the batch.

    Args:
        revisions: the new contents, by position in the batch.
        site: the site that sends.
        user: the account with which it sends.
        contents: data of the target that may be in the way: those that the user may view, and others.
        events: the signals of the batch.
    """
    data = _data([each.known for each in revisions.values()])
    changeable = permitted(user, data, "view", "change")
    answers: dict[int, Answer] = {}
    for number, each in revisions.items():
        place = (each.known.model, each.known.datum_pk)
        row = data.get(place)
        problem = _NO_RIGHT if place not in changeable else _problem(each.record, each.known, row, site)
        answers[number] = problem or _change(row, each, contents, events)
    return answers


def _data(known: list[InboxRecord]) -> dict[tuple[str, int], Any]:
    """Return the data by place, and lock them: an edit of one now waits, and comes after the revision."""
    found: dict[tuple[str, int], Any] = {}
    for name, pks in by_model((each.model, each.datum_pk) for each in known).items():
        rows = DATUM_MODELS[name]._default_manager.select_for_update(no_key=True)
        found |= {(name, pk): row for pk, row in rows.in_bulk(list(pks)).items()}
    return found


def _problem(record: Record, known: InboxRecord, row: Any, site: Site) -> Answer | None:
    if site.origin not in (known.origin, known.relayed_by):
        return rejected("key", "only the site that observed it, or the one that brought it here, changes it")
    if known.relayed_by == known.origin != site.origin:
        why = "its observer gave another content of it to this TOM, and only that site changes it"
        return rejected("key", why)
    if not known.content or not isinstance(row, model_for(record)):
        return rejected("key", "the same observation was here before it was shared, and stays as it is")
    try:
        now = fingerprint(record_of(row, origin=""))
    except InvalidRecord:
        now = ""
    if now != known.content:
        return rejected("key", "it was edited here since it was received, and stays as it is")
    return None


def _change(row: Any, revision: Revision, contents: Sequence[Contents], events: Events) -> Answer:
    known, model, values = revision.known, type(row), columns(revision.record)
    seen, unseen = contents
    if problem := objection(model, values):
        return rejected(*problem)
    if clash := seen.clash(model, values, own=row.pk):
        return rejected(clash[0], TAKEN, clash[1])
    for name, value in values.items():
        setattr(row, name, value)
    done = Answer(outcome="revised", place=(known.model, known.datum_pk))
    refusals = events.before([row])
    if not refusals:
        if clash := unseen.clash(model, values, own=row.pk):
            # Note the content, so that the next answer to this key does not show that nothing was changed.
            InboxRecord.objects.filter(pk=known.pk).update(fingerprint=revision.fingerprint)
            return rejected(clash[0], TAKEN, clash[1], otherwise=done)
        with kept_apart(refusals, id(row)):
            model._default_manager.filter(pk=row.pk).update(**values)
            InboxRecord.objects.filter(pk=known.pk).update(
                fingerprint=revision.fingerprint,
                identity=identity_of(known.model, revision.record),
                content=fingerprint(revision.record),
            )
    if refusals:
        return refusals[id(row)]
    events.after([row], created=False)
    return done
