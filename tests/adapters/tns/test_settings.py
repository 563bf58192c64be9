"""The settings of TNS, those of tom_tns, and what a check says of them."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.tns import samples
from adapters.tns.conftest import Open
from sharecore import ConfigurationError, Section
from sharecore.testing import answer
from sharecore_tns.adapter import TnsAdapter
from sharecore_tns.config import LIVE, SANDBOX, TnsConfig
from sharecore_tns.inherited import inherit
from sharecore_tns.plugin import sharecore_destinations
from standins.tns import KEY, Tns

BOT = {"BOT_ID": 12, "BOT_NAME": "Bot", "API_KEY": "k" * 40}


def read(**entry: Any) -> TnsConfig:
    return TnsConfig.read(Section("tns", entry))


def test_the_sandbox_is_the_default() -> None:
    config = read(**BOT)
    assert (config.base_url, config.live) == (SANDBOX, False)
    assert config.marker == 'tns_marker{"tns_id":12,"type":"bot","name":"Bot"}'
    assert TnsAdapter(config).describe().startswith("SANDBOX:")


def test_live_is_said_plainly() -> None:
    config = read(**BOT, LIVE=True)
    assert config.base_url == LIVE
    told = TnsAdapter(config).describe()
    assert told == "LIVE: reports go to the TNS itself. They are public, and cannot be withdrawn."


def test_a_person_approves_each_report() -> None:
    (kind,) = sharecore_destinations()
    assert kind.permanent


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"BOT_ID": ""}, "BOT_ID", "is missing"),
        ({"BOT_ID": "my bot"}, "BOT_ID", "must be the number of a bot, got 'my bot'"),
        ({"BOT_NAME": ""}, "BOT_NAME", "is missing"),
        ({"BOT_NAME": "Böt"}, "BOT_NAME", "must be in ASCII"),
        ({"API_KEY": ""}, "API_KEY", "is missing"),
        ({"LIVE": "yes"}, "LIVE", "must be True or False"),
        ({"BASE_URL": "https://www.wis-tns.org/"}, "BASE_URL", "'LIVE' is not True"),
        ({"BASE_URL": SANDBOX, "LIVE": True}, "BASE_URL", "is the sandbox, and 'LIVE' is True"),
        ({"REPORTER": "{me}"}, "REPORTER", "cannot be filled in"),
        ({"REPORTER": "{"}, "REPORTER", "cannot be filled in"),
        ({"INTERNAL_NAME_FORMAT": {"suffix": "x"}}, "INTERNAL_NAME_FORMAT", "has unknown parts: suffix"),
        ({"DEFAULT_BRIGHTNESS_UNIT": "mag"}, "DEFAULT_BRIGHTNESS_UNIT", "no unit that can be sent there"),
        ({"GROUP_NAMES": "LCO"}, "GROUP_NAMES", "must be a list of texts"),
    ],
)
def test_a_wrong_setting_gets_one_clear_error(changes: dict[str, Any], key: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(**{**BOT, **changes})
    (problem,) = raised.value.problems
    assert problem.where == f"DATA_SHARING['tns'][{key!r}]"
    assert said in problem.what


TOM_TNS: dict[str, Any] = {
    "DATA_SERVICES": {
        "TNS": {
            "bot_id": "12", "bot_name": "Bot", "api_key": "k" * 40, "base_url": "https://www.wis-tns.org/",
            "internal_name_format": {"prefix": "Ours", "year_format": "YY", "postfix": ""},
        }
    },
    "DATA_SHARING": {
        "hermes": {
            "BASE_URL": "https://hermes.example.org/", "HERMES_API_KEY": "not for TNS",
            "GROUP_NAMES": ["LCO"],
            "FILTER_MAPPING": {"rp": "r-Sloan"}, "INSTRUMENT_MAPPING": {"fa20": "LCO1m - Sinistro"},
            "DEFAULT_AUTHORS": "A. Author {et al.}",
        }
    },
}  # fmt: skip


def test_the_settings_of_tom_tns_work_unchanged() -> None:
    entry = inherit(TOM_TNS.get)["tns"]
    assert entry.pop("ADAPTER") == "tns"
    config = read(**entry)
    assert config.live is False, "to search the live TNS is not yet to report there"
    assert (config.bot_id, config.api_key.reveal(), config.group_names) == ("12", "k" * 40, ("LCO",))
    assert config.maps.names["bandpass"] == {"rp": "r-Sloan"}
    assert config.maps.names["instrument"] == {"fa20": "LCO1m - Sinistro"}
    assert config.reporter.format(user="x", site="y") == "A. Author {et al.}"
    assert config.name_format["prefix"] == "Ours"


def test_older_settings_of_tom_tns_work_too() -> None:
    old = {
        "BROKERS": {
            "TNS": {
                "bot_id": 12, "bot_name": "Bot", "api_key": "k" * 40, "group_names": ["LCO"], "LIVE": True,
                "filter_mapping": {"o": "Other"},
            }
        }
    }  # fmt: skip
    entry = inherit(old.get)["tns"]
    config = read(**{name: value for name, value in entry.items() if name != "ADAPTER"})
    assert config.live
    assert config.maps.names["bandpass"] == {"o": "Other"}


NO_KEY = {"DATA_SERVICES": {"TNS": {"bot_id": 1, "bot_name": "x", "api_key": ""}}}


@pytest.mark.parametrize("settings", [{}, NO_KEY, {"BROKERS": 7}])
def test_without_a_bot_there_is_no_destination(settings: dict[str, Any]) -> None:
    assert inherit(settings.get) == {}


def test_a_good_destination_has_no_problem(opened: Open) -> None:
    assert opened().check() == []


def test_a_check_names_what_is_not_there(there: Tns, opened: Open) -> None:
    adapter = opened(
        GROUP_NAMES=["Nobody"], AT_TYPE="XYZ", BANDPASS_MAP={"r": "r-none"}, DEFAULT_INSTRUMENT="no camera"
    )
    told = {each.where.split("[")[-1]: (each.what, each.fatal) for each in adapter.check()}
    assert told == {
        "'GROUP_NAMES']": ("names the group 'Nobody', which is not there", True),
        "'AT_TYPE']": ("names the type 'XYZ', which is not there", True),
        "'BANDPASS_MAP']": ("names 'r-none', which is none of the filters there", False),
        "'DEFAULT_INSTRUMENT']": ("names 'no camera', which is none of the instruments there", False),
    }
    assert there.submitted == {}


def test_a_check_tells_of_a_bot_that_is_refused(opened: Open) -> None:
    (problem,) = opened(API_KEY="0" * 40).check()
    assert problem.where.endswith("['API_KEY']")
    assert "HTTP 401" in problem.what


def test_a_check_tells_that_tns_is_down(there: Tns, opened: Open) -> None:
    there.server.will(answer(503))
    (problem,) = opened().check()
    assert "HTTP 503" in problem.what
    assert KEY not in str(problem)


def test_settings_show_no_key(there: Tns) -> None:
    config = TnsConfig.read(Section("tns", samples.settings(there.server.url)))
    assert KEY not in repr(config)
