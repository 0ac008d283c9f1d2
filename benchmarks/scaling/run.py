# SPDX-License-Identifier: Apache-2.0
"""Curves of what a step costs as one thing grows: its time and the memory of the process.

run.py [--seconds S] [--repeats N]
"""

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import chart, figures, machine, processes, report, rounds  # noqa: E402

STEP, BARE = "step of the trainer", "its forward and backward pass alone"
AXES = {
    "batch": ("samples in a batch", [1, 4, 16, 64, 256, 1024, 4096],
              "8-64-64-1 tanh, Adam."),
    "parameters": ("units of each hidden layer", [16, 64, 256, 1024, 2048],
                   "8-n-n-1 tanh, Adam, batches of 32: n = 2048 has 4.2 million parameters."),
    "callbacks": ("callbacks that hear nothing", [0, 1, 8, 32],
                  "8-64-64-1 tanh, Adam, batches of 32."),
    "tensors": ("parameter tensors", [10, 100, 1000, 10000],
                "Parameters of 16 numbers each, concatenated in every step, Adam, batches of 32."),
    "samples": ("samples in the dataset", [10**3, 10**4, 10**5, 10**6, 10**7],
                "8-64-64-1 tanh, Adam, batches of 32, shuffled."),
}  # fmt: skip


def measure(program, seconds, repeats):
    """axis -> value -> the medians. Every round runs every point once, each in a process of its own."""
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
        times = {name: [(v, max(line[v][key], 0.1)) for v in values] for name, key in ((STEP, "us"), (BARE, "bare_us"))}
        (folder / f"{axis}.svg").write_text(chart.curves(f"Time of a step by {label}", label, "microseconds", times, positions))
        memory = {"peak": [(v, line[v]["peak_mib"]) for v in values]}
        (folder / f"{axis}_memory.svg").write_text(chart.curves(f"Memory by {label}", label, "MiB", memory, positions))


def table(axis, line):
    label, values, _ = AXES[axis]
    return figures.table(
        [label, "step, us", "forward and backward alone, us", "beyond, us", "a run without its steps, us", "peak, MiB"],
        [[f"{v:,}", f"{r['us']:,.1f}", f"{r['bare_us']:,.1f}", f"{r['us'] - r['bare_us']:,.1f}", f"{r['begin_us']:,.0f}",
          f"{r['peak_mib']:,.0f}"] for v, r in ((v, line[v]) for v in values)])  # fmt: skip


def page(options, results):
    folder = options.page.stem
    axes = "\n".join(
        f"""## By {label}

![time]({folder}/{axis}.svg) ![memory]({folder}/{axis}_memory.svg)

{text}

{table(axis, results[axis])}
"""
        for axis, (label, _, text) in AXES.items()
    )
    return f"""# How the cost of a step grows

Beyond its forward and backward pass, a step gathers a batch, adds the loss up and updates the parameters. A run without
its steps is what `train` costs once, the order of a shuffled epoch included.

{axes}
{report.how(options)}
One thread, CPU time. Each point is a process of its own that trains for about {options.seconds:g} s; medians of
{options.repeats} rounds.

{machine.processor()}, {machine.system()}.
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
