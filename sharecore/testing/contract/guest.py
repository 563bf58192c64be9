"""Rules of a guest: a plugin runs in the process of a site, with its credentials."""

from __future__ import annotations

from contextlib import suppress

from sharecore.exceptions import ConfigurationError
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.traces import Process, imported
from sharecore.testing.contract.trouble import ask_everything
from sharecore.testing.examples import example_file
from sharecore.testing.sockets import watched_sockets


class Guest:
    """The texts that the adapter shows, the resources that it uses, and the traces that it leaves."""

    def test_importing_it_does_nothing_else(self, bench: Bench) -> None:
        """Import without network, thread, output, or setting: every command of a site imports its plugins."""
        bench.open()
        found = imported(frozenset(bench.modules), seconds=3 * bench.subject.patience)
        assert not any(found.values()), f"importing {', '.join(sorted(bench.modules))} {_told(found)}"

    def test_nothing_but_delivering_and_asking_uses_the_network(self, bench: Bench) -> None:
        """Use no network for settings and previews, which are needed while the network is down."""
        with watched_sockets() as watch:
            adapter = bench.open()
            for record in bench.examples.values():
                adapter.preview(bench.batch(record))
            adapter.preview(bench.batch(*bench.examples.values()))
            adapter.describe()
            adapter.knows_target(bench.batch(bench.record))
            adapter.link("1")
            adapter.close()
        assert watch.uses == [], (
            "config, open, describe, knows_target, preview, link and close make no connection"
        )

    def test_no_secret_is_shown(self, bench: Bench) -> None:
        """Show no secret in any log, print, repr, outcome, preview, state, answer or complaint about
        settings.
        """
        with bench.shown() as texts:
            _use(bench)
            texts.append(repr(bench.batch().state))
            for key in bench.subject.settings:
                with suppress(ConfigurationError):
                    bench.config(bench.section(**{key: f"\n{bench.subject.settings[key]}\n"}))
        shown = bench.leaks(texts)
        assert not shown, "a secret is shown"

    def test_nothing_is_printed(self, bench: Bench) -> None:
        """Print nothing: the output belongs to the site, and its readers may not be meant to see the text;
        log instead.
        """
        with bench.shown():
            _use(bench)
        printed = bench.printed.getvalue()
        assert not printed, f"it printed {printed[:200]!r}; use the module logging"

    def test_it_leaves_the_process_as_it_was(self, bench: Bench) -> None:
        """Leave no thread after `close`, and change nothing that the whole process shares."""
        before = Process()
        _use(bench)
        bench.close()
        changes = before.changes()
        assert not any(changes.values()), f"it {_told(changes)}"


def _use(bench: Bench) -> None:
    """Use an adapter whose destination works in every way."""
    adapter, batch = bench.open(), bench.batch(bench.record)
    repr(adapter)
    for each in (bench.batch(), batch, bench.batch(*bench.examples.values())):
        adapter.preview(each)
        bench.call(adapter, each)
    ask_everything(adapter, batch, bench.subject.report)
    adapter.send_test(batch)
    adapter.describe()
    adapter.link("1")
    bench.call_with(example_file(), adapter)
    if adapter.takes_reports:
        adapter.check_report(bench.report, batch)
        adapter.preview_report(bench.report, batch)
        bench.call_with(bench.report, adapter)


def _told(found: dict[str, list[str]]) -> str:
    return "; ".join(f"{what}: {', '.join(map(str, which))}" for what, which in found.items() if which)
