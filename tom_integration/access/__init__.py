"""Check the rights of users on shares, in this place only, for REST, pages, tags and admin alike.

The rule: `tom_targets.{view,add,change,delete}_persistentshare`, given to the user or to a group of theirs,
globally or for one share, *and* `change_target` on the share's target, globally or for that target. A public
target gives nobody the right to change it. Anonymous and inactive users may do nothing.

A destination with `GROUPS` is for their members, and for superusers: nobody else may choose it, or see or act
on what is shared there.

What goes to a destination with `APPROVAL` is approved by a user with `sharecore.approve_share` who may change
the target.

The ledger of a target at a destination has the rights of the continuous share there. Where there is none (it
was deleted, or only one-time shares were made), a user needs the right on all shares. Sharing once needs only
`change_target`, so its user may not be shown which data the destination has.
"""

from __future__ import annotations

from tom_integration.access.approval import approvable, approvers, asked_before, may_approve
from tom_integration.access.creators import (
    creator_objection,
    find_creator,
    hidden_from_creator,
    maker_objection,
)
from tom_integration.access.data import (
    deliveries_for,
    of_visible_data,
    permitted,
    single_data_have_rights,
    visible,
    visible_deliveries,
    with_calls,
)
from tom_integration.access.destinations import closed_to, may_use, refusal_to_use
from tom_integration.access.shares import (
    REFUSAL,
    Action,
    activity_for,
    holds,
    may,
    outboxes_for,
    rules_for,
    sees_all_shares,
    shares_for,
)
from tom_integration.access.targets import lists_for, targets_for_shares

__all__ = [
    "REFUSAL",
    "Action",
    "activity_for",
    "approvable",
    "approvers",
    "asked_before",
    "closed_to",
    "creator_objection",
    "deliveries_for",
    "find_creator",
    "hidden_from_creator",
    "holds",
    "lists_for",
    "maker_objection",
    "may",
    "may_approve",
    "may_use",
    "of_visible_data",
    "outboxes_for",
    "permitted",
    "refusal_to_use",
    "rules_for",
    "sees_all_shares",
    "shares_for",
    "single_data_have_rights",
    "targets_for_shares",
    "visible",
    "visible_deliveries",
    "with_calls",
]
