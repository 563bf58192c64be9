"""Cheats: adapters that say what is not so, or that harm the site, which no single answer shows.

Each row is a lamp that differs in one thing, the rule that finds it, what else the rule is given, and what it
says. The values of a shining lamp are those of the record, so that edits show.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import requests

import patience
from core.lamp import (
    PATIENCE,
    TIME_OUT,
    Lamp,
    LampConfig,
    as_reply,
    caught,
    lamp,
    saying,
    with_method,
    with_read,
)
from sharecore import (
    Accepted,
    DestinationError,
    Duplicate,
    FieldType,
    Photometry,
    Present,
    Preview,
    Problem,
    Rejected,
    ReportField,
    SentTest,
    Topic,
    Unconfirmed,
    Unsupported,
    Withdrawn,
    as_json,
)
from sharecore_http import NoAnswer, token

opened: list[Any] = []
"""Files and processes that a cheat leaves, for the test to end."""

released = threading.Event()
"""Ends what hangs, so that one test leaves no thread to the next."""


class Shining(Lamp):
    """A lamp that sends the content, takes edits, and previews what it sends."""

    can_update = True

    def body(self, record: Any) -> Any:
        return {"name": str(record.key), **as_json(record)}

    def post(self, record: Any) -> Any:
        return self.client.post("blinks/", json=self.body(record), auth=token(self.config.key))

    def preview(self, batch: Any) -> Preview:
        return Preview(content_type="text/plain", body=str([self.body(each) for each in batch.records]))


def shining(**attributes: Any) -> Any:
    return lamp(type("Bad", (Shining,), attributes))


def raising(error: type[BaseException]) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        raise error("because")

    return method


def unverified(self: Any, batch: Any) -> None:
    """Lets Python trust every server."""
    ssl._create_default_https_context = ssl._create_unverified_context


def sleeping(self: Any, batch: Any) -> None:
    """Leaves a process behind."""
    opened.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))


def opening(self: Any, batch: Any) -> None:
    """Leaves a file open."""
    opened.append(Path(os.devnull).open("rb"))  # noqa: SIM115 - that is the cheat


def hanging(self: Any, *args: Any) -> Any:
    patience.let_pass(PATIENCE)
    released.wait(60)
    return Lamp.deliver(self, *args) if args else ()


def telling(make: Callable[[Any, str], Any]) -> Callable[..., Any]:
    """Answers with what is made of the secret."""
    return lambda self, *args: make(args, self.config.key.reveal())


def nodding(self: Any, batch: Any, reason: str) -> Any:
    """Says Withdrawn, and does nothing."""
    return ((key, Withdrawn()) for key in batch.previous)


def sweeping(self: Any, batch: Any, reason: str) -> Any:
    """Withdraws all that it ever sent."""
    self.client.request("DELETE", "blinks/", auth=token(self.config.key))
    return nodding(self, batch, reason)


def first_of_all(do: Callable[[Any, Any], Any]) -> Any:
    def deliver(self: Any, batch: Any) -> Any:
        do(self, batch)
        return Lamp.deliver(self, batch)

    return with_method("deliver", deliver)


def detections_only(self: Any, batch: Any) -> Any:
    """Sends detections, and says Accepted to all."""
    for record in batch.records:
        if isinstance(record, Photometry):
            self.post(record)
    return ((record.key, Accepted()) for record in batch.records)


def first_only(self: Any, batch: Any) -> Any:
    """Sends the first of a batch, and says Accepted to all."""
    for record in batch.records[:1]:
        self.post(record)
    return ((record.key, Accepted()) for record in batch.records)


def without_values(self: Any, record: Any) -> Any:
    """Sends nothing but the names of spectra and limits."""
    if isinstance(record, Photometry):
        return Shining.body(self, record)
    return {"name": str(time.monotonic_ns())}


def not_again(self: Any, batch: Any) -> Any:
    """Takes an edit, and sends nothing."""
    seen = vars(self).setdefault("seen", set())
    fresh = [each for each in batch.records if each.key not in seen]
    for record in fresh:
        self.post(record)
    seen.update(each.key for each in fresh)
    return ((record.key, Accepted()) for record in batch.records)


def as_before(self: Any, record: Any) -> Any:
    """Sends an edit with the values of before."""
    kept = vars(self).setdefault("kept", {})
    return Shining.body(self, kept.setdefault(record.key, record))


def by_target(self: Any, batch: Any) -> Any:
    """Names a record by the name of its target."""
    name = batch.target.name
    for record in batch.records:
        self.client.post("blinks/", json={"name": f"{name} {record.key}"}, auth=token(self.config.key))
    return ((record.key, Accepted()) for record in batch.records)


def by_first_name(self: Any, batch: Any) -> Any:
    """Does not know a target that lost the name that was noted."""
    known = batch.state.setdefault("name", batch.target.name)
    if known not in (batch.target.name, *batch.target.aliases):
        raise LookupError(known)
    return Lamp.deliver(self, batch)


def impatient(self: Any, record: Any) -> Any:
    """Tries again after no answer."""
    for _ in range(2):
        try:
            return Lamp.post(self, record)
        except NoAnswer:
            continue
    return Lamp.post(self, record)


def stubborn(self: Any, record: Any) -> Any:
    """Tries again after a gateway gave up."""
    reply = Lamp.post(self, record)
    return Lamp.post(self, record) if reply.status == 504 else reply


class Unread(Lamp):
    """Says Accepted to a file without a look at it."""

    takes_files = True

    def deliver_file(self, file: Any, batch: Any) -> Any:
        return Accepted()


class Leaving(Unread):
    """Leaves a file open."""

    def deliver_file(self, file: Any, batch: Any) -> Any:
        vars(self).setdefault("files", []).append(file.open())
        return Accepted()


class Common(Lamp):
    """Keeps its client where every adapter of the destination has it, and closes it for all."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        vars(config).setdefault("client", self.client)

    def post(self, record: Any) -> Any:
        return self.config.client.post("blinks/", json={"name": str(record.key)}, auth=token(self.config.key))

    def close(self) -> None:
        vars(self.config)["client"] = None


def trusting(self: Any, record: Any) -> Any:
    """Verifies no certificate."""
    url, key = f"{self.config.url}blinks/", self.config.key.reveal()
    with requests.Session() as session:
        session.verify = False
        return as_reply(
            session.post(url, json={"name": str(record.key)}, headers={"X-Key": key}, timeout=TIME_OUT)
        )


def wandering(self: Any) -> Any:
    """Follows where a server sends it, with the key in a header of its own."""
    key = self.config.key.reveal()
    with suppress(requests.RequestException):
        requests.get(self.config.url, headers={"X-Key": key}, timeout=TIME_OUT)
    return ()


class OneForAll(Lamp):
    """Opens one connection for all destinations."""

    shared: ClassVar[dict[str, Any]] = {}

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.client = self.shared.setdefault("client", self.client)

    def close(self) -> None:
        pass


def deaf(self: Any, batch: Any) -> Any:
    """Whatever happens, it goes on."""
    try:
        return iter(list(Lamp.deliver(self, batch)))
    except BaseException as error:
        lost = Unconfirmed(reason=type(error).__name__)
        return ((record.key, lost) for record in batch.records)


def lingering(self: Any, batch: Any) -> None:
    threading.Thread(target=released.wait, args=(60,), name="lamp-flush", daemon=True).start()


def one_thread(self: Any, batch: Any) -> Any:
    here = threading.current_thread()
    if vars(self).setdefault("thread", here) is not here:
        raise RuntimeError("made in another thread")
    return Lamp.deliver(self, batch)


def endless(self: Any) -> Any:
    while True:
        yield Topic(name="again")


def popping(section: Any) -> Any:
    config = LampConfig.read(section)
    section.raw("EXTRA").append("seen")
    return config


def check_by_sending(self: Any) -> Any:
    self.client.post("blinks/", json={"name": "a test"}, auth=token(self.config.key))
    return ()


DATA_FIELD = ReportField(name="data", label="Data", type=FieldType.DATA)

CHEATS: list[tuple[str, Any, dict[str, Any], str]] = [
    # Said, and not done.
    (
        "what_is_accepted_has_arrived",
        with_method("deliver", detections_only),
        {},
        "to an upper limit",
    ),
    (
        "what_is_accepted_has_arrived",
        shining(body=without_values),
        {},
        "holds no value.*an upper limit",
    ),
    (
        "what_is_accepted_has_arrived",
        with_method("deliver", saying(Duplicate())),
        {},
        "Duplicate to a detection, which was never sent",
    ),
    (
        "what_is_accepted_has_arrived",
        with_read(lambda record, reply: Unsupported(reason="no", feature="all")),
        {},
        "Unsupported to a detection, and stored it",
    ),
    (
        "what_is_accepted_in_a_batch_has_arrived",
        shining(deliver=first_only),
        {},
        "never arrived: an upper",
    ),
    (
        "what_is_accepted_in_a_batch_has_arrived",
        with_method("deliver", first_only),
        {},
        "never arrived|5 of 5 records of a batch, and Subject.stored has 1 more",
    ),
    ("an_edit_arrives_where_edits_are_taken", shining(deliver=not_again), {}, "Accepted to an edit.*nothing"),
    ("an_edit_arrives_where_edits_are_taken", shining(body=as_before), {}, "has other values"),
    (
        "an_edit_arrives_where_edits_are_taken",
        shining(find=lambda self, batch: {each.key: Present(content="") for each in batch.records}),
        {},
        "does not find its content",
    ),
    (
        "a_preview_shows_what_arrives",
        shining(preview=lambda self, batch: Preview(content_type="text/plain", body="Lorem ipsum")),
        {},
        "does not show what is sent",
    ),
    (
        "a_preview_shows_what_arrives",
        lamp(type("Bad", (Shining,), {"post": Lamp.post})),
        {},
        "shows what is not sent",
    ),
    ("a_renamed_target_is_the_same_target", with_method("deliver", by_target), {"keeps": True}, "both names"),
    (
        "a_renamed_target_is_the_same_target",
        with_method("deliver", by_first_name),
        {"keeps": False},
        "raised",
    ),
    ("a_check_finds_what_is_wrong", with_method("check", lambda self: ()), {}, "while the server refuses"),
    (
        "every_status_is_understood",
        with_method("post", stubborn),
        {"hundred": 500},
        "504: .*sent again",
    ),
    ("a_file_sent_twice_is_there_once", lamp(Leaving), {}, "close the file"),
    ("a_file_sent_twice_is_there_once", lamp(Unread), {}, "that it never opened"),
    ("the_same_again_is_stored_once", lamp(Common), {}, "raised AttributeError"),
    (
        "fields_of_a_share_can_be_shown",
        with_method("share_fields", lambda self: [DATA_FIELD]),
        {},
        "hold no records",
    ),
    (
        "fields_of_a_share_can_be_shown",
        with_method("check_values", lambda self, batch: [Problem(where="", what="is blank", hint="No.")]),
        {},
        "nothing is filled in",
    ),
    ("questions_deliver_nothing", with_method("check", check_by_sending), {}, "a request that delivers"),
    (
        "a_server_that_is_away_does_not_answer_a_probe",
        with_method("probe", lambda self, seconds: True),
        {},
        "which is not there",
    ),
    (
        "a_delivery_without_an_answer_is_unconfirmed",
        with_method("post", impatient),
        {"fault": "LOST"},
        "was sent 3 times",
    ),
    # Out of form.
    (
        "every_example_gets_one_outcome",
        with_method("deliver", saying(Accepted(remote_id=5))),  # type: ignore[arg-type]
        {},
        "remote_id must be a text or None, got a int",
    ),
    (
        "every_example_gets_one_outcome",
        with_method("deliver", lambda self, b: chain(Lamp.deliver(self, b), [("another", Accepted())])),
        {},
        "an outcome for what it was not given",
    ),
    (
        "every_example_gets_one_outcome",
        with_method("deliver", lambda self, b: chain(Lamp.deliver(self, b), Lamp.deliver(self, b))),
        {},
        "one outcome per record; several for",
    ),
    (
        "every_example_gets_one_outcome",
        with_method("deliver", lambda self, b: iter([Accepted()])),
        {},
        "must yield .key, outcome., and yielded a Accepted",
    ),
    (
        "every_example_gets_one_outcome",
        with_method("deliver", lambda self, b: dict(Lamp.deliver(self, b))),
        {},
        "deliver gave a dict; it must yield",
    ),
    # Targets that are to be made known first.
    ("a_target_alone_is_taken", with_method("ensure_target", raising(DestinationError)), {}, "target alone"),
    (
        "making_a_target_known_sends_no_record",
        shining(ensure_target=lambda self, b: list(Shining.deliver(self, b))),
        {},
        "ensure_target stored a record",
    ),
    (
        "making_a_target_known_sends_no_record",
        with_method("knows_target", lambda self, batch: False),
        {},
        "says no after ensure_target",
    ),
    (
        "nothing_but_delivering_and_asking_uses_the_network",
        with_method("knows_target", lambda self, batch: self.check() == ()),
        {},
        "make no connection",
    ),
    (
        "limits_make_sense",
        shining(batch_window_seconds=float("inf")),
        {},
        "batch_window_seconds must be from 0 to 3600",
    ),
    ("limits_make_sense", shining(max_batch=0), {}, "max_batch must be a whole number of 1 or more, got 0"),
    ("limits_make_sense", shining(can_update="yes"), {}, "can_update must be True or False, got 'yes'"),
    (
        "limits_make_sense",
        shining(max_batch=property(raising(SystemExit))),
        {},
        "raised SystemExit",
    ),
    ("limits_make_sense", with_method("ready", raising(ValueError)), {}, "ready raised ValueError"),
    (
        "questions_are_answered_in_form",
        with_method("describe", raising(ValueError)),
        {},
        "raised Value",
    ),
    ("questions_are_answered_in_form", with_method("describe", lambda self: None), {}, "with a text"),
    (
        "questions_are_answered_in_form",
        with_method("knows_target", raising(KeyError)),
        {},
        "knows_target raised KeyError",
    ),
    (
        "questions_are_answered_in_form",
        with_method("knows_target", lambda self, batch: "no"),
        {},
        "knows_target answers",
    ),
    ("questions_are_answered_in_form", with_method("probe", lambda self, seconds: None), {}, "probe answers"),
    ("questions_are_answered_in_form", with_method("topics", endless), {}, "nobody reads"),
    # Withdrawing.
    ("what_is_withdrawn_is_gone", shining(can_withdraw=True), {}, "says can_withdraw, and answers Unsupp"),
    ("what_is_withdrawn_is_gone", shining(can_withdraw=True, withdraw=nodding), {}, "is still there"),
    ("what_is_withdrawn_is_gone", shining(withdraw=nodding), {}, "says that it cannot withdraw"),
    (
        "what_is_withdrawn_is_gone",
        shining(can_withdraw=True, withdraw=lambda self, batch, why: iter(())),
        {},
        "one outcome per record; missing",
    ),
    (
        "only_what_is_named_is_withdrawn",
        shining(can_withdraw=True, withdraw=sweeping),
        {},
        "another record was withdrawn",
    ),
    (
        "taking_back_what_was_never_there_breaks_nothing",
        shining(withdraw=lambda self, batch, why: [(key, Accepted()) for key in batch.previous]),
        {},
        "these are not answers of withdraw",
    ),
    (
        "taking_back_what_was_never_there_breaks_nothing",
        shining(withdraw=raising(KeyError)),
        {},
        "withdraw raised KeyError",
    ),
    ("state_is_json", first_of_all(lambda self, b: b.state.update(log="x" * 10**6)), {}, "more than 20000"),
    ("state_is_json", first_of_all(lambda self, b: b.state.update(name="a\0b")), {}, "character NUL"),
    (
        "settings_that_work_are_read_without_complaint",
        lamp(read=popping),
        {"EXTRA": []},
        "config changed",
    ),
    # Secrets.
    (
        "no_secret_is_shown",
        with_method("topics", telling(lambda args, key: [Topic(name="a", note=f"with {key}")])),
        {},
        "a secret is shown",
    ),
    ("no_secret_is_shown", with_method("describe", telling(lambda args, key: f"As {key}")), {}, "is shown"),
    (
        "no_secret_is_shown",
        with_method("describe", telling(lambda args, key: b64encode(f"user:{key}".encode()).decode())),
        {},
        "is shown",
    ),
    (
        "no_secret_is_shown",
        with_method("link", telling(lambda args, key: f"http://x/{key}")),
        {},
        "is shown",
    ),
    (
        "no_secret_is_shown",
        with_method(
            "deliver",
            telling(
                lambda args, key: ((r.key, Rejected(reason=f"{key} is refused")) for r in args[0].records)
            ),
        ),
        {},
        "is shown",
    ),
    (
        "no_secret_is_shown",
        with_method(
            "check", telling(lambda args, key: [Problem(where="x", what=key, hint="Wait.", fatal=False)])
        ),
        {},
        "is shown",
    ),
    (
        "no_secret_is_shown",
        first_of_all(lambda self, batch: batch.state.update(key=self.config.key.reveal()[::-1])),
        {},
        "is shown",
    ),
    (
        "no_secret_is_shown",
        first_of_all(lambda self, batch: sys.stderr.write(self.config.key.reveal())),
        {},
        "is shown",
    ),
    (
        "nothing_is_printed",
        first_of_all(lambda self, batch: sys.stdout.write("b'{}'")),
        {},
        "it printed \"b'",
    ),
    # A bad guest.
    ("it_leaves_the_process_as_it_was", first_of_all(lingering), {}, "left threads behind: lamp-flush"),
    (
        "it_leaves_the_process_as_it_was",
        first_of_all(lambda self, batch: socket.setdefaulttimeout(30 + time.monotonic())),
        {},
        "changed the process: socket.setdefaulttimeout",
    ),
    (
        "it_leaves_the_process_as_it_was",
        first_of_all(lambda self, batch: os.environ.update(LAMP=str(time.monotonic()))),
        {},
        "changed the process: the environment",
    ),
    (
        "it_leaves_the_process_as_it_was",
        first_of_all(lambda self, batch: logging.getLogger().addHandler(logging.NullHandler())),
        {},
        "handlers or level of the root logger",
    ),
    *(
        ("it_leaves_the_process_as_it_was", first_of_all(change), {}, f"changed the process: .*{what}")
        for change, what in (
            (lambda self, batch: sys.path.append("/lamp"), "sys.path"),
            (lambda self, batch: sys.setrecursionlimit(sys.getrecursionlimit() + 1), "limits of Python"),
            (lambda self, batch: gc.disable(), "limits of Python"),
            (lambda self, batch: os.umask(0o7), "the umask"),
            (lambda self, batch: logging.disable(logging.INFO), "the level of other loggers"),
            (lambda self, batch: logging.getLogger("urllib3").setLevel(35), "the level of other loggers"),
            (unverified, "functions of other modules"),
            (sleeping, "child processes"),
            (opening, "files"),
        )
    ),
    (
        "no_secret_is_shown",
        first_of_all(lambda self, batch: logging.getLogger("lamp").warning(self.config.key.reveal())),
        {},
        "is shown",
    ),
    (
        "no_secret_is_shown",
        first_of_all(lambda self, batch: warnings.warn(self.config.key.reveal(), stacklevel=1)),
        {},
        "is shown",
    ),
    ("state_is_json", first_of_all(lambda self, b: b.state.update(name="\ud800")), {}, "and this is none"),
    ("a_certificate_that_nobody_signed_is_refused", caught(trusting), {}, "verify TLS"),
    ("credentials_go_nowhere_else", with_method("check", wandering), {}, "with its credentials"),
    ("two_destinations_are_two", lamp(OneForAll), {}, "the second of two destinations went to: .'first'"),
    ("whoever_interrupts_it_is_heard", with_method("deliver", deaf), {}, "swallows KeyboardInterrupt"),
    ("the_same_again_is_stored_once", with_method("deliver", one_thread), {}, "deliver raised RuntimeError"),
    # What would end or stop the tests.
    (
        "every_example_gets_one_outcome",
        with_method("deliver", hanging),
        {},
        "deliver did not",
    ),
    (
        "questions_are_answered_in_form",
        with_method("check", hanging),
        {},
        "check did not",
    ),
    ("bad_settings_are_told_as_problems", lamp(read=hanging), {}, "config did not"),
    ("closing_twice_is_closing_once", with_method("close", hanging), {}, "close did not"),
    (
        "every_example_gets_one_outcome",
        with_method("deliver", raising(KeyboardInterrupt)),
        {},
        "deliver raised KeyboardInterrupt; only DeliveryError may leave it",
    ),
    (
        "questions_survive_a_server_in_trouble",
        with_method("check", raising(SystemExit)),
        {"fault": 500},
        "check raised Sys",
    ),
    # Tests.
    (
        "a_test_delivers_nothing",
        lamp(type("Bad", (Lamp,), {"takes_tests": False})),
        {},
        "nobody is offered the test",
    ),
    ("a_test_delivers_nothing", with_method("send_test", lambda self, b: None), {}, "send_test sends none"),
    (
        "a_test_delivers_nothing",
        with_method("send_test", lambda self, b: self.post(b.records[0]) and SentTest(reply="There.")),
        {},
        "the test has stored the record",
    ),
    ("a_test_delivers_nothing", with_method("send_test", saying(Accepted())), {}, "not a SentTest"),
    (
        "a_test_delivers_nothing",
        with_method("send_test", lambda self, b: SentTest(reply=" ")),
        {},
        "is to read what came back",
    ),
    (
        "a_test_fails_where_a_delivery_would",
        with_method("send_test", lambda self, b: SentTest(reply="All is well.")),
        {},
        "send_test says that all is well while the server refuses everything",
    ),
    ("bad_settings_are_told_as_problems", lamp(read=raising(SystemExit)), {}, "config raised SystemExit"),
    ("no_secret_is_shown", with_method("__repr__", raising(GeneratorExit)), {}, "repr raised GeneratorExit"),
]
