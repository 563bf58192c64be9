"""Show the page of destinations: their health, their plugins, and problems of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from sharecore.destination import Destination
from sharecore.discovery import PluginState
from sharecore.exceptions import ConfigurationError, DeliveryError, Problem
from sharecore.texts import one_line
from tom_integration import access, conf, personal_keys, site, site_status
from tom_integration.models import DestinationHealth, KeyRefusal, Outbox, PersonalKey
from tom_integration.pages import destination_numbers, phrases
from tom_integration.pages.destination_numbers import Numbers
from tom_integration.pages.find_causes import long_delay
from tom_integration.pages.guards import Page, require
from tom_integration.services import send_test, shares
from tom_integration.worker import breaker, key_refusals, offered_topics


class DestinationsPage(Page):
    """Serve `/targets/persistentshare/destinations/` to users who may make, change or see shares."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the whole page."""
        require(request.user, "view", "add", "change")
        registry, closed = site.registry(), access.closed_to(request.user)
        numbers = destination_numbers.read(request.user)
        context = {
            "destinations": [
                _about(each, numbers, request.user)
                for name, each in site.destinations().items()
                if name not in closed
            ],
            "broken": [
                {"name": name, "label": site.display_name(name), "found": found, "numbers": numbers.get(name)}
                for name, found in site.destinations().broken.items()
            ],
            "warnings": [each for each in site.destinations().problems if not each.fatal],
            "plugins": registry.plugins,
            "failed": PluginState.FAILED,
            "problems": [*conf.problems(), *_general()],
            **_may(request.user),
            "halted": site.halted(),
            "runner": conf.settings().runner,
            "workers": site_status.alive(),
            "advice": site_status.nobody_delivers(),
        }
        return render(request, "tom_integration/destinations.html", context)


class Check(Page):
    """Check whether one destination would take our data."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show the answer as the card of the destination, or as a page for a browser without scripts."""
        destination = _chosen(request)
        failure, problems = _ask(destination, request.user)
        context = {
            "each": _about(destination, destination_numbers.read(request.user), request.user),
            "checked": True,
            "failure": failure,
            "found": problems,
            **_may(request.user),
        }
        return _card(request, context)


class SendTest(Page):
    """Send a test to one destination."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show what came back, as the answer to a check."""
        destination = _chosen(request)
        numbers = destination_numbers.read(request.user)
        context = {"each": _about(destination, numbers, request.user), **_may(request.user)}
        try:
            topic = request.POST.get("topic", "")
            sent = send_test.send_test(destination, topic=topic, by=request.user)
            context["tested"] = True
            context["sent"] = sent
        except (shares.NotPossible, ConfigurationError, DeliveryError) as error:
            context["test_failure"] = one_line(error)
        return _card(request, context)


def _chosen(request: HttpRequest) -> Destination:
    require(request.user, "add", "change")
    destination = site.destinations().get(request.POST.get("name", ""))
    if destination is None or not access.may_use(request.user, destination.name):
        raise Http404("There is no such destination.")
    return destination


def _card(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the card of a destination, or a page with it for a browser without scripts."""
    if request.headers.get("HX-Request"):
        return render(request, "tom_integration/partials/destination.html", context)
    return render(request, "tom_integration/destination_checked.html", context)


def _ask(destination: Destination, user: Any) -> tuple[str, list[Problem]]:
    try:
        return "", list(shares.check(personal_keys.with_key_of(destination, user.pk)))
    except (ConfigurationError, DeliveryError) as error:
        return str(error), []


def _about(destination: Destination, numbers: Mapping[str, Numbers], user: Any) -> dict[str, Any]:
    now = timezone.now()
    credentials = site.credentials_digest(destination)
    known = breaker.read(destination.name).under(credentials)
    of_it = DestinationHealth.objects.filter(destination=destination.name)
    row = of_it.filter(topic=None).first()
    topic_rows = [each for each in of_it.exclude(topic=None) if each.health.is_paused(credentials)]
    refused = known.paused if known.is_paused(credentials) else ""
    return {
        "destination": destination,
        "about": row.about if row else "",
        "plugin": destination.plugin,
        "topics": offered_topics.offered(destination),
        "refused": refused,
        "failures": known.failures,
        "silent_since": known.down_since if known.failures else None,
        "wait_until": known.wait_until(now),
        "delayed": _delayed(destination.name, row, now),
        "last_error": row.last_error if row and (known.failures or refused) else "",
        "last_error_at": row.last_error_at if row else None,
        "last_success_at": _last_success(destination.name, row),
        "refused_topics": topic_rows,
        "numbers": numbers.get(destination.name),
        "checked_at": row.checked_at if row else None,
        "check": row.check_result if row else {},
        "takes_tests": send_test.offered(destination, row),
        "keys": _keys(destination, user) if destination.personal else None,
    }


def _keys(destination: Destination, user: Any) -> dict[str, Any]:
    """Return how many people have given a key, the user's own state, and to who sees all shares whose are
    refused.
    """
    refused = KeyRefusal.objects.filter(destination=destination.name).order_by("pk")
    return {
        "given": PersonalKey.objects.filter(destination=destination.name).count(),
        "mine": personal_keys.find(destination, user.pk) is not None,
        "refused": [key_refusals.sentence(each) for each in refused[:10]]
        if access.sees_all_shares(user)
        else [],
    }


def _delayed(name: str, row: DestinationHealth | None, now: datetime) -> str:
    """Return that the destination asked for no call for more than a moment; empty when it did not."""
    until = long_delay(row, now)
    return "" if until is None else phrases.delayed(name, until, now)


def _last_success(name: str, row: DestinationHealth | None) -> datetime | None:
    """Return when a record last arrived, from the outboxes: the health has it only now and then."""
    there = Outbox.objects.filter(destination=name)
    moments = [there.aggregate(latest=Max("delivered_at"))["latest"], row and row.last_success_at]
    return max(filter(None, moments), default=None)


def _general() -> list[Problem]:
    """Return the problems of `DATA_SHARING` that belong to no destination by name."""
    known = {problem for problems in site.destinations().broken.values() for problem in problems}
    return [each for each in site.destinations().problems if each.fatal and each not in known]


def _may(user: Any) -> dict[str, bool]:
    """Return what the user may do on a card."""
    changes = access.holds(user, "change")
    return {
        "may_check": access.holds(user, "add") or changes,
        "may_replay": changes and access.holds(user, "view"),
    }
