"""A figure: what was measured with ours and with stock, their ratio, and whether a bar is met."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a figure must keep to, and how it is said."""

    text: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the report.

    ours, stock: medians, in `unit`; None where there is nothing to measure. ratio: ours to `against`, which
    is stock where nothing else is said; `base` is the value of what else. n: how many samples of ours.
    spread: first and third quartile of the ratios of pairs of blocks, or of ours where there are no pairs.
    """

    name: str
    unit: str
    ours: float | None
    stock: float | None = None
    base: float | None = None
    ratio: float | None = None
    against: str = "stock"
    n: int = 1
    spread: tuple[float, float] | None = None
    bar: Bar | None = None

    @property
    def missed(self) -> bool:
        """Return whether there is a bar that is not met."""
        return self.bar is not None and not self.bar.met

    def as_json(self) -> str:
        """Return one line of JSON; figures with four digits."""
        shown: dict[str, Any] = {
            "name": self.name,
            "unit": self.unit,
            "ours": short(self.ours),
            "stock": short(self.stock),
            "ratio": short(self.ratio),
            "n": self.n,
            "spread": [short(each) for each in self.spread] if self.spread else None,
            "against": self.against,
        }
        if self.base is not None:
            shown["base"] = short(self.base)
        if self.bar is not None:
            shown |= {"bar": self.bar.text, "met": self.bar.met}
        return json.dumps(shown)


def short(value: float | None) -> float | None:
    """Four digits."""
    return None if value is None else float(f"{value:.4g}")


def at_most(limit: float, value: float, text: str = "") -> Bar:
    """Require a value that is not above the limit."""
    return Bar(text=text or f"at most {limit:g}", met=value <= limit)


def at_least(limit: float, value: float, text: str = "") -> Bar:
    """Require a value that is not below the limit."""
    return Bar(text=text or f"at least {limit:g}", met=value >= limit)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the first and the third quartile."""
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the values are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Samples of blocks in alternation, and the ratio of the medians of each pair of blocks."""

    ours: list[float]
    other: list[float]
    ratios: list[float]

    @property
    def ratio(self) -> float:
        """Return the median of the ratios."""
        return statistics.median(self.ratios)

    def figure(self, name: str, unit: str, *, against: str, limit: float, scale: float = 1.0) -> Figure:
        """Return the figure of the ratio, with its limit; multiply samples by `scale` for the unit."""
        return Figure(
            name=name,
            unit=unit,
            ours=scale * statistics.median(self.ours),
            base=scale * statistics.median(self.other),
            ratio=self.ratio,
            against=against,
            n=len(self.ours),
            spread=quartiles(self.ratios),
            bar=at_most(limit, self.ratio, f"at most {limit:g} times"),
        )


def paired(
    ours: Callable[[], Sequence[float]], other: Callable[[], Sequence[float]], *, blocks: int
) -> Paired:
    """Measure blocks of both in alternation, the first one changing, so that drift of the machine cancels."""
    result = Paired(ours=[], other=[], ratios=[])
    for number in range(blocks):
        first, second = (ours, other) if number % 2 == 0 else (other, ours)
        a, b = list(first()), list(second())
        mine, theirs = (a, b) if number % 2 == 0 else (b, a)
        result.ours.extend(mine)
        result.other.extend(theirs)
        result.ratios.append(statistics.median(mine) / statistics.median(theirs))
    return result
