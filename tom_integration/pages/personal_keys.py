"""Show a person's own keys on the profile page, and let the person give, test and remove them.

Only for the user of the request: nobody sets, tests or sees the key of another person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, Problem
from sharecore.personal import PersonalSetting
from sharecore.texts import one_line
from tom_integration import access, destination_cards, personal_keys, site
from tom_integration.models import PersonalKey
from tom_integration.pages import phrases
from tom_integration.pages.guards import Page
from tom_integration.services import personal_keys as service
from tom_integration.services import shares
from tom_integration.worker import key_refusals

LONGEST = 500
"""Characters of one value."""
PARTIAL = "tom_integration/partials/personal_keys.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Hold what a person sees of their own key for one destination."""

    name: str
    label: str
    fields: tuple[tuple[str, PersonalSetting], ...]
    """What is asked for, by setting; empty for a key that is not used now."""
    given_at: datetime | None
    profile: str
    """The app that has the key, of other software of the site; empty for one that was given here."""
    readable: bool
    known: bool
    refused: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Return the id of the card."""
        return destination_cards.key_anchor(self.name)


def profile_context(user: Any) -> dict[str, Any]:
    """Return the context of the card on tomtoolkit's profile page."""
    return {"sharing_keys": cards(user)}


def cards(user: Any) -> list[Card]:
    """Return a card for each destination that wants a key and that the user may use, then the other keys."""
    wanted = asked(user)
    kept = PersonalKey.objects.filter(user=user).exclude(destination__in=[each.name for each in wanted])
    return [*(_card(user, each) for each in wanted), *map(_unused, kept.order_by("destination"))]


def asked(user: Any) -> list[Destination]:
    """Return the destinations to which the user may share, with their own key."""
    closed = access.closed_to(user)
    return [each for name, each in site.destinations().items() if each.personal and name not in closed]


def _card(user: Any, destination: Destination) -> Card:
    key = personal_keys.find(destination, user.pk)
    return Card(
        name=destination.name,
        label=destination.display_name,
        fields=tuple(destination.personal.items()),
        given_at=key.given_at if key else None,
        profile=key.profile.partition(".")[0] if key else "",
        readable=key is not None and key.is_readable,
        known=key is not None,
        refused=tuple(each.reason for each in key_refusals.of_person(destination, user.pk)),
    )


def _unused(row: PersonalKey) -> Card:
    """Return the card of a key that is not used: the destination is gone, closed, or asks for none now."""
    return Card(
        name=row.destination,
        label=site.display_name(row.destination),
        fields=(),
        given_at=row.changed_at,
        profile="",
        readable=False,
        known=True,
        refused=(),
    )


@method_decorator(sensitive_post_parameters(), name="dispatch")
class OwnKey(Page):
    """Serve `/targets/persistentshare/keys/<action>`: POST of `name`, and the fields of the destination."""

    def post(self, request: HttpRequest, action: str) -> HttpResponse:
        """Do it for the user of the request, and go back to the profile page; its top tells the outcome."""
        name = request.POST.get("name", "")
        destination = next((each for each in asked(request.user) if each.name == name), None)
        if action == "remove":
            _remove(request, name, used=destination is not None)
        elif destination is None:
            raise Http404("There is no such destination.")
        elif action == "give":
            _give(request, destination)
        else:
            _test(request, destination)
        return redirect("user-profile")


def _give(request: HttpRequest, destination: Destination) -> None:
    values = {key: request.POST.get(f"key-{key}", "") for key in destination.personal}
    long = [destination.personal[key].label for key, value in values.items() if len(value) > LONGEST]
    if long:
        messages.error(request, f"{', '.join(long)}: at most {LONGEST} characters.")
        return
    try:
        # Read first, so that no error report shows a key.
        waited = service.give(request.user, destination, service.read(destination, values))
    except ConfigurationError as error:
        told = f"{destination.display_name} does not take your key: {_said(*error.problems)}"
        messages.error(request, one_line(told))
        return
    told = f"Your key for {destination.display_name} is saved."
    messages.success(request, phrases.join(told, "What waited for it goes now" if waited else ""))


def _test(request: HttpRequest, destination: Destination) -> None:
    name = destination.display_name
    try:
        problems = shares.check(personal_keys.with_key_of(destination, request.user.pk))
    except (ConfigurationError, DeliveryError) as error:
        failure, problems = str(error), ()
    else:
        fatal = any(each.fatal for each in problems)
        failure = _said(*problems) if fatal else ""
    if failure:
        messages.error(request, one_line(f"The check of your key for {name} failed: {failure}"))
        return
    messages.success(request, f"{name} answered, and takes your key.")
    for each in problems:
        messages.warning(request, one_line(_said(each)))


def _remove(request: HttpRequest, name: str, *, used: bool) -> None:
    if service.remove(request.user, name):
        told = f"Your key for {site.display_name(name)} is removed."
        messages.success(request, phrases.join(told, "What you share there waits" if used else ""))


def _said(*problems: Problem) -> str:
    """Return problems within a sentence that says where they are."""
    return " ".join(f"{each.what}. {each.hint}" for each in problems)
