"""Store the ledger: the deliveries to each destination, their attempts and answers.

Rows refer to data, targets, shares and users of the TOM by plain integers: a foreign key could block or slow
a delete there, and the ledger has to outlive them. Rows refer to each other by foreign keys that the database
does not check, since it would check each row of a batch.
"""

from __future__ import annotations

from tom_integration.models.activity import Activity
from tom_integration.models.health import DestinationHealth, ScanPosition, Worker
from tom_integration.models.inbox import InboxRecord, Origin, Peer, TargetKey
from tom_integration.models.ledger import (
    EDITED,
    NEEDY,
    OUTDATED,
    RENAMED,
    TO_APPROVE,
    Attempt,
    Call,
    Delivery,
    LedgerVersion,
)
from tom_integration.models.notices import NoticeRecipient, NoticeScan
from tom_integration.models.personal_keys import KeyRefusal, PersonalKey
from tom_integration.models.reports import Report
from tom_integration.models.shared_columns import (
    ADDRESS,
    FIELD_LENGTH,
    NAME_LENGTH,
    REASON_LENGTH,
    REMOTE_ID_LENGTH,
    AtAddress,
    HasAddress,
    at_destination,
    read_filter,
    write_filter,
)
from tom_integration.models.shares import Limited, OneTimeShare, Outbox, ShareRule

__all__ = [
    "ADDRESS",
    "EDITED",
    "FIELD_LENGTH",
    "NAME_LENGTH",
    "NEEDY",
    "OUTDATED",
    "REASON_LENGTH",
    "REMOTE_ID_LENGTH",
    "RENAMED",
    "TO_APPROVE",
    "Activity",
    "AtAddress",
    "Attempt",
    "Call",
    "Delivery",
    "DestinationHealth",
    "HasAddress",
    "InboxRecord",
    "KeyRefusal",
    "LedgerVersion",
    "Limited",
    "NoticeRecipient",
    "NoticeScan",
    "OneTimeShare",
    "Origin",
    "Outbox",
    "Peer",
    "PersonalKey",
    "Report",
    "ScanPosition",
    "ShareRule",
    "TargetKey",
    "Worker",
    "at_destination",
    "read_filter",
    "write_filter",
]
