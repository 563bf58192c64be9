"""List, make, show, change, pause and end the rules that share whole lists of targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from tom_targets.models import TargetList

from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError
from tom_integration import access
from tom_integration.models import Outbox, ShareRule
from tom_integration.outbox import rule_scope
from tom_integration.pages import activity, form_values, limits_summary, passing, phrases
from tom_integration.pages.guards import Page, require, rule_or_404
from tom_integration.pages.rule_form import RuleForm
from tom_integration.services import rule_outlook, rules, shares

PAGE = 25


class Rules(Page):
    """Serve `/targets/persistentshare/rules/` with the rules that the user may view."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show one page of the rules, the newest first."""
        require(request.user, "view", "add")
        made = Outbox.objects.filter(rule=OuterRef("pk"), share_id__isnull=False).order_by()
        numbers = made.values("rule").annotate(number=Count("pk")).values("number")
        found = access.rules_for(request.user, "view").annotate(shares=Coalesce(Subquery(numbers), 0))
        page = Paginator(found.order_by("-pk"), PAGE).get_page(request.GET.get("page"))
        lists = TargetList.objects.in_bulk([each.target_list_id for each in page if each.target_list_id])
        creators = get_user_model().objects.in_bulk([each.creator_id for each in page if each.creator_id])
        context = {
            "page": page,
            "rows": [
                {
                    "rule": each,
                    **_about(each, lists.get(each.target_list_id), creators.get(each.creator_id)),
                }
                for each in page
            ],
            "may_add": access.holds(request.user, "add"),
        }
        return render(request, "tom_integration/rules.html", context)


class RulePage(Page):
    """Serve `/targets/persistentshare/rules/<rule>/`."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what the rule does, and what it would do now."""
        rule = rule_or_404(request.user, pk, "view")
        target_list = TargetList.objects.filter(pk=rule.target_list_id).first()
        creator = access.find_creator(rule.creator_id)
        context = {
            "rule": rule,
            "shares": rule_scope.shares_of(rule).count(),
            "creator": creator,
            "may_change": access.rules_for(request.user, "change").filter(pk=pk).exists()
            and access.holds(request.user, "add"),
            "may_end": access.rules_for(request.user, "delete").filter(pk=pk).exists(),
            **_about(rule, target_list, creator),
            **({} if rule.ending else _outlook(rule, request.user)),
            **activity.section(
                access.activity_for(request.user).filter(rule_id=pk),
                f"{reverse('sharing:activity')}?rule={pk}",
                request.user,
            ),
        }
        return render(request, "tom_integration/rule.html", context)


class NewRule(Page):
    """Make a rule; `list` in the URL chooses its list."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        require(request.user, "add")
        initial: dict[str, Any] = {}
        if (pk := form_values.pk(request.GET.get("list", ""))) is not None:
            initial = {"scope": ShareRule.Scope.LIST, "target_list": pk}
        return _form(request, RuleForm(initial=initial, user=request.user))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the rule, or show the errors, or with `preview` what it would do."""
        require(request.user, "add")
        form = RuleForm(request.POST, user=request.user)
        if not form.is_valid() or "preview" in request.POST:
            return _form(request, form)
        rule = rules.make(creator=request.user, **form.columns)
        messages.success(request, f"{rule.name}: its targets will be shared in a moment.")
        return redirect("sharing:rule", rule.pk)


class ChangeRule(Page):
    """Change a rule; who changes it becomes its creator."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form with the present values."""
        rule = _changeable(request.user, pk)
        return _form(request, RuleForm(user=request.user, rule=rule))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the rule, or show the errors, or with `preview` what it would do."""
        rule = _changeable(request.user, pk)
        form = RuleForm(request.POST, user=request.user, rule=rule)
        if not form.is_valid() or "preview" in request.POST:
            return _form(request, form)
        return _answer(
            request, pk, lambda: f"{rules.change(rule, by=request.user, **form.columns).name} is changed"
        )


class CountRule(Page):
    """Count what a rule would do, for the choices in the form."""

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Show the numbers in words."""
        require(request.user, "add")
        rule = None if pk is None else _changeable(request.user, pk)
        form = RuleForm(request.POST, user=request.user, rule=rule)
        return render(request, "tom_integration/partials/rule_outlook.html", _of_form(form))


class ActOnRule(Page):
    """Pause or resume a rule."""

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Do it, and show its page."""
        rule = rule_or_404(request.user, pk, "change")

        def act() -> str:
            if action == "pause":
                rules.pause(rule, by=request.user)
                return f"{rule.name} is paused, and all its shares"
            rules.resume(rule)
            return f"{rule.name} goes on"

        return _answer(request, pk, act)


class EndRule(Page):
    """End a rule and its shares, after a question."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask."""
        rule = rule_or_404(request.user, pk, "delete")
        context = {"rule": rule, "shares": rule_scope.shares_of(rule).count()}
        return render(request, "tom_integration/rule_end.html", context)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End it, and show the other rules."""
        rule = rule_or_404(request.user, pk, "delete")
        rules.end(rule)
        messages.success(request, f"{rule.name} is being ended: nothing more is sent by it.")
        return redirect("sharing:rules")


def _answer(request: HttpRequest, pk: int, act: Callable[[], str]) -> HttpResponse:
    """Act on a rule, tell what was done or why not, and show its page."""
    try:
        messages.success(request, phrases.join(act()))
    except shares.NotPossible as reason:
        messages.error(request, str(reason))
    return redirect("sharing:rule", pk)


def _changeable(user: Any, pk: int) -> ShareRule:
    rule = rule_or_404(user, pk, "change")
    require(user, "add")
    return rule


def _about(rule: ShareRule, target_list: Any | None, creator: Any | None) -> dict[str, Any]:
    """Return the targets and the limits of a rule in words."""
    match rule.scope:
        case ShareRule.Scope.LIST:
            targets = f"The targets of {target_list.name}" if target_list else "A list that was deleted"
        case ShareRule.Scope.EXTRA:
            value = f" = {rule.extra_value}" if rule.extra_value else ""
            targets = f"Targets with {rule.extra_key}{value}"
        case _:
            targets = f"All targets that {creator.get_username() if creator else 'its creator'} may change"
    said = limits_summary.of_level(rule)
    return {"targets": targets, "what": said.text or "All data.", "fault": said.fault}


def _outlook(rule: ShareRule, user: Any) -> dict[str, Any]:
    try:
        return {"outlook": rule_outlook.outlook(rule, seen_by=user), "goes": rule.existing}
    except ConfigurationError:
        return {"outlook": None}  # `_about` tells the fault.


def _of_form(form: RuleForm) -> dict[str, Any]:
    """Return the context of the line below the form."""
    address = form["destination"].value() or ""
    address = address if access.may_use(form.user, Address.parse(address).name) else ""
    valid = form.is_bound and form.is_valid()
    outlook = _outlook(form.draft, form.user) if valid else {}
    return {"form": form, **passing.said(form.user, _targets(form), address, form), **outlook}


def _targets(form: RuleForm) -> Q:
    """Return a condition for the data whose names are suggested: of the list, or of all targets."""
    chosen = form_values.pk(str(form["target_list"].value() or ""))
    targets = access.targets_for_shares(form.user)
    if form["scope"].value() == ShareRule.Scope.LIST and chosen in {each.pk for each in form.lists}:
        targets = targets.filter(targetlist__pk=chosen)
    return Q(target_id__in=targets.values("pk"))


def _form(request: HttpRequest, form: RuleForm) -> HttpResponse:
    context = {"rule": form.rule, "kinds": form.choices, **_of_form(form)}
    return render(request, "tom_integration/rule_form.html", context)
