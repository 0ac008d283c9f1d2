# SPDX-License-Identifier: Apache-2.0
"""Curves of what a step costs as one thing grows: its time and the memory of the process.

run.py --program BIN --json FILE --page FILE [--seconds S] [--repeats N]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import chart  # noqa: E402

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
    """axis -> value -> one record of medians. Every round runs every point once, each in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = {axis: {value: [] for value in values} for axis, (_, values, _) in AXES.items()}
    for number in range(repeats):
        points = [(axis, value) for axis, (_, values, _) in AXES.items() for value in values]
        for axis, value in points if number % 2 == 0 else reversed(points):
            done = subprocess.run([program, axis, str(value), str(seconds)], capture_output=True, text=True,
                                  env=environment)  # fmt: skip
            if done.returncode:
                raise SystemExit(f"bench_scaling {axis} {value} failed:\n{done.stderr[-2000:]}")
            found[axis][value].append(json.loads(done.stdout))
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


def table(axis, results):
    label, values, _ = AXES[axis]
    lines = [f"| {label} | step, us | forward and backward alone, us | beyond, us | a run without its steps, us | peak, MiB |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for value in values:
        r = results[axis][value]
        lines.append(f"| {value:,} | {r['us']:,.1f} | {r['bare_us']:,.1f} | {r['us'] - r['bare_us']:,.1f} "
                     f"| {r['begin_us']:,.0f} | {r['peak_mib']:,.0f} |")  # fmt: skip
    return "\n".join(lines)


def page(results, seconds, repeats, machine):
    parts = [f"""<!-- Made by benchmarks/scaling/run.py. Do not edit. -->
# How the cost of a step grows

```sh
scripts/bench scaling
```

One thread, CPU time. Each point is a process of its own that trains for about {seconds:g} s; medians of {repeats} rounds.
Beyond the forward and backward pass, a step gathers a batch, adds the loss up and updates the parameters. A run without
its steps is what `train` costs once, the order of a shuffled epoch included.
"""]  # fmt: skip
    for axis, (label, _, text) in AXES.items():
        parts.append(f"""## By {label}

![time](scaling/{axis}.svg) ![memory](scaling/{axis}_memory.svg)

{text}

{table(axis, results)}
""")
    return "\n".join([*parts, machine, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    results = measure(arguments.program, arguments.seconds, arguments.repeats)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    draw(results, arguments.page.parent / "scaling")
    arguments.page.write_text(page(results, arguments.seconds, arguments.repeats, f"{os.cpu_count()} cores."))
    print("\n\n".join(table(axis, results) for axis in AXES))


if __name__ == "__main__":
    main()
