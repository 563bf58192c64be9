"""Write astrometry: measured positions."""

from __future__ import annotations

from sharecore.records import Astrometry
from sharecore_hermes import spelling
from sharecore_hermes.cells import Draft, Finished, Row, error_of, others, text
from sharecore_hermes.common_columns import COMMON, Context, common, drafted, named
from sharecore_hermes.sky import declination, right_ascension

_HANDLED = COMMON | {"ra", "dec", "ra_error", "dec_error", "ra_error_units", "dec_error_units"}


def draft(record: Astrometry, target_name: str) -> Row:
    """Return the record in the columns of HERMES, its units still as the site wrote them."""
    return (
        {"ra_error_units": "", "dec_error_units": ""}
        | drafted(record, target_name)
        | {
            "ra": record.ra,
            "dec": record.dec,
            "ra_error": record.ra_error,
            "dec_error": record.dec_error,
        }
        | named(record.extra, "mpc_sitecode", "catalog", "comments")
    )


def finish(draft: Draft, context: Context) -> Finished:
    """Return the row for HERMES. Raises `NotExpressible`."""
    row = common(draft, context)
    done = Finished(row)
    row |= {"ra": right_ascension(draft.get("ra")), "dec": declination(draft.get("dec"))}
    for axis in ("ra", "dec"):
        error = error_of(draft, f"{axis}_error", done.left_out)
        if error is None:
            continue
        unit = text(draft.get(f"{axis}_error_units"))
        if not unit:
            # Without a unit HERMES would read degrees. The position itself is none the worse without its
            # error.
            done.left_out.append(f"{axis}_error: it has no unit")
            continue
        spelled = spelling.angle(unit, context.config)
        row |= {f"{axis}_error": spelled.value(error), f"{axis}_error_units": spelled.name}
    row |= others(draft, _HANDLED)
    return done
