"""Goes into TOM A as `custom_code/processors.py`: a DataProcessor as a TOM's own developer writes it.

It reads what the ATLAS forced photometry service gives, keeps the fluxes (the processor of tomtoolkit turns
them into magnitudes), and makes the rows itself, many at once. Nothing here knows of sharecore: the last
lines are those that the documentation of continuous sharing asks for.
"""

from __future__ import annotations

import logging
from typing import Any

from astropy.io import ascii as tables
from astropy.time import Time
from django.utils.timezone import make_aware
from tom_dataproducts.data_processor import DataProcessor
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.sharing import continuous_share_data

logger = logging.getLogger(__name__)


class AtlasFluxProcessor(DataProcessor):  # type: ignore[misc]
    """Forced photometry of ATLAS as fluxes in uJy, negative ones too."""

    def process_data(self, data_product: Any) -> list[Any]:
        """Make the rows, and share them."""
        reduced_datums = PhotometryReducedDatum.objects.bulk_create(
            [
                PhotometryReducedDatum(
                    target=data_product.target,
                    data_product=data_product,
                    timestamp=make_aware(Time(float(row["##MJD"]), format="mjd").to_datetime()),
                    telescope="ATLAS",
                    source_name="ATLAS",
                    bandpass=str(row["F"]),
                    brightness=float(row["uJy"]),
                    brightness_error=float(row["duJy"]),
                    unit="uJy",
                    value={"chi/N": float(row["chi/N"]), "obs": str(row["Obs"])},
                )
                for row in tables.read(data_product.data.path)
            ],
            ignore_conflicts=True,
        )
        try:
            continuous_share_data(data_product.target, reduced_datums)
        except Exception as e:
            logger.warning(f"Failed to share new dataproduct {data_product.product_id}: {e!r}")  # noqa: G004
        return []  # the rows are there: nothing is left for run_data_processor to make
