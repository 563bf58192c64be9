"""sharecore: share astronomical data with other systems through pluggable destination adapters.

For authors of plugins: the hooks (`hookimpl` and the requests), `DestinationType`, `Adapter` and `Batch`,
records and targets with their units, outcomes and exceptions, `Section` for reading settings, and `as_json`
and `fingerprint` of a record.

For sites, in addition: `Registry`, `Destinations`, and `dispatch` in `sharecore.dispatch`.
"""

from sharecore import logs
from sharecore.adapter import Adapter, Batch, Preview, SentTest, Site, Topic
from sharecore.addresses import Address
from sharecore.building import before_sending, build_each
from sharecore.call_delay import delay_next_call
from sharecore.call_thread import progress
from sharecore.data_sharing import Destinations
from sharecore.destination import Destination
from sharecore.discovery import PluginInfo, PluginState
from sharecore.exceptions import (
    AuthenticationFailed,
    ConfigurationError,
    DeliveryError,
    DestinationError,
    InvalidRecord,
    PluginError,
    Problem,
    SharecoreError,
    TargetRefused,
)
from sharecore.exchanges import report_exchange
from sharecore.filters import Filter, Names
from sharecore.hooks import (
    ConvertRequest,
    DeliveredReport,
    DestinationType,
    WithholdRequest,
    hookimpl,
)
from sharecore.identity import fingerprint
from sharecore.maps import Maps
from sharecore.outcomes import (
    Absent,
    Accepted,
    Deferred,
    Duplicate,
    Found,
    Outcome,
    Present,
    Rejected,
    Result,
    Submitted,
    Unconfirmed,
    Unsupported,
    Withdrawal,
    Withdrawn,
    Withheld,
)
from sharecore.personal import PersonalSetting
from sharecore.record_json import as_json
from sharecore.records import (
    Astrometry,
    DataFile,
    JsonValue,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Report,
    Shareable,
    Spectrum,
)
from sharecore.registry import Registry
from sharecore.release import Release, UnreadableRelease
from sharecore.reports import FieldType, ReportField, ReportForm
from sharecore.secret import Secret
from sharecore.secrets import hide_secrets, repeats_secret
from sharecore.settings import Section
from sharecore.sky import separation
from sharecore.targets import Orbit, OrbitScheme, Position, Target
from sharecore.texts import one_line, printable
from sharecore.units import ScaledUnit, Unit, UnknownUnit, parse_unit, rescaled
from sharecore.value_units import own_units

__all__ = [
    "Absent",
    "Accepted",
    "Adapter",
    "Address",
    "Astrometry",
    "AuthenticationFailed",
    "Batch",
    "ConfigurationError",
    "ConvertRequest",
    "DataFile",
    "Deferred",
    "DeliveredReport",
    "DeliveryError",
    "Destination",
    "DestinationError",
    "DestinationType",
    "Destinations",
    "Duplicate",
    "FieldType",
    "Filter",
    "Found",
    "InvalidRecord",
    "JsonValue",
    "Kind",
    "Maps",
    "Names",
    "Orbit",
    "OrbitScheme",
    "OtherDatum",
    "Outcome",
    "PersonalSetting",
    "Photometry",
    "PhotometryLimit",
    "PluginError",
    "PluginInfo",
    "PluginState",
    "Position",
    "Present",
    "Preview",
    "Problem",
    "Record",
    "RecordKey",
    "Registry",
    "Rejected",
    "Release",
    "Report",
    "ReportField",
    "ReportForm",
    "Result",
    "ScaledUnit",
    "Secret",
    "Section",
    "SentTest",
    "Shareable",
    "SharecoreError",
    "Site",
    "Spectrum",
    "Submitted",
    "Target",
    "TargetRefused",
    "Topic",
    "Unconfirmed",
    "Unit",
    "UnknownUnit",
    "UnreadableRelease",
    "Unsupported",
    "Withdrawal",
    "Withdrawn",
    "Withheld",
    "WithholdRequest",
    "as_json",
    "before_sending",
    "build_each",
    "delay_next_call",
    "fingerprint",
    "hide_secrets",
    "hookimpl",
    "one_line",
    "own_units",
    "parse_unit",
    "printable",
    "progress",
    "repeats_secret",
    "report_exchange",
    "rescaled",
    "separation",
]

logs.install()
