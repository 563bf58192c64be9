"""The plugin: registers the kind `files`."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore import Adapter, DestinationType, hookimpl
from sharecore_files.config import FilesConfig


def _open(config: FilesConfig) -> Adapter:
    # Imported here: tables take longer to import than a start-up should pay for a list of kinds.
    from sharecore_files.adapter import FilesAdapter

    return FilesAdapter(config)


@hookimpl
def sharecore_destinations() -> Iterable[DestinationType[FilesConfig]]:
    """Return the kind `files`, a folder."""
    yield DestinationType(
        kind="files",
        summary="Tables in a folder (ECSV, VOTable, FITS or CSV)",
        config=FilesConfig.read,
        open=_open,
    )
