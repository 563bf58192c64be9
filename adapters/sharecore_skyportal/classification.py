"""Write classifications: the form, what is wrong with one, and what SkyPortal gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sharecore import Batch, FieldType, Problem, Report, ReportField, ReportForm
from sharecore_skyportal.config import SkyPortalConfig
from sharecore_skyportal.source import noted
from sharecore_skyportal.taxonomies import ObjectClass, Taxonomies

FORM = "classification"
CLASS, PROBABILITY, ORIGIN, MACHINE, GROUPS = "class", "probability", "origin", "machine", "groups"
_HINT = "Choose one of the list."


def form(batch: Batch, taxonomies: Taxonomies, config: SkyPortalConfig) -> ReportForm | None:
    """Return the form; None where the token may use no taxonomy, and so no class."""
    choices = taxonomies.choices()
    if not choices:
        return None
    groups = tuple((str(each), str(each)) for each in config.groups)
    fields = (
        ReportField(
            name=CLASS, label="Class", type=FieldType.CHOICE, choices=choices, required=True,
            help="The name of its taxonomy stands behind it.",
        ),
        ReportField(name=PROBABILITY, label="Probability", type=FieldType.NUMBER, help="From 0 to 1."),
        ReportField(
            name=ORIGIN, label="Origin", type=FieldType.TEXT,
            help="What it is based on, such as the spectrum of a night.",
        ),
        ReportField(name=MACHINE, label="Made by machine learning", type=FieldType.YES_NO, initial=False),
        ReportField(
            name=GROUPS, label="Groups there that see it", type=FieldType.CHOICES, choices=groups,
            initial=[value for value, _ in groups], required=True,
        ),
    )  # fmt: skip
    return ReportForm(
        name=FORM, label="Classification", fields=fields,
        help="Classify the object. The groups that you choose see it there.",
        title=f"Classification of {batch.target.name}",
    )  # fmt: skip


def problems(report: Report, config: SkyPortalConfig, taxonomies: Taxonomies) -> list[Problem]:
    """Return what is wrong with each field, as far as the taxonomies are known. No network."""
    if report.form != FORM:
        return [Problem(where="", what=f"there is no report {report.form!r} here", hint="Make it anew.")]
    found: list[Problem] = []
    wanted = chosen_class(report)
    if wanted is None:
        found.append(Problem(where=CLASS, what="SkyPortal needs a class", hint=_HINT))
    elif taxonomies.known and not taxonomies.has(wanted):
        what = f"the class {wanted.name!r} is not in its taxonomy there any more"
        found.append(Problem(where=CLASS, what=what, hint="Open the form again, and choose another one."))
    probability: Any = report.values.get(PROBABILITY)
    number = isinstance(probability, int | float) and not isinstance(probability, bool)
    if probability is not None and not (number and 0 <= probability <= 1):
        what = f"must be from 0 to 1, got {probability!r}"
        found.append(Problem(where=PROBABILITY, what=what, hint="Correct it, or leave it blank."))
    groups = chosen_groups(report, config)
    if gone := [each for each in _given(report) if each not in map(str, groups)]:
        what = f"the settings do not name {', '.join(map(repr, gone))} any more"
        found.append(Problem(where=GROUPS, what=what, hint=_HINT))
    elif not groups:
        # Without groups everybody at that SkyPortal would see it.
        found.append(Problem(where=GROUPS, what="SkyPortal needs the groups that see it", hint=_HINT))
    return found


def chosen_class(report: Report) -> ObjectClass | None:
    """Return the class that a person chose; None for none."""
    return ObjectClass.of(str(report.values.get(CLASS) or ""))


def chosen_groups(report: Report, config: SkyPortalConfig) -> tuple[str | int, ...]:
    """Return the chosen groups, as the settings name them."""
    given = _given(report)
    return tuple(each for each in config.groups if str(each) in given)


def body(report: Report, batch: Batch, groups: Sequence[str | int]) -> dict[str, Any]:
    """Return the body of the request. Its origin ends with the key of the report, by which it is known."""
    wanted = chosen_class(report)
    told = " ".join(str(report.values.get(ORIGIN) or "").split())
    return {
        "obj_id": noted(batch),
        "classification": wanted.name if wanted else "",
        "taxonomy_id": wanted.taxonomy if wanted else 0,
        "probability": report.values.get(PROBABILITY),
        "origin": f"{told} [{report.key}]" if told else f"[{report.key}]",
        "ml": report.values.get(MACHINE) is True,
        "group_ids": [*groups],
    }


def is_ours(origin: object, report: Report) -> bool:
    """Return whether a classification with this origin is the report."""
    return isinstance(origin, str) and origin.endswith(f"[{report.key}]")


def described(row: Any) -> str:
    """Return a classification that is there, for people."""
    probability = row.get("probability")
    sure = f" with the probability {probability:g}" if isinstance(probability, int | float) else ""
    author = row.get("author_name")
    by = f" by {author}" if isinstance(author, str) and author else ""
    return f"It is classified there as {row.get('classification')}{sure}{by}"


def _given(report: Report) -> list[str]:
    given = report.values.get(GROUPS)
    return [str(each) for each in given] if isinstance(given, list | tuple) else []
