"""Send again what a destination has lost: count it, ask, ask twice where doubles may come, and send it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from sharecore.exceptions import ConfigurationError
from tom_integration import site
from tom_integration.pages import phrases
from tom_integration.pages.guards import (
    Page,
    replayed_destination_or_404,
    replayed_rule_or_404,
    replayed_share_or_404,
)
from tom_integration.pages.limits_form import UtcField
from tom_integration.services.replay_lost import MayDouble, Replay, ReplayPlan


class ReplayForm(forms.Form):
    """Choose from when on; `doubles` comes from the second question."""

    since = UtcField(required=False, label="Delivered from")
    doubles = forms.BooleanField(required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Hold what a replay is about."""

    what: str
    """What it is, for people."""
    label: str
    """The destination, for people."""
    page: str
    """The page to come back to."""
    url: str
    """The page of the replay."""
    chosen: dict[str, Any]
    """The arguments of `Replay`."""


class _ReplayPage(Page):
    """Count, and send again by POST."""

    @abstractmethod
    def scope(self, request: HttpRequest, pk: int | None) -> Scope:
        """Return what the request is about; raise as `share_or_404`."""

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Show how many records would be sent again."""
        scope = self.scope(request, pk)
        form = ReplayForm(request.GET)
        plan, problem = None, ""
        if form.is_valid():
            try:
                plan = _replay(request, scope, form).plan()
            except ConfigurationError as error:
                problem = str(error)
        return _page(request, scope, form, plan=plan, problem=problem)

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Send them again, or ask a second time where the destination may have them twice then."""
        scope = self.scope(request, pk)
        form = ReplayForm(request.POST)
        if not form.is_valid():
            return _page(request, scope, form)
        try:
            plan = _replay(request, scope, form).send_again(doubles=form.cleaned_data["doubles"])
        except MayDouble as error:
            return _page(request, scope, form, plan=error.plan, again=True)
        except ConfigurationError as error:
            return _page(request, scope, form, problem=str(error))
        messages.success(request, _done(plan, scope))
        return redirect(scope.page)


class OfShare(_ReplayPage):
    """Replay one share."""

    def scope(self, request: HttpRequest, pk: int | None) -> Scope:
        """Return the share."""
        share = replayed_share_or_404(request.user, pk or 0)
        label = site.label(share.destination)
        return Scope(
            what=f"{share.target.name} to {label}",
            label=label,
            page=reverse("sharing:share-page", args=[share.pk]),
            url=reverse("sharing:replay", args=[share.pk]),
            chosen={"share_id": share.pk},
        )


class OfRule(_ReplayPage):
    """Replay the shares of a rule."""

    def scope(self, request: HttpRequest, pk: int | None) -> Scope:
        """Return the rule."""
        rule = replayed_rule_or_404(request.user, pk or 0)
        return Scope(
            what=f"the rule {rule.name}",
            label=site.label(str(rule.address)),
            page=reverse("sharing:rule", args=[rule.pk]),
            url=reverse("sharing:rule-replay", args=[rule.pk]),
            chosen={"rule_id": rule.pk},
        )


class OfDestination(_ReplayPage):
    """Replay all that goes to a destination."""

    def scope(self, request: HttpRequest, pk: int | None) -> Scope:
        """Return the destination that the URL names."""
        name = replayed_destination_or_404(request.user, request.GET.get("name", ""))
        return Scope(
            what=f"all shares to {site.label(name)}",
            label=site.label(name),
            page=reverse("sharing:destinations"),
            url=f"{reverse('sharing:destination-replay')}?{urlencode({'name': name})}",
            chosen={"destination": name},
        )


def _replay(request: HttpRequest, scope: Scope, form: ReplayForm) -> Replay:
    return Replay(since=form.cleaned_data["since"], by=request.user, **scope.chosen)


def _page(
    request: HttpRequest,
    scope: Scope,
    form: ReplayForm,
    *,
    plan: ReplayPlan | None = None,
    problem: str = "",
    again: bool = False,
) -> HttpResponse:
    edited = phrases.stay_edited(plan.edited) if plan and plan.edited else ""
    shown = {"plan": plan, "edited": edited, "problem": problem, "again": again}
    return render(request, "tom_integration/replay.html", {"scope": scope, "form": form, **shown})


def _done(plan: ReplayPlan, scope: Scope) -> str:
    asked, sent = plan.number - plan.doubles, plan.doubles
    looked = f"{phrases.number(asked)} will be looked up at {scope.label}, and sent if missing there"
    return phrases.join(
        looked if asked or not sent else "", f"{phrases.number(sent)} will be sent again" if sent else ""
    )
