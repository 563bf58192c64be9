"""Read the settings of one TNS destination in `DATA_SHARING`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from sharecore import Maps, ScaledUnit, Secret, Section
from sharecore_http import HttpSettings, credential
from sharecore_tns.units import BRIGHTNESS

LIVE = "https://www.wis-tns.org/"
SANDBOX = "https://sandbox.wis-tns.org/"
REPORTER = "{author}, using {site}"
REPORTER_HINT = (
    "Write it like 'A. Author, B. Author (Our Observatory)'; there are {author}, {user} and {site}."
)
NAME_FORMAT = ("prefix", "year_format", "postfix")
"""Parts of the format after which TNS makes an internal name."""

_LIVE_HOSTS = frozenset({"www.wis-tns.org", "wis-tns.org"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TnsConfig:
    """The settings of one TNS destination."""

    path: str
    """Path of the entry in the settings, for messages."""
    base_url: str
    """Address of TNS, with a trailing slash."""
    live: bool = False
    """Whether reports count. Elsewhere they go to the sandbox."""
    bot_id: str = ""
    """Number of the bot."""
    bot_name: str = ""
    """Name of the bot."""
    api_key: Secret
    """Key of the bot."""
    group_names: tuple[str, ...] = ()
    """Groups in whose name reports can be made; empty for all that TNS lists."""
    data_source_group: str = ""
    """Group from which the data are, unless a person chooses another."""
    reporter: str = REPORTER
    """Template of the authors."""
    at_type: str = "PSN"
    """Type of a new transient, unless a person chooses another."""
    observer: str = ""
    """Observer, unless a person names another."""
    name_format: Mapping[str, str] = field(default_factory=dict)
    """Format after which TNS makes an internal name where the report has none; empty for none."""
    maps: Maps = field(default_factory=Maps)
    """Names at TNS by names here. Read here, since reports have a choice of filter and instrument."""
    default_instrument: str = ""
    """Instrument at TNS of data of the site that name none."""
    default_brightness: ScaledUnit | None = None
    """Unit of a brightness without a unit."""
    old_names: bool = False
    """Whether the fields of reports have the names that they had before TNS 2.0."""
    http: HttpSettings = field(default_factory=HttpSettings)
    """Settings of the HTTP client."""

    @property
    def host(self) -> str:
        """Return the host, by which tickets and names of one TNS are told from those of another."""
        return urlsplit(self.base_url).netloc

    @property
    def marker(self) -> str:
        """Return the `User-Agent` by which TNS knows the bot."""
        name = self.bot_name.replace("\\", "\\\\").replace('"', '\\"')
        return f'tns_marker{{"tns_id":{self.bot_id},"type":"bot","name":"{name}"}}'

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read one entry; raises `ConfigurationError` with all its problems."""
        live = section.flag("LIVE", False)
        config = cls(
            path=section.path,
            base_url=_address(section, live),
            live=live,
            bot_id=_bot_id(section),
            bot_name=_bot_name(section),
            api_key=credential(section, "API_KEY", missing="Copy the key of the bot from TNS."),
            group_names=tuple(each.strip() for each in section.texts("GROUP_NAMES") if each.strip()),
            data_source_group=section.text("DATA_SOURCE_GROUP"),
            reporter=section.template(
                "REPORTER", REPORTER, {"author": "", "user": "", "site": ""}, REPORTER_HINT
            ),
            at_type=section.text("AT_TYPE", "PSN"),
            observer=section.text("OBSERVER"),
            name_format=_name_format(section),
            maps=Maps.read(section),
            default_instrument=section.text("DEFAULT_INSTRUMENT"),
            default_brightness=section.unit(
                "DEFAULT_BRIGHTNESS_UNIT", BRIGHTNESS, "'AB mag', 'Vega mag' or 'mJy'"
            ),
            old_names=section.flag("OLD_NAMES", False),
            http=HttpSettings.read(section),
        )
        section.finish()
        return config


def _address(section: Section, live: bool) -> str:
    """Return the address. Nobody reports to the live TNS who has not said so."""
    if "BASE_URL" not in section:
        section.raw("BASE_URL")
        return LIVE if live else SANDBOX
    address = section.url()
    is_live = (urlsplit(address).hostname or "") in _LIVE_HOSTS
    if is_live and not live:
        what = "is the live TNS, where reports are public and permanent, and 'LIVE' is not True"
        section.problem("BASE_URL", what, "Leave it out for the sandbox, or set 'LIVE': True.")
    elif live and address == SANDBOX:
        section.problem("BASE_URL", "is the sandbox, and 'LIVE' is True", "Leave it out, or 'LIVE'.")
    return address


def _bot_id(section: Section) -> str:
    given = section.raw("BOT_ID", "")
    number = str(given).strip() if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if given == "":
        section.problem("BOT_ID", "is missing", "Define a bot at https://www.wis-tns.org/bots.")
    elif not (number.isascii() and number.isdigit()):
        section.problem("BOT_ID", f"must be the number of a bot, got {given!r}", "Copy it from TNS.")
    return number


def _bot_name(section: Section) -> str:
    name = section.text("BOT_NAME")
    if not name:
        section.problem("BOT_NAME", "is missing", "Copy the name of the bot from TNS.")
    elif not (name.isascii() and name.isprintable()):
        section.problem("BOT_NAME", f"must be in ASCII, got {name!r}", "Copy the name of the bot from TNS.")
    return name


def _name_format(section: Section) -> dict[str, str]:
    given = section.mapping("INTERNAL_NAME_FORMAT")
    if strange := sorted(given.keys() - set(NAME_FORMAT)):
        hint = "Write it like {'prefix': 'Ours', 'year_format': 'YY', 'postfix': ''}."
        section.problem("INTERNAL_NAME_FORMAT", f"has unknown parts: {', '.join(strange)}", hint)
    return {part: given[part] for part in NAME_FORMAT if part in given}
