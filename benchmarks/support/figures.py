# SPDX-License-Identifier: Apache-2.0
"""Medians, quartiles, ratios, and tables of them."""

import statistics
from dataclasses import dataclass


@dataclass
class Spread:
    """The median of some values, their quartiles and their range; of one value, that value."""

    median: float
    low: float
    high: float
    least: float
    most: float

    def text(self, form=".3f"):
        return f"{self.median:{form}} ({self.low:{form}} to {self.high:{form}})"

    def range(self, form=".3f"):
        return f"{self.median:{form}} ({self.least:{form}} to {self.most:{form}})"


def spread(values):
    values = list(values)
    low, high = statistics.quantiles(values)[::2] if len(values) > 1 else (values[0], values[0])
    return Spread(statistics.median(values), low, high, min(values), max(values))


def ratios(own, beside):
    """Of values that were measured in the same rounds."""
    if len(own) != len(beside):
        raise ValueError(f"{len(own)} values beside {len(beside)}: ratios are taken within rounds")
    return spread(a / b for a, b in zip(own, beside))


def beyond(ratio):
    """What a ratio is above or below 1, as text."""
    return "" if ratio == 1 else f"{100 * (ratio - 1):+.3f} %"


def table(head, rows):
    """A Markdown table of cells that are texts already, or numbers."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def met(holds):
    return "met" if holds else "**not met**"
