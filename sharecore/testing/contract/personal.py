"""Rules of the credentials that each person gives (`DestinationType.personal`)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from sharecore.exceptions import AuthenticationFailed, ConfigurationError, DeliveryError
from sharecore.settings import Section
from sharecore.testing.answers import Answer, Request
from sharecore.testing.contract.bench import Bench


class Personal:
    """The settings that people give, and whose credentials a request carries."""

    def test_the_examples_of_personal_settings_are_read(self, bench: Bench) -> None:
        """Read each personal setting in `config`, and find no problem with its example."""
        if not bench.subject.type.personal:
            return
        section = _section(bench, None)
        with suppress(ConfigurationError):
            bench.config(section)
        fatal = [str(each) for each in section.problems if each.fatal]
        assert not fatal, f"the entry is refused with the examples of `personal`: {fatal}"
        unread = [key for key in bench.subject.type.personal if not section.was_read(key)]
        assert not unread, f"config does not read what people are asked for: {unread}"

    def test_each_person_shares_with_their_own_credentials(self, bench: Bench) -> None:
        """Send the credentials of the person whose adapter it is, and never those of another person."""
        if not bench.subject.type.personal or bench.subject.server is None:
            return
        mine = _given(bench)
        others = {key: _turned(value) for key, value in mine.items()}
        adapters = [bench.open_with(_section(bench, each)) for each in (mine, others)]
        sent: list[list[Request]] = []
        for adapter in (*adapters, *adapters):
            before = len(bench.server.requests)
            with suppress(DeliveryError):
                bench.call(adapter, bench.batch(bench.record, state={}))
            sent.append(bench.server.requests[before:])
        for number, requests in enumerate(sent):
            own, foreign = (mine, others) if number % 2 == 0 else (others, mine)
            for key in _secret(bench):
                carried = [_carries(each, own[key]) for each in requests]
                assert any(carried), f"a delivery does not carry the {key} of the person whose adapter it is"
                found = [each for each in requests if _carries(each, foreign[key])]
                assert not found, f"a request carries the {key} of another person"

    def test_a_refusal_names_the_profile_page(self, bench: Bench) -> None:
        """Send a person whose credentials are refused to the profile page: they cannot change settings."""
        if not bench.subject.type.personal or bench.subject.server is None:
            return
        adapter = bench.open_with(_section(bench, _given(bench)))
        bench.server.will(Answer(status=401))
        stopped = bench.call(adapter, bench.batch(bench.record, state={})).stopped
        if not isinstance(stopped, AuthenticationFailed):
            return
        named = [key for key in bench.subject.type.personal if f"[{key!r}]" in stopped.reason]
        assert not named, f"a person is told to correct {named} in the settings; name `Secret.place` instead"


def _section(bench: Bench, given: Mapping[str, str] | None) -> Section:
    personal = bench.subject.type.personal
    taken = {key for name, each in personal.items() for key in (name, *each.also)}
    entry = {key: value for key, value in bench.subject.settings.items() if key not in taken}
    section = Section("example", entry)
    section.ask_people(personal, given)
    return section


def _secret(bench: Bench) -> list[str]:
    return [key for key, each in bench.subject.type.personal.items() if each.secret]


def _given(bench: Bench) -> dict[str, str]:
    """Return what the person of the subject gives: its settings, else the examples."""
    settings = bench.subject.settings
    return {key: str(settings.get(key) or each.example) for key, each in bench.subject.type.personal.items()}


def _turned(value: str) -> str:
    """Return a value of the same form that another person may have."""
    return "".join(
        str((int(each) + 5) % 10) if each.isdecimal() and each.isascii() else each for each in value
    )


def _carries(request: Request, secret: str) -> bool:
    texts = [request.path, *request.query.values(), *request.headers.values()]
    return any(secret in text for text in texts) or secret.encode() in request.body
