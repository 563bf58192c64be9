"""Let a user choose how to be told of trouble with shares."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tom_integration.notices import people
from tom_integration.pages.guards import Page, require

MEANINGS = {
    people.Choice.AT_ONCE: "One mail for all that is wrong: at most one in an hour, and five a day.",
    people.Choice.DAILY: "One mail a day, as long as something is wrong, and one when it is solved.",
    people.Choice.NOTHING: "The pages of sharing show it all the same.",
}


class Notices(Page):
    """Serve `/targets/persistentshare/notices/` to users who may see or make shares."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the present choice."""
        return _page(request, people.choice_of(request.user))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Store the choice."""
        require(request.user, "view", "add", "change", approver=True)
        choice = request.POST.get("choice", "")
        if choice not in people.Choice.values:
            return _page(request, people.choice_of(request.user), error="Choose one of these.")
        people.choose(request.user, choice)
        messages.success(request, "Your choice is saved.")
        return redirect("sharing:notices")


def _page(request: HttpRequest, chosen: str, error: str = "") -> HttpResponse:
    require(request.user, "view", "add", "change", approver=True)
    context = {
        "person": people.of_user(request.user),
        "choices": [(each.value, each.label, MEANINGS[each], each.value == chosen) for each in people.Choice],
        "error": error,
    }
    return render(request, "tom_integration/notices.html", context)
