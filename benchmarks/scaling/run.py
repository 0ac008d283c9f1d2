# SPDX-License-Identifier: Apache-2.0
"""Plots how the time of a step and the memory of the process grow along several axes.

run.py [--seconds S] [--repeats N]
"""

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import chart, figures, machine, processes, report, rounds  # noqa: E402

STEP, MODEL = "training step", "forward and backward only"
# axis: label, values, conditions
AXES = {
    "batch": ("batch size", [1, 4, 16, 64, 256, 1024, 4096],
              "MLP 8-64-64-1 with tanh, Adam."),
    "parameters": ("units per hidden layer", [16, 64, 256, 1024, 2048],
                   "MLP 8-n-n-1 with tanh, Adam, batch 32. n = 2048 has 4.2 million parameters."),
    "callbacks": ("callbacks without training hooks", [0, 1, 8, 32],
                  "MLP 8-64-64-1 with tanh, Adam, batch 32."),
    "tensors": ("parameter tensors", [10, 100, 1000, 10000],
                "Tensors of 16 elements, concatenated in each forward pass, Adam, batch 32."),
    "samples": ("dataset size", [10**3, 10**4, 10**5, 10**6, 10**7],
                "MLP 8-64-64-1 with tanh, Adam, batch 32, shuffled."),
}  # fmt: skip


def measure(program, seconds, repeats):
    """axis -> value -> medians. Each round measures each point once, as a separate process."""
    found = {axis: {value: [] for value in values} for axis, (_, values, _) in AXES.items()}
    points = [(axis, value) for axis, (_, values, _) in AXES.items() for value in values]
    for order in rounds.orders(points, repeats):
        for axis, value in order:
            found[axis][value].append(json.loads(processes.output([program, axis, value, seconds])))
    return {
        axis: {value: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for value, runs in line.items()}
        for axis, line in found.items()
    }


def draw(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for axis, (label, values, _) in AXES.items():
        line = results[axis]
        positions = {value: i / (len(values) - 1) for i, value in enumerate(values)} if 0 in values else None
        times = {name: [(v, max(line[v][key], 0.1)) for v in values] for name, key in ((STEP, "us"), (MODEL, "model_us"))}
        (folder / f"{axis}.svg").write_text(chart.curves(f"Time per step by {label}", label, "microseconds", times, positions))
        memory = {"peak": [(v, line[v]["peak_mib"]) for v in values]}
        (folder / f"{axis}_memory.svg").write_text(chart.curves(f"Peak memory by {label}", label, "MiB", memory, positions))


def table(axis, line):
    label, values, _ = AXES[axis]
    return figures.table(
        [label, "step, us", "forward and backward, us", "difference, us", "fixed cost of a run, us", "peak memory, MiB"],
        [[f"{v:,}", f"{r['us']:,.1f}", f"{r['model_us']:,.1f}", f"{r['us'] - r['model_us']:,.1f}", f"{r['startup_us']:,.0f}",
          f"{r['peak_mib']:,.0f}"] for v, r in ((v, line[v]) for v in values)])  # fmt: skip


def page(options, results):
    folder = options.page.stem
    axes = "\n".join(
        f"""## {label.capitalize()}

![time]({folder}/{axis}.svg) ![memory]({folder}/{axis}_memory.svg)

{text}

{table(axis, results[axis])}
"""
        for axis, (label, _, text) in AXES.items()
    )
    method = figures.table(
        ["quantity", "method"],
        [["time", f"CPU time; medians of {options.repeats} rounds. Each point is a separate process that trains for about "
                  f"{options.seconds:g} s"],
         ["threads", 1],
         ["machine", f"{machine.processor()}, {machine.system()}"]])  # fmt: skip
    return f"""# Scaling of a training step

This benchmark measures how the time of a step and the memory of the process grow along five axes.

| column | meaning |
| --- | --- |
| step | a step of `train`, including the loading of the batch, the loss and the update |
| forward and backward | forward, loss and backward of the same model without a trainer |
| difference | the cost of loading the batch, recording the loss and updating the parameters |
| fixed cost of a run | the time of `train` with one step, minus the time of a step; with many samples, mostly shuffling. Negative if the single step is faster than the mean |

{axes}
{report.method(options)}
{method}
"""


def main():
    parser = report.parser("scaling", __doc__)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    results = measure(report.program(options), options.seconds, options.repeats)
    draw(results, options.page.parent / options.page.stem)
    report.write(options, results, page(options, results))


if __name__ == "__main__":
    main()
