"""Every point where the app takes over from tomtoolkit; a test fails when tomtoolkit moves that point."""

from __future__ import annotations

import ast
import functools
import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from django.db.models.signals import post_save
from django.test import override_settings
from django.urls import Resolver404, include, path, resolve, reverse
from tom_dataproducts.models import REDUCED_DATUM_MODELS
from tom_targets.signals import handlers

from realtoms.processes import run
from tom_integration import checks, wake_up
from tom_integration.tomtoolkit import takeover

pytestmark = pytest.mark.any_database

STOCK_FUNCTIONS = {
    ("tom_targets.sharing", "continuous_share_data"): ["target", "reduced_datums"],
    ("tom_targets.sharing", "share_target_with_tom"): [
        "share_destination", "form_data", "target_lists", "user",
    ],
    ("tom_targets.sharing", "share_target_and_all_data"): ["share_destination", "target", "user"],
    ("tom_dataproducts.sharing", "share_data_with_tom"): [
        "share_destination", "form_data", "product_id", "target_id", "selected_data",
    ],
    ("tom_dataproducts.sharing", "get_sharing_destination_options"): ["include_download"],
}  # fmt: skip
IMPORTED = [
    ("tom_dataproducts.data_processor", "continuous_share_data"),
    ("tom_targets.signals.handlers", "continuous_share_data"),
    ("tom_dataproducts.views", "share_data_with_tom"),
    ("tom_dataproducts.forms", "get_sharing_destination_options"),
    ("tom_targets.views", "share_target_with_tom"),
    ("tom_targets.views", "share_data_with_tom"),
    ("tom_targets.forms", "get_sharing_destination_options"),
    ("tom_targets.persistent_sharing_serializers", "share_target_and_all_data"),
    ("tom_targets.persistent_sharing_serializers", "get_sharing_destination_options"),
]
NAMES = {
    "targets:persistent-share": ((), "/targets/persistentshare/"),
    "targets:persistent-share-detail": ((7,), "/targets/persistentshare/7/"),
    "targets:target-persistent-share": ((7,), "/targets/7/persistentshare/"),
    "targets:share": ((7,), "/targets/7/share/"),
    "targets:share-group": ((7,), "/targets/targetgrouping/7/share/"),
    "targets:persistent-share-manage-form": ((), "/targets/persistentshare/manage/"),
    "targets:persistent-share-manage-table": ((), "/targets/persistentshare/manage/table"),
    "targets:target-persistent-share-manage-form": ((7,), "/targets/7/persistentshare/manage/"),
    "targets:target-persistent-share-manage-table": ((7,), "/targets/7/persistentshare/manage/table"),
    "dataproducts:share": ((7,), "/dataproducts/data/7/share/"),
    "dataproducts:share_all": ((7,), "/dataproducts/target/7/share/"),
}
OF_OUR_OWN = {
    "/api/sharing/", "/api/sharing/batch/", "/targets/sharerule/", "/targets/shareactivity/",
    "/targets/1/reports/",
}  # fmt: skip


def _in_source(module: str, name: str) -> list[str]:
    """The arguments of a function as its source says; its code is ours by now."""
    source = importlib.import_module(module).__file__
    assert source
    found = [
        each
        for each in ast.parse(Path(source).read_text()).body
        if isinstance(each, ast.FunctionDef) and each.name == name
    ]
    return [argument.arg for argument in found[0].args.args]


@pytest.mark.parametrize(("place", "arguments"), STOCK_FUNCTIONS.items(), ids=lambda each: str(each[-1]))
def test_a_stock_function_has_the_arguments_that_ours_stands_in_for(
    place: tuple[str, str], arguments: list[str]
) -> None:
    assert _in_source(*place) == arguments
    code = getattr(importlib.import_module(place[0]), place[1]).__code__
    assert list(code.co_varnames[: code.co_argcount]) == arguments
    assert code.co_filename == takeover.__file__


@pytest.mark.parametrize(("module", "name"), IMPORTED)
def test_a_name_that_tomtoolkit_imported_leads_to_ours(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[tuple[Any, ...]] = []
    monkeypatch.setattr(f"tom_integration.tomtoolkit.functions.{name}", lambda *given: reached.append(given))
    function = getattr(importlib.import_module(module), name)
    given = tuple(range(function.__code__.co_argcount))
    function(*given)
    assert reached == [given]


@pytest.mark.parametrize("model", REDUCED_DATUM_MODELS)
def test_a_datum_is_heard_by_our_handler_and_not_by_the_stock_one(model: Any) -> None:
    heard = post_save._live_receivers(model)
    receivers = [each for kind in heard for each in kind] if isinstance(heard, tuple) else heard
    assert handlers.cb_reduceddatum_post_save not in receivers
    assert wake_up._on_datum in receivers


@pytest.mark.parametrize(("name", "place"), NAMES.items())
def test_stock_names_lead_to_the_same_address_and_we_answer_it(
    name: str, place: tuple[tuple[int, ...], str]
) -> None:
    arguments, address = place
    assert reverse(name, args=arguments) == address
    assert resolve(address).func.__module__.startswith("tom_integration.")


def test_every_route_that_is_checked_is_one_of_these_and_the_other_way_round() -> None:
    stock = {address.replace("/7/", "/1/") for _, address in NAMES.values()}
    assert stock | OF_OUR_OWN == set(takeover.ROUTES)


def _as_urls(*patterns: Any) -> str:
    module = types.ModuleType("urls_of_this_test")
    module.urlpatterns = [*patterns]  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    return module.__name__


def _somebody(request: Any, **_: Any) -> None: ...


def _found(*patterns: Any) -> list[str]:
    with override_settings(ROOT_URLCONF=_as_urls(*patterns)):
        return [f"{each.id} {each.msg}" for each in checks.check_takeover()]


def test_routes_of_a_tom_that_adds_its_own_pages_are_fine() -> None:
    assert _found(path("mine/", _somebody), path("", include("tom_common.urls"))) == []


def test_a_tom_at_a_prefix_is_fine() -> None:
    assert _found(path("tom/", include("tom_common.urls")), path("", _somebody)) == []


def test_a_page_that_another_app_answers_is_a_warning() -> None:
    """It may be the TOM's own page: that must not keep the TOM from starting."""
    (found,) = _found(path("targets/<int:pk>/share/", _somebody), path("", include("tom_common.urls")))
    assert found.startswith("sharecore.W004 ")
    assert "/targets/1/share/, answered by " in found
    assert __name__ in found


def test_a_tom_without_our_routes_is_told_which_pages_are_missing() -> None:
    """So it is when an error in our routes is swallowed, as `tom_common.urls` does."""
    found = _found(path("targets/", include("tom_targets.urls", namespace="targets")))
    assert all(any(address in each for each in found) for address in takeover.ROUTES)
    assert any("answered by tom_targets." in each for each in found)
    assert any("answered by nothing" in each for each in found)
    with override_settings(ROOT_URLCONF="urls_of_this_test"), pytest.raises(Resolver404):
        resolve("/dataproducts/data/1/share/")


def _another(target: Any, reduced_datums: Any) -> None: ...


def test_a_function_that_another_app_replaces_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    import tom_targets.sharing

    monkeypatch.setattr(tom_targets.sharing.continuous_share_data, "__code__", _another.__code__)
    (found,) = checks.check_takeover()
    assert found.id == "sharecore.E005"
    assert "tom_targets.sharing.continuous_share_data" in found.msg


def test_a_name_that_another_app_puts_in_place_of_the_function_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tom_targets.sharing

    monkeypatch.setattr(tom_targets.sharing, "continuous_share_data", _another)
    (found,) = checks.check_takeover()
    assert found.id == "sharecore.E005"


def test_a_stock_handler_that_is_connected_again_is_reported() -> None:
    post_save.connect(handlers.cb_reduceddatum_post_save, sender=REDUCED_DATUM_MODELS[0])
    try:
        (found,) = checks.check_takeover()
    finally:
        post_save.disconnect(handlers.cb_reduceddatum_post_save, sender=REDUCED_DATUM_MODELS[0])
    assert found.id == "sharecore.E009"


def _wrapped(stock: Any) -> Any:
    """As code that measures or logs does, without functools.wraps."""
    return lambda *given: stock(*given)


class _Callable:
    def __call__(self, target: Any, reduced_datums: Any) -> None: ...


@pytest.mark.parametrize("moved", ["gone", "wrapped", "callable"])
def test_a_function_that_moved_or_was_wrapped_is_reported_and_stops_nothing(
    moved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tom_targets.sharing

    stock = tom_targets.sharing.continuous_share_data
    if moved == "gone":
        monkeypatch.delattr(tom_targets.sharing, "continuous_share_data")
    else:
        monkeypatch.setattr(
            tom_targets.sharing,
            "continuous_share_data",
            _wrapped(stock) if moved == "wrapped" else _Callable(),
        )
    monkeypatch.setattr(takeover, "missed", {})
    takeover.take_over()
    assert [*takeover.missed] == ["tom_targets.sharing:continuous_share_data"]
    (found,) = checks.check_takeover()
    assert found.id == "sharecore.E005"
    assert "tom_targets.sharing.continuous_share_data" in found.msg


def test_a_function_that_was_wrapped_as_python_means_it_is_taken_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tom_targets.sharing

    stock = tom_targets.sharing.continuous_share_data
    wrapper = functools.wraps(stock)(_wrapped(stock))
    monkeypatch.setattr(tom_targets.sharing, "continuous_share_data", wrapper)
    assert checks.check_takeover() == []


STARTS = """
import sys
from django.conf import settings

place, early = int(sys.argv[1]), sys.argv[2] == "early"
apps = [app for app in settings.INSTALLED_APPS if app != "tom_integration"]
apps.insert(place if place >= 0 else len(apps), "tom_integration")
settings.INSTALLED_APPS = apps
if early:
    # A TOM's own code that is imported while the apps are being loaded, before ours is ready.
    import types
    from django.apps import AppConfig

    module = types.ModuleType("own_code")
    sys.modules["own_code"] = module

    class OwnCode(AppConfig):
        name, label, path = "own_code", "own_code", "."

        def ready(self):
            from tom_targets.sharing import continuous_share_data
            module.continuous_share_data = continuous_share_data

    module.OwnCode = OwnCode
    settings.INSTALLED_APPS = ["own_code.OwnCode", *apps]

import django
django.setup()
from django.core.checks import run_checks
from django.db.models.signals import post_save
from tom_dataproducts.models import REDUCED_DATUM_MODELS
from tom_integration.tomtoolkit import takeover
from tom_targets.signals import handlers

problems = [str(each) for each in run_checks(tags=["sharing"]) if each.is_serious()]
assert not problems, problems
for model in REDUCED_DATUM_MODELS:
    assert handlers.cb_reduceddatum_post_save not in [*post_save._live_receivers(model)[0]]
if early:
    assert module.continuous_share_data.__code__.co_filename == takeover.__file__
print("fine")
"""


@pytest.mark.parametrize("place", ["0", "8", "-1"], ids=["first", "in the middle", "last"])
@pytest.mark.parametrize("early", ["early", ""], ids=["own code imports the names early", "nothing else"])
def test_the_app_may_stand_anywhere_in_the_list(place: str, early: str) -> None:
    environment = {"DJANGO_SETTINGS_MODULE": "tomsite.settings", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = run(
        [sys.executable, "-c", STARTS, place, early],
        folder=Path.cwd(),
        environment=os.environ | environment,
        timeout=120,
    )
    assert done.stdout.strip() == "fine", done.stderr[-2000:]
