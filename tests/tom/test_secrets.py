"""Credentials are nowhere to be seen, whatever fails: in no log, page, answer, ledger row or traceback."""

from __future__ import annotations

import json
import logging
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from tom_targets.models import PersistentShare

from sharecore import Batch, Outcome, Preview, Problem, RecordKey, Rejected, Topic
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.secrets import HIDDEN
from sharecore.testing import Answer, FakeServer, Request, answer, watched_sockets
from sharecore.testing.answers import Behaviour, Fault
from sharecore.testing.contract.http import SHORT
from sharecore.testing.memory_adapter import MemoryAdapter, MemoryPlugin
from sharecore.testing.plugins import installed
from sharecore_http import Client as HttpClient
from tom_integration import links, site
from tom_integration.models import DestinationHealth
from tom_integration.services import shares
from tom_integration.worker import offered_topics

if TYPE_CHECKING:
    from tom.conftest import Tom

# a form of django_comments on the target's page
pytestmark = [
    pytest.mark.filterwarnings("ignore:The default scheme will be changed"),
    pytest.mark.any_database,
]


def each_letter(text: str) -> str:
    """As JSON may write it."""
    return "".join(f"\\u{ord(each):04x}" for each in text)


MARKER = "s3cr3tMARKER"
PASSWORD, GATE, PROXY_PASSWORD = (f"{MARKER}{number}" for number in (1, 2, 3))
API_KEY, HERMES_KEY, GIVEN = (f"{MARKER}{number:028}" for number in (4, 5, 6))
HOOK, SIGNING = f"{MARKER}7", f"whsec_{MARKER}{'A' * 32}"
SIGHTS = [
    MARKER,
    each_letter(MARKER),
    quote(each_letter(MARKER)),
    "".join(f"&#{ord(each)};" for each in MARKER),
    *(b64encode(each.encode()).decode().rstrip("=") for each in (PASSWORD, GATE, API_KEY, HERMES_KEY)),
    b64encode(f"sharer:{PASSWORD}".encode()).decode(),
    b64encode(f"someone:{PROXY_PASSWORD}".encode()).decode(),
]
"""The forms in which a credential could be seen."""
SCHEMES = (f"Token {API_KEY}", f"Token {GIVEN}", f"Token {HERMES_KEY}", f"Basic {SIGHTS[1]}")


def reflects(status: int, form: Callable[[str], str] = str) -> Behaviour:
    """A server that tells us what we told it, as error pages of development servers do.

    form: how it writes that, beside what it reads in the credentials of Basic.
    """

    def react(request: Request) -> Answer:
        given = request.headers.get("authorization", "")
        read = b64decode(given[6:]).decode() if given.startswith("Basic ") and given[6:] != "!" else given
        told = {"user": f"wrong login {read}", **request.headers}
        told |= {"body": request.body.decode(errors="replace"), "path": request.path}
        told = {name: form(value) for name, value in told.items()}
        detail = " ".join(f"{name}: {value}" for name, value in told.items())
        away = f"/errors/{quote(form(given.rpartition(' ')[2] or request.path), safe='')}/"
        more = {"Location": away} if 300 <= status < 400 else {}
        token = {"token": GIVEN} if "token-auth" in request.path else {}
        return answer(status, {**token, "detail": detail, "brightness": [detail], "errors": told}, **more)

    return react


FAILURES: dict[str, Behaviour] = {
    **{fault.name.lower(): fault for fault in Fault if fault is not Fault.HUGE},
    **{f"reflects {status}": reflects(status) for status in (201, 302, 400, 401, 403, 404, 409, 429, 500)},
    "reflects in JSON escapes": reflects(403, each_letter),
    "reflects in percent signs": reflects(400, lambda text: quote(quote(text, safe=""))),
    "reflects in HTML": reflects(409, lambda text: "".join(f"&#{ord(each)};" for each in text)),
    "reflects in base64": reflects(403, lambda text: b64encode(text.encode()).decode()),
    "redirects to base64": reflects(302, lambda text: b64encode(text.encode()).decode()),
    "html": Answer(status=200, body=b"<html>hotel</html>", headers={"Content-Type": "text/html"}),
    "reason in a header": Answer(status=503, headers={"Retry-After": "1", "Server": "x"}),
}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries within one call follow each other at once."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """As much of a stock TOM of 3.x as the adapter asks for."""
    with FakeServer() as server:

        def guarded(body: object, status: int = 200) -> Behaviour:
            def react(request: Request) -> Answer:
                if request.headers.get("authorization") not in SCHEMES:
                    return answer(401, {"detail": "who are you?"})
                return answer(status, body)

            return react

        empty = {"count": 0, "next": None, "previous": None, "results": []}
        described = {"actions": {"POST": {"value": {"required": False}}}}
        server.on("GET", "/api/targets/", guarded(empty))
        server.on("POST", "/api/targets/", guarded({"id": 7, "name": "it", "message": "made"}, 201))
        server.on("OPTIONS", "/api/reduceddatums/", guarded(described))
        server.on("POST", "/api/reduceddatums/", guarded({"id": 9}, 201))
        server.on("POST", "/api/token-auth/", answer(200, {"token": GIVEN}))
        yield server


def destinations(server: FakeServer, **more: float) -> dict[str, dict[str, Any]]:
    """One of each way to log in."""
    base = {"BASE_URL": server.url, "HEADERS": {"X-Gate": GATE}, **more}
    proxy = f"http://someone:{PROXY_PASSWORD}@127.0.0.1:{server.url.rpartition(':')[2].strip('/')}"
    return {
        "password": {**base, "USERNAME": "sharer", "PASSWORD": PASSWORD},
        "key": {**base, "API_KEY": API_KEY},
        "proxied": {**base, "API_KEY": API_KEY, "PROXIES": {"http": proxy}},
        "hook": {
            **base,
            "URL": f"{server.url}hooks/{HOOK}",
            "SECRET": SIGNING,
            "ADAPTER": "webhook",
            "ALLOW_PRIVATE": True,
        },
        "hermes": {**base, "HERMES_API_KEY": HERMES_KEY, "USER_TOPICS": ["hermes.test"]},
    }


class Observer(logging.Handler):
    """Reads everything that is logged, with tracebacks and the variables in them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))
        self.seen.append(repr(vars(record)))
        if record.exc_info and record.exc_info[1]:
            self.seen.append(whole(record.exc_info[1]))


def whole(error: BaseException) -> str:
    """A traceback as error reporters send it, with the variables of each frame."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format())


@pytest.fixture
def observer() -> Iterator[Observer]:
    observer = Observer()
    root = logging.getLogger()
    level = root.level
    root.addHandler(observer)
    root.setLevel(logging.DEBUG)
    yield observer
    root.removeHandler(observer)
    root.setLevel(level)


@pytest.fixture
def browser(db: None, settings: Any) -> Client:
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def printed(*command: str) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def ledger() -> str:
    """The tables, from which pages and commands read."""
    return printed("dumpdata", "sharecore")


def objects() -> list[str]:
    """What settings and adapters say of themselves."""
    seen: list[str] = []
    for destination in site.destinations().values():
        seen += [repr(destination), str(destination), repr(destination.config)]
        adapter = site.adapters.get(destination)
        seen += [repr(adapter), repr(vars(adapter)), *(repr(part) for part in vars(adapter).values())]
    return seen


def pages(target: Any, browser: Client) -> list[str]:
    """Pages, the REST API and the admin, as a superuser gets them, and what commands print."""
    shares = [share.pk for share in target.persistentshare_set.all()]
    paths = [
        "/targets/persistentshare/",
        "/targets/persistentshare/manage/",
        "/targets/persistentshare/destinations/",
        f"/targets/{target.pk}/share/",
        *(f"/admin/sharecore/{model}/" for model in ("delivery", "attempt", "outbox")),
        *(f"/targets/persistentshare/{pk}/deliveries/" for pk in shares),
        *(f"/targets/persistentshare/manage/{pk}/" for pk in shares),
    ]
    answers = {path: browser.get(path) for path in paths}
    assert {path for path, answer in answers.items() if answer.status_code != 200} == set()
    told = [printed("sharing", "status"), printed("sharing", "status", "--json")]
    return [*told, *(answer.content.decode() for answer in answers.values())]


def assert_unseen(seen: list[str]) -> None:
    for text in seen:
        for sight in SIGHTS:
            where = text.find(sight)
            assert where < 0, f"a credential is seen: ...{text[max(where - 300, 0) : where + 60]}"


@pytest.mark.parametrize("failure", FAILURES)
def test_of_no_failure_can_a_credential_be_seen(
    tom: Tom, server: FakeServer, observer: Observer, browser: Client, failure: str
) -> None:
    """Whether it fails at once, while something is written, or when all went well before."""
    behaviour, entries = FAILURES[failure], destinations(server)
    slow = behaviour in (Fault.HANG, Fault.DRIP)
    if slow:
        soon = {"READ_TIMEOUT": 1, "CONNECT_TIMEOUT": 0.3} if behaviour is Fault.DRIP else {}
        entries = {name: destinations(server, **soon)[name] for name in ("password", "hermes")}
    moments: dict[str, Callable[[Request], bool]] = {
        "writing": lambda request: request.writes and "token" not in request.path,
        "at once": lambda request: True,
        "later": lambda request: True,
    }
    seen = observer.seen
    with override_settings(DATA_SHARING=entries), watched_sockets(longest=SHORT):
        for moment, where in list(moments.items())[: 1 if slow else 3]:
            server.recover()
            site.adapters.close()
            DestinationHealth.objects.all().delete()
            PersistentShare.objects.all().delete()  # nothing is tried again for those of the moment before
            target = tom.target()
            for name in entries:
                tom.share(target, f"{name}:hermes.test" if name == "hermes" else name)
            tom.datum(target, telescope="LCO 1m", unit="AB mag")
            if moment == "later":
                tom.deliver(after=20)
                tom.datum(target, telescope="LCO 1m", unit="AB mag")
            before = len(server.requests)
            server.will(behaviour, where=where)
            tom.deliver(after=400)
            for destination in site.destinations().values():
                try:
                    seen += [str(problem) for problem in shares.check(destination)]
                except (ConfigurationError, DeliveryError) as error:
                    seen += [str(error), repr(error), whole(error)]
            asked = [str(request.headers) for request in server.requests[before:]]
            assert any(MARKER in headers for headers in asked), "nothing was at stake"
            seen += [ledger(), *objects()]
        seen += pages(target, browser)
    assert_unseen(seen)


WRONG: dict[str, dict[str, Any]] = {
    "in the address": {"BASE_URL": f"https://sharer:{PASSWORD}@tom.example.org/", "API_KEY": API_KEY},
    "in a malformed address": {"BASE_URL": f"htps//sharer:{PASSWORD}@", "API_KEY": API_KEY},
    "in a port": {"BASE_URL": f"https://tom.example.org:{PASSWORD}/", "API_KEY": API_KEY},
    "with a line break": {"BASE_URL": "https://tom.example.org/", "API_KEY": f"{API_KEY}\n{API_KEY}"},
    "without a user": {"BASE_URL": "https://tom.example.org/", "PASSWORD": PASSWORD},
    "not a text": {"BASE_URL": "https://tom.example.org/", "API_KEY": [API_KEY]},
    "two that differ": {"BASE_URL": "https://tom.example.org/", "API_KEY": API_KEY, "TOKEN": GIVEN},
    "in a header": {
        "BASE_URL": "https://tom.example.org/",
        "API_KEY": API_KEY,
        "HEADERS": {"X-Gate": f"{GATE}\n"},
    },
    "in headers of a wrong form": {
        "BASE_URL": "https://tom.example.org/",
        "API_KEY": API_KEY,
        "HEADERS": [GATE],
    },
    "in a proxy": {
        "BASE_URL": "https://tom.example.org/",
        "API_KEY": API_KEY,
        "PROXIES": {"https": f"someone:{PROXY_PASSWORD}@proxy"},
    },
    "under an unknown name": {
        "BASE_URL": "https://tom.example.org/",
        "API_KEY": API_KEY,
        "PASWORD": PASSWORD,
    },
    "a key with a blank": {
        "BASE_URL": "https://hermes.example.org/",
        "HERMES_API_KEY": f"Token {HERMES_KEY}",
    },
    "for no adapter": {"ADAPTER": "none such", "API_KEY": API_KEY, "PASSWORD": PASSWORD},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_of_no_wrong_setting_can_a_credential_be_seen(
    tom: Tom, observer: Observer, browser: Client, wrong: str
) -> None:
    seen, out = observer.seen, StringIO()
    with override_settings(DATA_SHARING={"wrong": WRONG[wrong]}):
        target = tom.target()
        tom.share(target, "wrong")
        tom.datum(target)
        if wrong != "under an unknown name":
            tom.deliver()
        found = site.destinations()
        problems = [str(problem) for problem in found.problems]
        assert problems, "it is not wrong"
        seen += [*problems, repr(found), repr(dict(found)), json.dumps(problems)]
        seen += [f"{each.msg} {each.hint}" for each in checks.run_checks()]
        try:
            found.resolve("wrong")
        except ConfigurationError as error:
            seen += [str(error), repr(error), whole(error)]
        try:
            call_command("sharing", "check", stdout=out, stderr=out)
        except CommandError as error:
            seen.append(str(error))
        seen.append(out.getvalue())
        if wrong == "under an unknown name":
            return assert_unseen(seen)
        page = browser.get("/targets/persistentshare/destinations/")
        assert page.status_code == 200
        seen.append(page.content.decode())
        seen.append(browser.get(f"/targets/{target.pk}/").content.decode())
        call_command("sharing", "status", "--json", stdout=out)
        call_command("dumpdata", "sharecore", stdout=out)
        seen.append(out.getvalue())
    assert_unseen(seen)


class Careless(MemoryAdapter):
    """An adapter of somebody who thinks of no secret; what it says in a test is in `told`."""

    told = ""

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        list(super().deliver(batch))
        batch.state["token"] = self.told
        logging.getLogger("sharecore_careless").info("I sent %s", self.told)
        refused = Rejected(reason=f"there they say {self.told}", field=self.told)
        yield from ((record.key, refused) for record in batch.records)

    def describe(self) -> str:
        return f"With {self.told}."

    def topics(self) -> Sequence[Topic]:
        return [Topic(name="night", note=f"Needs {self.told}")]

    def check(self) -> Sequence[Problem]:
        return [Problem(where="there", what=self.told, hint=f"Use {self.told}", fatal=False)]

    def preview(self, batch: Batch) -> Preview:
        return Preview(content_type="text/plain", body=self.told, note=self.told)

    def link(self, remote_id: str) -> str:
        return f"https://tom.example.org/{self.told}"


@pytest.mark.parametrize("form", [str, each_letter, lambda text: b64encode(f"x:{text}".encode()).decode()])
def test_an_adapter_that_thinks_of_no_secret_shows_none(
    tom: Tom, observer: Observer, browser: Client, monkeypatch: pytest.MonkeyPatch, form: Callable[[str], str]
) -> None:
    monkeypatch.setattr(Careless, "told", form(PASSWORD))
    monkeypatch.setattr("sharecore.testing.memory_adapter.MemoryAdapter", Careless)
    entries = {"x": {"ADAPTER": "memory", "PARTNER_PASSWORD": PASSWORD}}
    with installed(MemoryPlugin()), override_settings(DATA_SHARING=entries):
        target = tom.target()
        share = tom.share(target)
        tom.datum(target)
        tom.deliver()
        destination = site.destinations()["x"]
        seen = [*observer.seen, *map(str, shares.check(destination)), links.link("x", "7")]
        offered_topics.ask(destination)
        assert tom.states() == ["failed"]
        out = StringIO()
        call_command("sharing", "preview", str(share.pk), stdout=out)
        call_command("sharing", "check", stdout=out)
        call_command("dumpdata", "sharecore", stdout=out)
        rest = browser.get(f"/targets/persistentshare/{share.pk}/deliveries/")
        seen += [out.getvalue(), ledger(), rest.content.decode(), *pages(target, browser)]
    assert_unseen(seen)
    assert [text for text in seen if Careless.told in text] == []
    assert any(HIDDEN in text for text in seen)
