"""Explain the words of sharing on one page, to which the others link."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sharecore.delivery import State
from tom_integration.pages.guards import Page, require
from tom_integration.pages.phrases import STATES
from tom_integration.pages.share_status import ShareStatus

WORDS = {
    "Destination": "A place to which this TOM can send: another TOM, HERMES, a chat. Some have topics.",
    "Share": "It sends each new datum of one target to one destination, by itself, from now on.",
    "One-time share": "A target, its data or files, sent once, by hand.",
    "Rule": "It makes a share for each target of a list, with a tag, or that its creator may change.",
    "What is shared": "The data that all filters let through, from when, and until when.",
    "Filter": "Conditions on data. A share, its rule and its destination may each have one; all count.",
    "Record": "One datum (detection, upper limit, spectrum, astrometry or other) or one file, as it is sent.",
    "Existing data": "Data from before the share. They stay here unless somebody shares them, too.",
    "Release date": "The moment before which a record stays here. It goes by itself then.",
    "Report": "A form about one target, such as a discovery. A person fills it in, and it is sent once.",
    "Approval": "A person lets records go to a destination that publishes them for good.",
    "Own key": "A key of one person for a destination: what that person shares goes there with it.",
    "Creator": "The user with whose rights a share sends. When the user loses them, the share stops.",
    "Adopt": "To become the creator of a share whose creator cannot send any more.",
    "Attempt": "A call of the destination with a record. Some get no answer, some more than one.",
    "Retry": "To try records again that were refused, not sent, or given up.",
    "Send again": "To send what a destination has lost. If it can say what it has, it is asked first.",
    "Withdraw": "To ask a destination to remove or retract a record that it has.",
    "Activity": "The list of what people did with shares, rules and records, and when.",
    "Notice": "A mail or a chat message when shares or records are stopped, and when that is over.",
}
"""Words of the pages, with their meanings."""
OF_SHARES = {
    ShareStatus.OK: "Every record of the share is there, as it is here.",
    ShareStatus.PARTLY: "All that can go is there. The page of the share says what is not, and why.",
    ShareStatus.SENDING: "Records are on their way.",
    ShareStatus.WAITING: "Records wait for a time, their destination, or the approval of somebody else.",
    ShareStatus.ACTION_NEEDED: "Some records go only after somebody does what the page of the share says.",
    ShareStatus.PAUSED: "A person stopped it. New data wait, and go when it is resumed.",
    ShareStatus.ENDED: "Its time is over. What is there stays there.",
}
OF_RECORDS = {
    State.BASELINE: "It was there before the share.",
    State.PENDING: "It goes when its time has come.",
    State.TO_APPROVE: "Somebody with the right has to approve it before it is sent.",
    State.SENDING: "It is in the hands of the adapter, the code for this kind of destination.",
    State.SUBMITTED: "The destination processes it, and is asked again and again what became of it.",
    State.DELIVERED: "The destination has it.",
    State.UNCONFIRMED: "It was sent, and no answer came. The destination is asked whether it has it.",
    State.NEEDS_REVIEW: "It was sent, and no answer came. Look there, and say here whether it arrived.",
    State.WITHHELD: "This TOM keeps it here. The reason stands beside it.",
    State.UNSUPPORTED: "The destination cannot store it.",
    State.FAILED: "It was refused, or tried too often. Correct what the reason says, then retry.",
    State.CANCELLED: "Its datum, share or target is gone.",
    State.WITHDRAWING: "A person withdraws it. The destination is asked for it until it answers.",
    State.WITHDRAWN: "A person has withdrawn it. It is sent again only if a person asks for it.",
}


class Glossary(Page):
    """Serve `/targets/persistentshare/glossary/` to users who may see or make shares."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        require(request.user, "view", "add", "change", approver=True)
        parts = [
            ("Words", WORDS.items()),
            ("State of a share", [(each.label, meaning) for each, meaning in OF_SHARES.items()]),
            ("State of a record", [(label(each), meaning) for each, meaning in OF_RECORDS.items()]),
        ]
        return render(request, "tom_integration/glossary.html", {"parts": parts})


def label(state: State) -> str:
    """Return a state in the words of pages, for any destination."""
    return STATES.get(state, "Not sent: the destination cannot store it")
