# SPDX-License-Identifier: Apache-2.0
"""Ablation study of the hand-written loop: the effect of each technique on the time of a step.

run.py [--rounds N] [--data DIR]
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report, rounds  # noqa: E402

STEPS = {"mnist_mlp": 1500, "surrogate": 1500, "mnist_cnn": 100, "char_gpt": 80}
# technique: (baseline, alternative, workloads; none: all)
TECHNIQUES = {
    "flush_denormals": ("denormals are flushed to zero", "denormals are computed", ["mnist_mlp"]),
    "retain_heap": ("freed memory is retained", "glibc's default settings", []),
    "buffered_gather": ("rows are copied into reused buffers", "`index_select`", []),
    "fused_optimizer": ("one kernel updates all parameters", "`torch::optim`", []),
    "set_to_none": ("gradients are released after the update", "gradients are zeroed and accumulated", []),
    "shared_step_count": ("one step count for all parameters", "one step count each", ["surrogate", "mnist_cnn", "char_gpt"]),
    "foreach_clip": ("all gradient norms in one call, without `item()`", "`clip_grad_norm_`", ["char_gpt"]),
    "loss_pointer": ("losses are read through the data pointer", "`item()`", ["mnist_mlp", "surrogate"]),
    "channels_last": ("channels-last format", "contiguous format", ["mnist_cnn"]),
    "prefetch": ("no prefetching", "a background thread makes the batches", []),
    "two_threads": ("one thread", "operators use two threads", []),
}  # fmt: skip


def measure(program, data, text, count):
    """workload -> configuration -> results. Each measurement is a separate process; a round measures each configuration once."""
    found = {}
    for workload, steps in STEPS.items():
        configs = ["baseline", *(name for name, (_, _, where) in TECHNIQUES.items() if not where or workload in where)]
        found[workload] = {name: [] for name in configs}
        for order in rounds.orders(configs, count):
            for name in order:
                max_load = 1.15 if name in ("prefetch", "two_threads") else 0.15
                result = processes.measured_idle([program, workload, name, steps, data, text],
                                                 {"OMP_NUM_THREADS": "2" if name == "two_threads" else "1"}, max_load)  # fmt: skip
                found[workload][name].append(json.loads(result.output))
    return found


def cell(runs, name):
    if name not in runs:
        return ""
    return figures.ratios([run["us"] for run in runs[name]], [run["us"] for run in runs["baseline"]]).quartiles(".2f")


def page(options, found):
    def faults(runs, name):
        return f"{figures.spread(run['faults'] for run in runs[name]).median:.1f}"

    baseline = figures.table(
        ["workload", "time per step, us", "page faults per step", "page faults per step without `retain_heap`"],
        [[name, figures.spread(run["us"] for run in runs["baseline"]).quartiles(",.0f"), faults(runs, "baseline"),
          faults(runs, "retain_heap")] for name, runs in found.items()])  # fmt: skip
    effects = figures.table(
        ["technique", "baseline", "alternative", *STEPS],
        [[f"`{name}`", with_it, without, *(cell(found[workload], name) for workload in STEPS)]
         for name, (with_it, without, _) in TECHNIQUES.items()])  # fmt: skip
    steps = ", ".join(f"{steps} ({name})" for name, steps in STEPS.items())
    method = figures.table(
        ["quantity", "method"],
        [["time", f"wall time of the second epoch; medians and quartiles of {options.rounds} rounds. Each measurement is a separate "
                  "process. Ratios are computed within a round"],
         ["steps of an epoch", steps],
         ["threads", "1, except for `two_threads`"],
         ["images", "MNIST" if options.data else "synthetic digits (`hone::digits`)"],
         ["machine", f"{machine.processor()}, {machine.system()}"]])  # fmt: skip
    return f"""# Ablation study of a training step

This benchmark changes one technique of a [hand-written loop](../../benchmarks/ablation/main.cpp) at a time. The baseline uses every
technique except prefetching and a second thread. The workloads are described in [baseline](baseline.md); here, the learning rate
is constant.

## Baseline

{baseline}

## Effect of each technique

Time per step with the alternative, divided by the time of the baseline. Above 1, the alternative is slower.

{effects}

{report.method(options)}
{method}
"""


def main():
    parser = report.parser("ablation", __doc__)
    shared = report.ROOT.parent / "shared/data/mnist"
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default=os.environ.get("HONE_MNIST", str(shared) if shared.exists() else ""),
                        help="the folder of MNIST's four files; default: synthetic digits")  # fmt: skip
    options = parser.parse_args()
    found = measure(report.program(options), options.data, report.ROOT / "LICENSE", options.rounds)
    report.write(options, found, page(options, found))


if __name__ == "__main__":
    main()
