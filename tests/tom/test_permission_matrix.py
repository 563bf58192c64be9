"""Everybody, everywhere: each actor asks for each thing, and gets what the rule says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.template import RequestContext, Template
from django.test import Client, RequestFactory, override_settings

from tom.matrix import ACTIONS, REST, REST_ROWS, Actor, Row, actors, check, deciders, few_actors, make_world
from tom.matrix_pages import LOGIN, PAGE_ROWS
from tom_integration import access

if TYPE_CHECKING:
    from conftest import Tom

pytestmark = pytest.mark.any_database

OF_REST = deciders(REST_ROWS)
OF_PAGES = deciders(PAGE_ROWS)
OF_TAGS = deciders(
    Row(method="get", path="", action=action, scope=scope, shows=REST)
    for action, scope in (("add", "target"), ("view", "share"), ("view and change", "share"))
)
FEW = few_actors()
STRANGERS = [actor for actor in OF_REST if not actor.changes_target and actor.name != "nothing"]


def name(actor: Actor) -> str:
    return actor.name


@pytest.mark.parametrize("actor", list(actors()), ids=name)
def test_rights_count_however_they_were_given(tom: Tom, actor: Actor) -> None:
    world = make_world(tom)
    user = actor.user(world)
    for action in ACTIONS:
        of_one = action != "add"
        assert access.holds(user, action) is actor.holds(action)
        assert access.may(user, action, target=world.target) is actor.can(action)
        assert access.may(user, action, share=world.share) is (of_one and actor.can(action))
        assert access.may(user, action, outbox=world.outbox) is (of_one and actor.can(action))
        assert access.may(user, action, outbox=world.once) is (of_one and actor.can_with_ledger(action))


@pytest.mark.parametrize("actor", OF_REST, ids=name)
def test_rest(tom: Tom, actor: Actor) -> None:
    assert check(actor, OF_REST[actor], make_world(tom)) == []


@pytest.mark.parametrize("actor", OF_PAGES, ids=name)
def test_pages(tom: Tom, actor: Actor) -> None:
    assert check(actor, OF_PAGES[actor], make_world(tom)) == []


@pytest.mark.parametrize("actor", FEW, ids=name)
@override_settings(AUTH_STRATEGY="LOCKED", TARGET_PERMISSIONS_ONLY=False)
def test_pages_of_a_locked_tom_with_rights_on_single_data(tom: Tom, actor: Actor) -> None:
    """Locking concerns who has not logged in, rights on single data who has: both at once."""
    assert check(actor, PAGE_ROWS, make_world(tom)) == []


@pytest.mark.parametrize("actor", OF_TAGS, ids=name)
def test_tags_in_a_page_of_the_tom(tom: Tom, actor: Actor) -> None:
    world = make_world(tom)
    client = actor.client(world)
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=client.session["_auth_user_id"]) if actor.known else AnonymousUser()
    tags = "{% load targets_extras %}{% create_persistent_share target %}|{% persistent_share_table target %}"
    page = Template(tags).render(RequestContext(request, {"target": world.target}))
    form, table = page.split("|")
    assert ("<form" in form) is actor.can("add")
    assert ("hidden-hand" in table) is actor.can("view")
    assert ("Pause" in table) is (actor.can("view") and actor.can("change"))


def test_no_form_is_taken_without_its_token(tom: Tom) -> None:
    world = make_world(tom)
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    before = world.state()
    for row in (*REST_ROWS, *PAGE_ROWS):
        if row.method not in ("get", "head"):
            answer = row.send(client, world)
            assert answer.status_code in (403, LOGIN), row.path  # tomtoolkit leads to the login
            assert answer.changed == before, row.path


@pytest.mark.parametrize("actor", FEW, ids=name)
@override_settings(AUTH_STRATEGY="LOCKED", TARGET_PERMISSIONS_ONLY=False)
def test_rest_of_a_locked_tom_with_rights_on_single_data(tom: Tom, actor: Actor) -> None:
    """Locking concerns who has not logged in, rights on single data who has: both at once."""
    assert check(actor, REST_ROWS, make_world(tom)) == []


@pytest.mark.parametrize("actor", STRANGERS, ids=name)
def test_a_target_that_all_may_see_gives_nobody_rights_to_its_shares(tom: Tom, actor: Actor) -> None:
    assert check(actor, OF_REST[actor], make_world(tom, permissions="OPEN")) == []
