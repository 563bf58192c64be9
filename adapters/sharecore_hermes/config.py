"""Read the settings of one HERMES destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sharecore.hooks import ReadSetting
from sharecore.secret import Secret
from sharecore.settings import Section
from sharecore.units import ScaledUnit, Unit, UnknownUnit, parse_unit
from sharecore_hermes.references import NoReference, Reference, read
from sharecore_http.settings import HttpSettings, credential

PRODUCTION = "https://hermes.lco.global/"
DEFAULT_TITLE = "Updated data for {target} from {site}."
KEEP, MESSAGE, RETRACT = EDITS = ("keep", "message", "retract")
TITLE_FIELDS = {"target": "", "site": "", "topic": "", "count": 1}
TITLE_HINT = "Write it like 'New data of {target}'; there are {target}, {site}, {topic} and {count}."
EDITS_HINT = "'message' publishes an edit, 'retract' also retracts what it replaces, 'keep' does neither."

BRIGHTNESS = frozenset({Unit.AB_MAG, Unit.VEGA_MAG, Unit.FLUX_PER_FREQUENCY, Unit.FLUX_PER_WAVELENGTH})
FLUX = frozenset({Unit.FLUX_PER_FREQUENCY, Unit.FLUX_PER_WAVELENGTH})
WAVELENGTH = frozenset({Unit.WAVELENGTH, Unit.FREQUENCY, Unit.PHOTON_ENERGY, Unit.WAVENUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class HermesConfig:
    """The settings of one HERMES destination."""

    path: str
    """Path of the settings, for messages to people."""
    base_url: str
    """Address of HERMES, with a trailing slash."""
    token: Secret
    """API token."""
    http: HttpSettings = field(default_factory=HttpSettings)
    """Settings of the HTTP client."""
    authors: str = ""
    """Authors of the messages, one text."""
    submitter: str = ""
    """Submitter of the messages."""
    title: str = DEFAULT_TITLE
    """Template of the titles."""
    user_topics: tuple[str, ...] = ()
    """Topics that people may choose; empty for all that the token may write to."""
    default_topic: str = ""
    """Topic of a share whose address names none."""
    converter: str = ""
    """Dotted path of a class that overrides the mapping; empty for none."""
    own_sources: frozenset[str] = frozenset()
    """Names of sources whose data are those of the site."""
    default_telescope: str = ""
    """Telescope of data of the site that name none."""
    default_instrument: str = ""
    """Instrument of data of the site that name none."""
    default_brightness: ScaledUnit | None = None
    """Unit of a brightness without a unit."""
    default_flux: ScaledUnit | None = None
    """Unit of a flux without a unit."""
    default_wavelength: ScaledUnit | None = None
    """Unit of a wavelength without a unit."""
    instrument_map: Mapping[str, str] = field(default_factory=dict)
    """Name of an instrument for HERMES, by the word of the site."""
    bandpass_map: Mapping[str, str] = field(default_factory=dict)
    """Name of a bandpass for HERMES, by the word of the site."""
    unit_map: Mapping[str, ScaledUnit] = field(default_factory=dict)
    """Unit, by the word of the site."""
    batch_window_seconds: float = 10.0
    """Seconds that new records wait for others."""
    max_rows: int = 500
    """Largest number of rows in one message."""
    resend_unconfirmed: bool = False
    """Whether a message that may have been published is sent again where the archive cannot tell."""
    edits: str = KEEP
    """What becomes of an edit: one of `EDITS`."""
    references: tuple[Reference, ...] = ()
    """References of every message."""
    event_id: str = ""
    """Gravitational-wave event of records that name none."""
    ask_archive: bool = True
    """Whether the archive is asked for messages that may have been published."""
    archive_delay: float = 600.0
    """Seconds after which the archive surely has a message."""


def read_config(section: Section) -> HermesConfig:
    """Read one entry of `DATA_SHARING`. Raises `ConfigurationError` with every problem."""
    config = HermesConfig(
        path=section.path,
        base_url=section.url(),
        token=_token(section),
        http=HttpSettings.read(section),
        authors=_authors(section),
        submitter=section.text("SUBMITTER"),
        title=section.template("TITLE_TEMPLATE", DEFAULT_TITLE, TITLE_FIELDS, TITLE_HINT),
        user_topics=_topics(section),
        default_topic=section.text("DEFAULT_TOPIC"),
        converter=section.text("DATA_CONVERTER_CLASS"),
        own_sources=frozenset(each.strip().casefold() for each in section.texts("OWN_SOURCES")),
        default_telescope=section.text("DEFAULT_TELESCOPE"),
        default_instrument=section.text("DEFAULT_INSTRUMENT"),
        default_brightness=section.unit(
            "DEFAULT_BRIGHTNESS_UNIT", BRIGHTNESS, "'AB mag', 'Vega mag' or 'mJy'"
        ),
        default_flux=section.unit("DEFAULT_FLUX_UNIT", FLUX, "'erg / (Angstrom s cm2)' or 'mJy'"),
        default_wavelength=section.unit("DEFAULT_WAVELENGTH_UNIT", WAVELENGTH, "'Angstrom' or 'nm'"),
        instrument_map=_names(section, "INSTRUMENT_MAP"),
        bandpass_map=_names(section, "BANDPASS_MAP"),
        unit_map=_unit_map(section),
        batch_window_seconds=section.number("BATCH_WINDOW_SECONDS", 10.0, maximum=3600),
        max_rows=section.count("MAX_ROWS", 500, maximum=5000),
        resend_unconfirmed=section.flag("RESEND_UNCONFIRMED", False),
        edits=section.choice("EDITS", EDITS, EDITS_HINT),
        references=_references(section),
        event_id=section.text("EVENT_ID"),
        ask_archive=section.flag("ASK_ARCHIVE", True),
        archive_delay=section.number("ARCHIVE_DELAY", 600.0, maximum=86400),
    )
    section.finish()
    return config


def from_hermes_configuration(configuration: Mapping[str, object]) -> dict[str, object]:
    """Return `HERMES_CONFIGURATION` of tom_hermes as an entry of `DATA_SHARING`.

    Read as tom_hermes 0.2.1 does: `HERMES_API_TOKEN`, `HERMES_BASE_URL` (production where it is absent) and
    `DEFAULT_TOPIC`; keys of `DATA_SHARING` in it are passed on. Without a token the dictionary is empty:
    there is nothing to share with.
    """
    renamed = {"HERMES_API_TOKEN": "HERMES_API_KEY", "HERMES_BASE_URL": "BASE_URL"}
    entry = {renamed.get(key, key): value for key, value in configuration.items() if value not in (None, "")}
    if not entry.get("HERMES_API_KEY"):
        return {}
    return {"ADAPTER": "hermes", "DISPLAY_NAME": "HERMES", "BASE_URL": PRODUCTION} | entry


def inherit(read: ReadSetting) -> dict[str, dict[str, object]]:
    """Return the destination that a site with tom_hermes has configured already."""
    configuration = read("HERMES_CONFIGURATION")
    entry = from_hermes_configuration(configuration) if isinstance(configuration, Mapping) else {}
    return {"hermes": entry} if entry else {}


def _token(section: Section) -> Secret:
    token = credential(
        section, "HERMES_API_KEY", missing="Copy the API token from your profile page at HERMES."
    )
    if " " in token.reveal().strip():
        section.problem(
            "HERMES_API_KEY", "contains a blank", "Give the 40 characters alone, without 'Token'."
        )
    return token


def _authors(section: Section) -> str:
    value = section.raw("DEFAULT_AUTHORS", "")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(each.strip() for each in section.texts("DEFAULT_AUTHORS"))
    return section.text("DEFAULT_AUTHORS")


def _references(section: Section) -> tuple[Reference, ...]:
    try:
        return tuple(read(section.raw("REFERENCES", ())))
    except NoReference as error:
        section.problem("REFERENCES", str(error), "Write it like [{'source': 'doi', 'citation': '10.1/x'}].")
        return ()


def _topics(section: Section) -> tuple[str, ...]:
    topics = section.texts("USER_TOPICS")
    for topic in topics:
        if fault := topic_fault(topic):
            section.problem("USER_TOPICS", fault, "Copy its name from HERMES.", fatal=False)
    return topics


def topic_fault(topic: str) -> str:
    """Return the reason why HERMES would not publish on a topic of this name as meant; empty for a good name.

    Measured: blanks at the ends are trimmed in the answer only, the rest after `?` or `#` is cut off, so that
    the message lands on another topic, and a comma means several.
    """
    if topic != topic.strip() or any(sign in topic for sign in ",?#/") or not topic.isprintable():
        return f"{topic!r} cannot be the name of a topic"
    return "" if topic else "the name of the topic is empty"


def _names(section: Section, key: str) -> dict[str, str]:
    names = {here.strip(): there.strip() for here, there in section.mapping(key).items()}
    for here in (here for here, there in names.items() if not there):
        section.problem(key, f"must have a name for {here!r}", "Write it like {'name here': 'name there'}.")
    return names


def _unit_map(section: Section) -> dict[str, ScaledUnit]:
    units = {}
    for word, text in section.mapping("UNIT_MAP").items():
        try:
            units[word.strip()] = parse_unit(text)
        except UnknownUnit as error:
            section.problem(
                "UNIT_MAP", f"for {word!r}: {error.reason}", "Write it like {'ABMAG_5': 'AB mag'}."
            )
    return units
