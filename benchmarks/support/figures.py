# SPDX-License-Identifier: Apache-2.0
"""Medians, quartiles, ratios, and Markdown tables."""

import statistics
from dataclasses import dataclass


@dataclass
class Spread:
    """Median, quartiles and range of values."""

    median: float
    lower: float
    upper: float
    minimum: float
    maximum: float

    def quartiles(self, form=".3f"):
        return f"{self.median:{form}} ({self.lower:{form}} to {self.upper:{form}})"

    def range(self, form=".3f"):
        return f"{self.median:{form}} ({self.minimum:{form}} to {self.maximum:{form}})"


def spread(values):
    values = list(values)
    lower, upper = statistics.quantiles(values)[::2] if len(values) > 1 else (values[0], values[0])
    return Spread(statistics.median(values), lower, upper, min(values), max(values))


def ratios(values, references):
    """The spread of the ratios of values that were measured in the same rounds."""
    if len(values) != len(references):
        raise ValueError(f"There are {len(values)} values and {len(references)} references. Ratios need the same rounds.")
    return spread(a / b for a, b in zip(values, references))


def excess(ratio):
    """A ratio as a signed percentage above or below 1."""
    return "" if ratio == 1 else f"{100 * (ratio - 1):+.3f} %"


def table(head, rows):
    """A Markdown table. Cells are strings or numbers."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def met(holds):
    return "met" if holds else "**not met**"
