"""Rules of a guest: a plugin runs in the process of a site, with its credentials."""

from __future__ import annotations

from contextlib import suppress

from sharecore.exceptions import ConfigurationError
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.traces import Process, imported
from sharecore.testing.contract.trouble import ask_everything
from sharecore.testing.examples import RECORDS, example_file
from sharecore.testing.sockets import watched_sockets


class Guest:
    """What the adapter shows, uses and leaves behind."""

    def test_importing_it_does_nothing_else(self, bench: Bench) -> None:
        """Every command of a site imports its plugins: no network, thread, output, or setting is needed."""
        bench.open()
        found = imported(bench.modules, seconds=3 * bench.subject.patience)
        assert not any(found.values()), f"importing {', '.join(sorted(bench.modules))} {_told(found)}"

    def test_nothing_but_delivering_and_asking_uses_the_network(self, bench: Bench) -> None:
        """A site reads its settings, and people look at previews, while the network is down."""
        with watched_sockets() as watch:
            adapter = bench.open()
            for record in RECORDS.values():
                adapter.preview(bench.batch(record))
            adapter.preview(bench.batch(*RECORDS.values()))
            adapter.describe()
            adapter.knows_target(bench.batch(bench.record))
            adapter.link("1")
            adapter.close()
        assert watch.uses == [], (
            "config, open, describe, knows_target, preview, link and close make no connection"
        )

    def test_no_secret_is_shown(self, bench: Bench) -> None:
        """In no log, print, repr, outcome, preview, memory, answer or complaint about settings."""
        with bench.shown() as texts:
            _use(bench)
            texts.append(repr(bench.batch().state))
            for key in bench.subject.settings:
                with suppress(ConfigurationError):
                    bench.config(bench.section(**{key: f"\n{bench.subject.settings[key]}\n"}))
        shown = bench.leaks(texts)
        assert not shown, "a secret is shown"

    def test_nothing_is_printed(self, bench: Bench) -> None:
        """The output belongs to the site, and nobody may read there what others must not see; log instead."""
        with bench.shown():
            _use(bench)
        printed = bench.printed.getvalue()
        assert not printed, f"it printed {printed[:200]!r}; use the module logging"

    def test_it_leaves_the_process_as_it_was(self, bench: Bench) -> None:
        """After `close` no thread of its own runs, and nothing that all share is changed."""
        before = Process()
        _use(bench)
        bench.close()
        changes = before.changes()
        assert not any(changes.values()), f"it {_told(changes)}"


def _use(bench: Bench) -> None:
    """All that can be done with an adapter whose destination is well."""
    adapter, batch = bench.open(), bench.batch(bench.record)
    repr(adapter)
    for each in (bench.batch(), batch, bench.batch(*RECORDS.values())):
        adapter.preview(each)
        bench.call(adapter, each)
    ask_everything(adapter, batch)
    adapter.describe()
    adapter.link("1")
    bench.call_with(example_file(), adapter)


def _told(found: dict[str, list[str]]) -> str:
    return "; ".join(f"{what}: {', '.join(map(str, which))}" for what, which in found.items() if which)
