# SPDX-License-Identifier: Apache-2.0
"""Compares an exported training step with the same step with eager operators.

Exports the packages first, which needs a C++ compiler and a Python with torch: HONE_PYTHON, or python3.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report

NETWORKS = {
    "tanh_small": "MLP 8-16-4 with tanh, mean squared error, batch 32, SGD",
    "tanh_deep": "MLP 8-64-64-64-1 with tanh, mean squared error, batch 256, SGD",
    "digits_mlp": "MLP 784-128-64-10 with ReLU, cross entropy, batch 32, SGD",
    "digits_cnn": "two 5x5 convolutions with 10 and 20 channels and max pooling, MLP 320-50-10, cross entropy, batch 64, Adam",
    "char_gpt": "character GPT: 2 layers of width 64 with 4 heads, context 64, vocabulary 65, batch 16, Adam",
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
        exported, eager = times[f"{name}.exported"], times[f"{name}.eager"]
        results[name] = {"exported": figures.spread(exported), "eager": figures.spread(eager),
                         "ratio": figures.ratios(exported, eager)}  # fmt: skip
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
    rows = []
    for name, text in NETWORKS.items():
        eager, exported, ratio = (results[name][part] for part in ("eager", "exported", "ratio"))
        goal, met = (f"at most {GOALS[name]:.2f}", figures.met(ratio.median <= GOALS[name])) if name in GOALS else ("", "")
        rows.append([text, eager.quartiles(".1f"), exported.quartiles(".1f"), ratio.quartiles(), goal, met])
    table = figures.table(
        ["network", "eager, us per step", "exported, us per step", "exported / eager", "goal", "result"], rows)  # fmt: skip
    method = figures.table(
        ["quantity", "method"],
        [["time", f"CPU time of a process with one thread; medians and quartiles of {options.rounds} rounds. A round measures both "
                  "variants, and their order alternates. Ratios are computed within a round"],
         ["export", "`scripts/export_step.py` without options"],
         ["settings", "denormals are flushed to zero, freed memory is retained (`hone::RetainHeap`)"],
         ["machine", f"{machine.processor()}, {machine.system()}"],
         ["flags", f"`{machine.flags(options.build, 'exported/main.cpp')}`"]])  # fmt: skip
    return f"""# Exported training steps

This benchmark compares a training step of `hone::Trainer` with a `torch::nn` model and with the same model
[exported](../exported.md) from Python. Both steps include forward, loss, gradients and the fused optimizer. In the exported step,
forward, loss and gradients are one compiled call.

{table}

The program fails if the losses of the first 20 steps differ by more than 0.1 %. An exported step saves operator dispatch, the
autograd graph, and passes over memory between operators. Both variants use the same library for matrix products, so the effect is
large for small networks and small where matrix products dominate.

{report.method(options)}
{method}
"""


def main():
    parser = report.parser("exported", __doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--steps", type=int, default=200, help="steps of a round; scaled by the size of the network")
    options = parser.parse_args()
    program = report.program(options)
    folder = report.ROOT / "build/bench/exported"
    export(folder)
    results = measure(program, folder, options.rounds, options.steps)
    report.write(options, records(results), page(options, results))


if __name__ == "__main__":
    main()
