"""The page of words in the documentation says what the page of the TOM says, of every state."""

from __future__ import annotations

from documentation.samples import DOCS, tables
from sharecore.delivery import State
from tom_integration.pages.glossary import OF_RECORDS, OF_SHARES, WORDS, label
from tom_integration.pages.share_status import ShareStatus


def test_the_documentation_and_the_pages_explain_the_same_words() -> None:
    found = tables((DOCS / "reference" / "glossary.md").read_text())
    assert found["Words"] == [[word, meaning] for word, meaning in WORDS.items()]
    assert found["State of a share"] == [[str(each.label), meaning] for each, meaning in OF_SHARES.items()]
    assert found["State of a record"] == [[label(each), meaning] for each, meaning in OF_RECORDS.items()]


def test_no_state_is_left_out() -> None:
    assert set(OF_SHARES) == set(ShareStatus)
    assert set(OF_RECORDS) == set(State)
