"""All that plays a part in the demonstration, made and started."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from destinations import Hermes, TomB
from publishing import Publishing
from realtoms import User, toolkit_version
from screen import Screen
from sender import LIST, TomA
from stand_ins import Tns

ADMIN = User(username="admin", password="admin-of-the-demo", superuser=True)


@dataclass(frozen=True, kw_only=True)
class Cast:
    """The two TOMs and the stand-ins."""

    a: TomA
    b: TomB
    hermes: Hermes
    tns: Tns

    def publishing(self, screen: Screen) -> Publishing:
        """Return the part of the two people."""
        people = (self.a.observer, self.a.approver)
        return Publishing(screen, self.a.candidates[0], people, self.tns, self.hermes.stand_in)


def prepare(screen: Screen, folder: Path, stack: ExitStack) -> Cast:
    """Make and start them all; `stack` stops them."""
    version = toolkit_version(Path(sys.executable))
    screen.step(f"Two TOMs of tomtoolkit {version} are made; the first time this takes half a minute")
    b, hermes, tns = TomB(folder, ADMIN), Hermes(folder), Tns(folder)
    screen.note("TOM B is made, a stock one; it is started, and stand-ins for HERMES and TNS with it")
    for each in (b, hermes, tns):
        stack.callback(each.stop)
        each.start()
    screen.note(f"TOM B is at {b.tom.url}")
    a = TomA(folder, ADMIN, {"tom-b": b.entry(), "hermes": hermes.entry(), "tns": tns.entry()})
    screen.note(f"TOM A is made, with sharecore and the target {a.target}; it is started")
    stack.callback(a.tom.stop)
    a.tom.serve(browsers=True)
    screen.note(f"TOM A is at {a.tom.url}")
    a.share_list(b.address)
    screen.note(f"The observer shares the list {LIST} with {b.address}: every target of it, own data only")
    a.share(hermes.address)
    screen.note(f"The observer shares {a.target} continuously with {hermes.address}")
    return Cast(a=a, b=b, hermes=hermes, tns=tns)
