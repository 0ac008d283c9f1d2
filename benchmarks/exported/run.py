# SPDX-License-Identifier: Apache-2.0
"""What an exported training step takes beside the same step operator by operator.

The packages are exported first: that takes a Python with the full torch (HONE_PYTHON, else python3) and a C++ compiler.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report

NETWORKS = {
    "tanh_small": "8-16-4 tanh, squared error, batch 32, SGD",
    "tanh_deep": "8-64-64-64-1 tanh, squared error, batch 256, SGD",
    "digits_mlp": "784-128-64-10 ReLU, cross entropy, batch 32, SGD",
    "digits_cnn": "two convolutions (5x5, 10 and 20 channels), pooled, 320-50-10, cross entropy, batch 64, Adam",
    "char_gpt": "transformer of 2 layers, 64 wide, 4 heads, 64 characters of 65, batch 16, Adam",
}
GOALS = {"tanh_small": 0.22, "tanh_deep": 0.80, "digits_mlp": 0.66}
MODELS = Path(__file__).with_name("models.py")
SCRIPT = report.ROOT / "scripts/export_step.py"


def export(folder):
    folder.mkdir(parents=True, exist_ok=True)
    python = os.environ.get("HONE_PYTHON") or "python3"
    newest = max(path.stat().st_mtime for path in (MODELS, SCRIPT))
    for name in NETWORKS:
        package = folder / f"{name}.pt2"
        if not package.exists() or package.stat().st_mtime < newest:
            print(f"exporting {name} ...", file=sys.stderr)
            processes.output([python, SCRIPT, f"{MODELS}:{name}", package], environment={})


def measure(program, folder, rounds, steps):
    times = processes.by_name(processes.output([program, folder, rounds, steps]))
    results = {}
    for name in NETWORKS:
        own, eager = times[f"{name}.exported"], times[f"{name}.eager"]
        results[name] = {"exported": figures.spread(own), "eager": figures.spread(eager), "ratio": figures.ratios(own, eager)}
    return results


def records(results):
    return [
        {"workload": name, "variant": variant, "metric": metric, "value": result[part].median, "unit": unit}
        for name, result in results.items()
        for part, variant, metric, unit in (
            ("exported", "exported", "time_per_step", "us"),
            ("eager", "eager", "time_per_step", "us"),
            ("ratio", "exported", "time_per_step_ratio", "eager = 1"),
        )
    ]


def page(options, results):
    rows = [
        [text, results[name]["eager"].text(".1f"), results[name]["exported"].text(".1f"), results[name]["ratio"].text(),
         f"{GOALS[name]:.2f}, {figures.met(results[name]['ratio'].median <= GOALS[name])}" if name in GOALS else ""]
        for name, text in NETWORKS.items()
    ]  # fmt: skip
    table = figures.table(["network", "eager, us per step", "exported, us per step", "ratio", "goal"], rows)
    return f"""# Exported steps

A whole training step of `hone::Trainer`, with forward, loss, gradients and the fused optimizer, on one thread: of a
network of `torch::nn`, and of the same network [exported](../exported.md) from Python, whose loss and gradients are one
compiled call.

{table}

The loss of each of the first 20 steps is the same in both, to 0.1 %; the program stops where it is not. What is saved is the
cost of each operator's call, of the graph, and of passes over memory between operators: nearly everything in a small
network, and a small part where matrix products, which both leave to the same library, take the time.

{report.how(options)}
Exported with `scripts/export_step.py` and no options. CPU time of the process, whose one thread never waits; numbers nearly
zero are flushed, memory that a step frees is kept (`hone::RetainHeap`). Medians of {options.rounds} rounds, with quartiles; both
variants run in each round, each first in every other one, and ratios are taken within a round.

{machine.processor()}. Flags: `{machine.flags(options.build, "exported/main.cpp")}`. {machine.system()}.
"""


def main():
    parser = report.parser("exported", __doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--steps", type=int, default=200, help="of a round of a network of middle size")
    options = parser.parse_args()
    program = report.program(options)
    folder = report.ROOT / "build/bench/exported"
    export(folder)
    results = measure(program, folder, options.rounds, options.steps)
    report.write(options, records(results), page(options, results))


if __name__ == "__main__":
    main()
