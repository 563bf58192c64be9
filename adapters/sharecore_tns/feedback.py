"""Read the answers of TNS to a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sharecore import Accepted, Duplicate, Outcome, Rejected, hide_secrets, one_line
from sharecore_tns.field_names import form_field

CREATED, EXISTING, RENAMED = "100", "101", "121"
"""Codes of a new object, of a report about one that was there, and of a classification that gave a name."""
IDENTICAL = "5"
"""Code of a report that is there already, from the same sender with the same place and date."""
_MOST = 400


def outcome(status: int, answer: Any, *, host: str, live: bool) -> Outcome | None:
    """Return what became of a report; None where the answer does not say it.

    Args:
        status: status of the answer, 200 or 400.
        answer: its JSON.
        host: host of TNS.
        live: whether it is the live TNS.
    """
    data = answer.get("data") if isinstance(answer, Mapping) else None
    feedback = data.get("feedback") if isinstance(data, Mapping) else None
    if not isinstance(feedback, Mapping):
        return None
    found = dict(_codes(feedback))
    if status == 200 and (name := _name(found)):
        short = name.split()[-1]
        return Accepted(remote_id=f"{host}/object/{short}", target_name=name if live else f"{name} (sandbox)")
    if IDENTICAL in found or any(number == IDENTICAL for _, _, number in _messages(feedback)):
        return Duplicate()
    if status == 200:
        return Accepted() if _classified(feedback) else None
    told = [(path, text) for path, text, _ in _messages(feedback)]
    if not told:
        return Rejected(reason="TNS refuses the report without a reason")
    texts = dict.fromkeys(f"{path[-1]}: {text}" if path else text for path, text in told)
    field = next((blamed for path, _ in told if (blamed := form_field(path))), None)
    return Rejected(reason=f"TNS refuses the report: {one_line('; '.join(texts), _MOST)}", field=field)


def _name(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the name of the object with its prefix, as `AT 2026abc`; empty where the answer has none."""
    if RENAMED in found:
        return _spaced(_text(found[RENAMED].get("new_object_name")))
    for code in (CREATED, EXISTING):
        if code in found and (name := _text(found[code].get("objname"))):
            return f"{_text(found[code].get('prefix')) or 'AT'} {name}"
    return ""


def _spaced(name: str) -> str:
    """Return a name with a blank after its prefix, as `SN 2026abc` of `SN2026abc`."""
    prefix = name.rstrip("0123456789abcdefghijklmnopqrstuvwxyz ").strip()
    rest = name.removeprefix(prefix).strip()
    return f"{prefix} {rest}" if prefix and rest else name


def _text(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return text if len(text) <= 60 and text.isprintable() else ""


def _codes(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each code of an answer with what stands beside it, wherever it is."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            known = name in (CREATED, EXISTING, RENAMED) or (
                # Else it is a place in a list, such as that of an entry of photometry.
                name == IDENTICAL and isinstance(inner, Mapping) and "message" in inner
            )
            if known and isinstance(inner, Mapping):
                yield name, inner
            yield from _codes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _codes(inner)


def _messages(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield each message of an answer: the names on the way to it, its text, and its number."""
    if isinstance(value, Mapping):
        text = value.get("message")
        if isinstance(text, str) and text.strip():
            yield path, " ".join(hide_secrets(text).split()), str(value.get("message_id", ""))
            return
        for name, inner in value.items():
            yield from _messages(inner, path if str(name).isdigit() else (*path, str(name)))
    elif isinstance(value, list):
        for inner in value:
            yield from _messages(inner, path)


def _classified(feedback: Mapping[str, Any]) -> bool:
    """Return whether a classification was taken: its answer has messages, and none about a field."""
    reports = feedback.get("classification_report")
    first = reports[0] if isinstance(reports, list) and reports else None
    if not isinstance(first, Mapping) or not first.get("classification_messages"):
        return False
    return all(path[-1:] == ("classification_messages",) for path, _, _ in _messages(first))
