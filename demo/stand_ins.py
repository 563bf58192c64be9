"""The stand-ins for HERMES and TNS: processes that answer as these do, and tell what they hold."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import requests

from realtoms import Service, TomError

_FOLDER = Path(__file__).resolve().parents[1] / "tests" / "standins"
_BOT = {"BOT_ID": "4321", "BOT_NAME": "Our_Bot"}  # the one that the stand-in knows
_KEY = "7c1e0d5b9a3f48e2b6d4a1c0f9e8d7b6a5c4e3f2"
_PATIENCE = 60.0
"""Seconds until a stand-in must have started."""


class StandIn:
    """A stand-in of `tests/standins`, which is a process of its own.

    script: its file. arguments: those of its command.
    """

    def __init__(self, script: str, folder: Path, *arguments: str) -> None:
        path = _FOLDER / script
        if not path.exists():
            raise TomError(f"the stand-in is not at {path}: run this from a checkout")
        command = [sys.executable, str(path), *arguments]
        self._service = Service(command, folder, folder / f"{path.stem}.log")
        self.url = ""

    def start(self) -> None:
        """Start it, and learn its address."""
        self._service.start()
        deadline = time.monotonic() + _PATIENCE
        while not (said := self._service.output.split()):
            if not self._service.running or time.monotonic() > deadline:
                raise TomError(f"{self._service.command} did not start:\n{self._service.output}")
            time.sleep(0.05)
        if not said[-1].isdigit():
            raise TomError(f"{self._service.command} did not start:\n{self._service.output}")
        self.url = f"http://127.0.0.1:{said[-1]}/"
        self._service.wait_until_answers(self.url)

    def stop(self) -> None:
        """Stop it."""
        self._service.stop()

    def tell(self, **fields: object) -> None:
        """Let it behave so from now on; the fields are in its own docstring."""
        requests.post(f"{self.url}stand-in/", json=fields, timeout=10).raise_for_status()

    def holds(self) -> dict[str, Any]:
        """Return what it holds."""
        answer = requests.get(f"{self.url}stand-in/", timeout=10)
        answer.raise_for_status()
        stored: dict[str, Any] = answer.json()
        return stored


class Tns(StandIn):
    """A stand-in for TNS, which takes reports and gives names."""

    label = "TNS (stand-in)"
    address = "tns"

    def __init__(self, folder: Path) -> None:
        super().__init__("tns_server.py", folder)

    def entry(self) -> dict[str, object]:
        """Return its entry in `DATA_SHARING` of TOM A. TNS asks for approval by itself."""
        return {
            "ADAPTER": "tns",
            "DISPLAY_NAME": self.label,
            "BASE_URL": self.url,
            **_BOT,
            "API_KEY": _KEY,
            "GROUP_NAMES": ["LCO"],
            "REPORTER": "{user} (Demo observatory)",
            "BANDPASS_MAP": {"r": "r-Sloan"},
            "INSTRUMENT_MAP": {"sinistro": "LCO1m - Sinistro"},
        }
