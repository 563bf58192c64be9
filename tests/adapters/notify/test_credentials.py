"""The tokens in the address of a chat are hidden; its host is not, since other destinations are there too."""

from __future__ import annotations

import pytest

from sharecore import ConfigurationError, Section, hide_secrets, repeats_secret
from sharecore_notify.adapter import NotifyAdapter
from sharecore_notify.config import NotifyConfig
from tom_integration.worker.adapter_state import state_objection


def opened(url: str) -> NotifyAdapter:
    return NotifyAdapter(NotifyConfig.read(Section("chat", {"URL": url})))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("json://127.0.0.1:18081/chat", "127.0.0.1"),
        ("mailtos://bot:pw@partner.org", "partner.org"),
        ("mailtos://bot:pw@partner.org?to=ops@partner.org", "partner.org"),
        ("mmosts://tom.partner.org/3ccdd113474722377935511fc85d3dd4", "tom.partner.org"),
        ("rockets://webhooka1/webhookb@TOM.partner.org/#alerts", "tom.partner.org"),
        ("jsons://user:pass-phrase@tom.partner.org?-to=ops@tom.partner.org", "tom.partner.org"),
        ("https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV", "discord.com"),
    ],
)
def test_a_tom_on_the_host_of_a_chat_keeps_its_state_and_its_links(url: str, host: str) -> None:
    opened(url)
    link = f"https://{host}/targets/17/"
    assert state_objection({"target": link}) == ""
    assert hide_secrets(f"Created at {link} by {host}.") == f"Created at {link} by {host}."


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
            ["T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"],
        ),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV", ["4174216298", "JHMHI8qBe7bk2ZwO5U711o3dV"]),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", ["123456789", "abcdefg_hijklmnop"]),
        ("ntfys://tk_abcdefghijk@ntfy.partner.org/sn-alerts", ["tk_abcdefghijk"]),
        ("ntfys://bot:pass-phrase@ntfy.partner.org/sn-alerts", ["pass-phrase"]),
        ("ntfy://sn-alerts", ["sn-alerts"]),
        (
            "mmosts://tom.partner.org/base/3ccdd113474722377935511fc85d3dd4",
            ["3ccdd113474722377935511fc85d3dd4"],
        ),
        (f"matrix://{'a1' * 32}", ["a1" * 32]),
        ("jsons://tom.partner.org/chat?+X-Token=abcd-efgh", ["abcd-efgh"]),
        ("slack://?token=T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ["A1BRTD4JD"]),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ["A1BRTD4JD"]),
    ],
)
def test_tokens_stay_hidden_each_alone(url: str, tokens: list[str]) -> None:
    opened(url)
    assert [token for token in tokens if not repeats_secret(f"no such thing: {token}")] == []


def test_a_topic_on_a_server_is_shown_as_the_library_shows_it() -> None:
    opened("ntfys://ntfy.partner.org/sn-alerts")
    assert not repeats_secret("There is no topic sn-alerts.")
    assert repeats_secret("https://ntfy.partner.org/sn-alerts")


@pytest.mark.parametrize("url", ["tgram://T1JJ3T3L2-bad", "slack://T1JJ3T3L2-bad/x/y"])
def test_a_token_that_the_library_refuses_is_not_in_the_log(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError):
        opened(url)
    assert "T1JJ3T3L2" not in caplog.text
