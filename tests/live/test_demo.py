"""The demonstration ends well when it is cut short. That it succeeds is seen by running it: `make demo`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

MAIN = Path(__file__).parents[2] / "demo" / "main.py"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demonstration_that_is_interrupted_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(MAIN)]
    # Tests that run in the background of a script ignore SIGINT, and so would what they start.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=heed
    ) as demo:
        assert demo.stdout is not None
        addresses: list[str] = []
        for line in demo.stdout:
            addresses += re.findall(r"http://\S+/", line)
            if "The observer" in line:
                break
        demo.send_signal(number)
        assert demo.wait(timeout=60) == 130
    assert len(addresses) == 2
    for address in addresses:
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=10)  # noqa: S310 - on loopback
    assert list(tmp_path.iterdir()) == []
