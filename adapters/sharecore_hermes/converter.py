"""The mapping that a site may override, with the class and method names of tomtoolkit 2.x.

`DATA_CONVERTER_CLASS` names a class with `get_hermes_target`, `get_hermes_photometry`,
`get_hermes_spectroscopy` or (new) `get_hermes_astrometry`. These return a draft: units may stay as the site
wrote them, None and "" stand for no value. The rules of HERMES are applied to every draft afterwards.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType, SimpleNamespace

from sharecore.exceptions import ConfigurationError, Problem
from sharecore_hermes import astrometry, photometry, spectra, target_rows
from sharecore_hermes.cells import Draft

OLD_MODULE = "tom_dataproducts.alertstreams.hermes"
"""Module in which tomtoolkit 2.x had the class that a converter of a site derives from; 3.0 removed it."""


class HermesMessageException(Exception):
    """Raised by a converter for a row that cannot be expressed. (The name of tomtoolkit 2.x.)"""


class HermesDataConverter:
    """The converter of sharecore. Derive from it to change the mapping of your data; call `super()` for the
    rest.
    """

    def __init__(self, validate: bool = True) -> None:
        self.validate = validate

    def get_hermes_target(self, target: SimpleNamespace) -> Draft:
        """Return the row of a target."""
        return target_rows.draft(target.sharecore)

    def get_hermes_photometry(self, datum: SimpleNamespace) -> Draft:
        """Return the row of a detection or limit."""
        return photometry.draft(datum.sharecore, datum.target.name)

    def get_hermes_spectroscopy(self, datum: SimpleNamespace) -> Draft:
        """Return the row of a spectrum."""
        return spectra.draft(datum.sharecore, datum.target.name)

    def get_hermes_astrometry(self, datum: SimpleNamespace) -> Draft:
        """Return the row of a measured position."""
        return astrometry.draft(datum.sharecore, datum.target.name)


def load_converter(path: str, where: str) -> HermesDataConverter:
    """Return an instance of the class at the dotted path, its missing methods taken from ours.

    Raises `ConfigurationError`.

    Args:
        path: dotted path of the class.
        where: path of the settings, for messages.
    """
    if not path or path == f"{OLD_MODULE}.HermesDataConverter":
        return HermesDataConverter()
    module_name, _, class_name = path.rpartition(".")
    try:
        module = _import(module_name)
        theirs = getattr(module, class_name)
        if not issubclass(theirs, HermesDataConverter):
            theirs = type(class_name, (theirs, HermesDataConverter), {})
        made: HermesDataConverter = theirs(validate=True)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        problem = Problem(
            where=f"{where}['DATA_CONVERTER_CLASS']",
            what=f"{path!r} cannot be loaded: {type(error).__name__}: {error}",
            hint="Give the dotted path of a class like sharecore_hermes.converter.HermesDataConverter.",
        )
        raise ConfigurationError([problem]) from error
    return made


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(OLD_MODULE.rpartition(".")[0]):
            raise
    # The site's module imports 2.x's base class from where it was: let it find ours there.
    _stand_in()
    return import_module(name)


def _stand_in() -> None:
    module = ModuleType(OLD_MODULE, "Stands in for the module that tomtoolkit 3.0 removed.")
    for each in (HermesDataConverter, HermesMessageException):
        setattr(module, each.__name__, each)
    module.convert_astropy_brightness_to_hermes = _unchanged  # type: ignore[attr-defined]
    module.convert_astropy_wavelength_to_hermes = _unchanged  # type: ignore[attr-defined]
    package = ModuleType(OLD_MODULE.rpartition(".")[0])
    package.__path__ = []
    package.hermes = module  # type: ignore[attr-defined]
    sys.modules.setdefault(package.__name__, package)
    sys.modules.setdefault(OLD_MODULE, module)


def _unchanged(unit: object) -> object:
    """Return a unit unchanged, in place of the unit helpers of 2.x: units are spelled for HERMES later, in
    every draft.
    """
    return unit
