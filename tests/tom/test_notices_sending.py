"""Mails about sharing are neither lost nor doubled, nor too many: failing servers, lost workers, limits."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from smtplib import SMTPRecipientsRefused
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.db import connections
from django.test import override_settings

from realtoms.service import free_port
from sharecore.outcomes import Rejected
from sharecore.testing import FakeServer, answer
from sharecore_notify import plugin as notify
from tom.conftest import DATA_SHARING
from tom.notices import HOUR, FailingBackend, Post, post, server, told
from tom_integration import checks
from tom_integration import clock as database_clock
from tom_integration.models import DestinationHealth, NoticeRecipient, NoticeScan, Outbox
from tom_integration.notices import people
from tom_integration.notices.look import Notices
from tom_integration.worker.loop import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from tom.conftest import Tom

__all__ = ["post", "server"]


@pytest.fixture
def failed(tom: Tom, post: Post, target: Any) -> Any:
    """A target of Ann's, of which a record failed."""
    tom.share(target, user=post.person("ann", target))
    tom.x.will(Rejected(reason="no"))
    tom.datum(target)
    tom.deliver()
    return target


def trouble(tom: Tom, name: str) -> None:
    """Let another destination refuse us, for those who share there."""
    DestinationHealth.objects.create(destination=name, topic=None, paused="no", last_error_at=tom.clock())


def test_all_troubles_of_a_person_are_one_mail(tom: Tom, failed: Any, post: Post) -> None:
    tom.share(failed, "y", user=User.objects.get(username="ann"))
    trouble(tom, "y")
    (message,) = post.look()
    assert message.body.index("y refuses us") < message.body.index("refused by x")
    assert message.subject.endswith("(and 1 more)")


def test_a_choice_that_is_made_during_a_look_counts_in_the_next_one(
    tom: Tom, failed: Any, post: Post, server: type[FailingBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = User.objects.get(username="ann"), post.person("bob", failed)
    real = FailingBackend.send_messages

    def meanwhile(self: Any, messages: Any) -> int:
        people.choose(ann, people.Choice.AT_ONCE.value)
        return real(self, messages)

    people.choose(ann, people.Choice.NOTHING.value)
    tom.share(failed, "y", user=bob)
    trouble(tom, "y")
    monkeypatch.setattr(FailingBackend, "send_messages", meanwhile)
    assert told(post.look()).keys() == {bob.email}
    assert told(post.look()).keys() == {ann.email}


def test_never_two_mails_in_an_hour(tom: Tom, failed: Any, post: Post) -> None:
    tom.share(failed, "y", user=User.objects.get(username="ann"))
    assert len(post.look()) == 1
    trouble(tom, "y")
    for _ in range(5):
        assert post.look(after=600) == []
    (message,) = post.look(after=660)
    assert "New\n- y refuses us" in message.body
    assert "Not solved yet\n- 1 record" in message.body


def test_never_more_than_five_mails_a_day(tom: Tom, failed: Any, post: Post) -> None:
    tom.share(failed, "y", user=User.objects.get(username="ann"))
    assert len(post.look()) == 1
    times = 1
    for hour in range(1, 23):
        if hour % 2:
            trouble(tom, "y")
        else:
            DestinationHealth.objects.filter(destination="y").delete()
        times += len(post.look(after=HOUR + 1))
    assert times == 5
    assert len(post.look(after=2 * HOUR)) <= 1


def test_what_came_and_went_between_two_mails_is_not_told(tom: Tom, failed: Any, post: Post) -> None:
    tom.share(failed, "y", user=User.objects.get(username="ann"))
    assert len(post.look()) == 1
    trouble(tom, "y")
    assert post.look() == []
    DestinationHealth.objects.filter(destination="y").delete()
    assert post.look(after=2 * HOUR) == []


def test_a_restart_doubles_nothing(failed: Any, post: Post) -> None:
    assert len(post.look()) == 1
    post.worker = Notices()
    assert post.look(after=2 * HOUR) == []
    NoticeScan.objects.all().delete()
    assert post.look(after=2 * HOUR) == []


@pytest.mark.parametrize("error", [OSError("no connection"), ValueError("a bug"), TimeoutError()])
def test_a_failing_server_loses_nothing(
    error: Exception, failed: Any, post: Post, server: type[FailingBackend]
) -> None:
    server.error = error
    for _ in range(30):
        assert post.look() == []
    assert 3 <= server.asked <= 6, "it is tried again less and less often"
    server.error = None
    assert sum(len(post.look(after=600)) for _ in range(6)) == 1


def test_a_server_that_is_down_is_asked_once_a_look(
    tom: Tom, failed: Any, post: Post, server: type[FailingBackend]
) -> None:
    server.error = OSError("no connection")
    with override_settings(SHARECORE_NOTIFY=[f"ops{number}@tom.test" for number in range(10)]):
        assert post.look() == []
        assert server.asked == 1
        server.error = None
        assert sum(len(post.look(after=130)) for _ in range(3)) == 11


def test_a_refused_address_keeps_nobody_else_from_a_mail(
    failed: Any, post: Post, server: type[FailingBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FailingBackend.send_messages

    def refuse(self: Any, messages: Any) -> int:
        if messages[0].to == ["ann@tom.test"]:
            raise SMTPRecipientsRefused({"ann@tom.test": (550, b"unknown")})
        return real(self, messages)

    monkeypatch.setattr(FailingBackend, "send_messages", refuse)
    with override_settings(SHARECORE_NOTIFY=["ops@tom.test"]):
        assert told(post.look()).keys() == {"ops@tom.test"}


class Killed(BaseException):
    """The worker is gone."""


def test_a_worker_that_dies_before_it_sends_loses_nothing(
    failed: Any, post: Post, server: type[FailingBackend]
) -> None:
    server.error = Killed()
    with pytest.raises(Killed):
        post.look()
    server.error, post.worker = None, Notices()
    assert post.look() == [], "it may still be sending"
    assert sum(len(post.look(after=300)) for _ in range(4)) == 1


def test_a_mail_that_is_sent_again_has_the_same_id(
    failed: Any, post: Post, monkeypatch: pytest.MonkeyPatch, server: type[FailingBackend]
) -> None:
    real = FailingBackend.send_messages

    def die_after(self: Any, messages: Any) -> int:
        real(self, messages)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(FailingBackend, "send_messages", die_after)
        with pytest.raises(Killed):
            post.look()
    post.worker = Notices()
    post.look()
    (second,) = post.look(after=HOUR)
    assert second.extra_headers["Message-ID"] == mail.outbox[0].extra_headers["Message-ID"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one_mail(tom: Tom, failed: Any, post: Post) -> None:
    now = tom.clock.now
    together = threading.Barrier(4)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            together.wait(60)
            Notices().step()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    with override_settings(SHARECORE_NOTIFY=["ops@tom.test", "more@tom.test"]):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        assert database_clock.now() > now
        tom.clock.forward(seconds=HOUR)
        Notices().step()
    assert sorted(each.to[0] for each in mail.outbox) == ["ann@tom.test", "more@tom.test", "ops@tom.test"]
    assert not [each for each in errors if "locked" not in str(each)]


@pytest.mark.django_db(transaction=True)
def test_a_hanging_server_delays_no_delivery(
    tom: Tom, failed: Any, monkeypatch: pytest.MonkeyPatch, server: type[FailingBackend]
) -> None:
    hangs, asked = threading.Event(), threading.Event()

    def hang(self: Any, messages: Any) -> int:
        asked.set()
        hangs.wait(60)
        return 1

    monkeypatch.setattr(FailingBackend, "send_messages", hang)
    tom.x.recover()
    worker = Worker("command")
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert asked.wait(30)
        tom.datum(failed)
        worker.wake(failed.pk, {})
        waited = threading.Event()
        for _ in range(300):
            if "delivered" in tom.states():
                break
            waited.wait(0.1)
        assert tom.states() == ["failed", "delivered"]
        assert not hangs.is_set()
    finally:
        hangs.set()
        worker.stop()
        thread.join(30)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Any]:
    """The mailbox of a real SMTP server on this machine."""
    handler = Mailbox(str(tmp_path / "mails"))
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    backend = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=backend, EMAIL_HOST="127.0.0.1", EMAIL_PORT=controller.port):
        yield handler.mailbox
    controller.stop()


@pytest.mark.django_db(transaction=True)
def test_a_worker_under_cron_sends_to_a_real_server(tom: Tom, failed: Any, mailbox: Any) -> None:
    Worker("command").run_once()
    Worker("command").run_once()
    (message,) = list(mailbox)
    assert message["To"] == "ann@tom.test"
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = message.get_payload()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "1 record of 1 share was refused by x: no." in text.get_payload(decode=True).decode()
    assert NoticeRecipient.objects.get().lease == ""
    assert Outbox.objects.count() == 1


class TestInAChat:
    """`SHARECORE_NOTIFY` names a destination that people read."""

    @pytest.fixture
    def plugins(self) -> Iterable[object]:
        return (notify,)

    @pytest.fixture
    def chat(self, tom: Tom) -> Iterator[FakeServer]:
        with FakeServer() as server:
            server.on("POST", "/room", answer(200))
            chat = {"ADAPTER": "notify", "URL": f"{server.url}room".replace("http", "json")}
            with override_settings(DATA_SHARING=DATA_SHARING | {"chat": chat}, SHARECORE_NOTIFY=["chat"]):
                yield server

    def test_the_chat_is_told_once_and_after_a_failure_again(
        self, post: Post, target: Any, chat: FakeServer
    ) -> None:
        post.tom.share(target)
        post.tom.datum(target)
        chat.will(answer(503), times=1)
        post.fail_for(1.25 * HOUR)
        assert post.look() == []
        post.look(after=HOUR)
        post.look(after=HOUR)
        assert len(chat.requests) == 2
        said = chat.requests[1].json
        assert "does not answer" in said["title"]
        assert "1 record of 1 share waits" in said["message"]
        assert "What you are told" not in said["message"]

    def test_a_chat_whose_name_is_the_key_of_a_user_is_somebody_else(
        self, post: Post, target: Any, chat: FakeServer
    ) -> None:
        user = post.person("ann", target)
        room = settings.DATA_SHARING["chat"]
        with override_settings(
            DATA_SHARING=DATA_SHARING | {str(user.pk): room}, SHARECORE_NOTIFY=[str(user.pk)]
        ):
            people.choose(user, people.Choice.NOTHING.value)
            post.tom.share(target, user=user)
            post.tom.datum(target)
            post.fail_for(1.25 * HOUR)
            assert post.look() == []
            assert len(chat.requests) == 1, "the chat does not follow the choice of a person"

    def test_a_mail_server_that_is_down_silences_no_chat(
        self, tom: Tom, failed: Any, chat: FakeServer, post: Post, server: type[FailingBackend]
    ) -> None:
        server.error = OSError("no connection")
        with override_settings(SHARECORE_NOTIFY=["ops@tom.test", "chat"]):
            assert post.look() == []
            assert (server.asked, len(chat.requests)) == (1, 1)
            tom.share(failed, "y", user=User.objects.get(username="ann"))
            trouble(tom, "y")
            post.look(after=HOUR)
            assert len(chat.requests) == 2, "it hears of the next trouble as well"
            server.error = None
            assert told(post.look(after=7 * HOUR)).keys() == {"ann@tom.test", "ops@tom.test"}

    def test_a_chat_that_fails_silences_neither_mails_nor_other_chats(
        self, tom: Tom, failed: Any, chat: FakeServer, post: Post
    ) -> None:
        chat.on("POST", "/other", answer(200))
        chat.will(answer(503), times=1)
        other = {"ADAPTER": "notify", "URL": f"{chat.url}other".replace("http", "json")}
        with override_settings(
            DATA_SHARING=settings.DATA_SHARING | {"other": other}, SHARECORE_NOTIFY=["chat", "other"]
        ):
            assert told(post.look()).keys() == {"ann@tom.test"}
            assert [request.path for request in chat.requests] == ["/room", "/other"]

    def test_a_person_whose_address_is_that_name_neither_writes_there_nor_takes_its_place(
        self, post: Post, target: Any, chat: FakeServer
    ) -> None:
        user = post.person("ann", target, email="chat")
        post.tom.share(target, user=user)
        trouble(post.tom, "x")
        assert [message.to for message in post.look()] == [["chat"]]
        assert len(chat.requests) == 1, "the chat itself is told"
        with override_settings(SHARECORE_NOTIFY=[]):
            trouble(post.tom, "y")
            post.tom.share(target, "y", user=user)
            assert len(post.look(after=HOUR)) == 1
        assert len(chat.requests) == 1

    def test_a_name_that_is_no_destination_is_reported(self, tom: Tom) -> None:
        with override_settings(SHARECORE_NOTIFY=["caht"], SHARECORE_SITE_URL="https://tom.example.org"):
            (found,) = checks.check_mails()
        assert found.id == "sharecore.W015"
        assert "'caht'" in found.msg
