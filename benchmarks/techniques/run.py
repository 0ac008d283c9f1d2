# SPDX-License-Identifier: Apache-2.0
"""What each technique of the hand-written loop brings: the loop with all of them, and with one left out.

run.py [--rounds N] [--data DIR]
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report, rounds  # noqa: E402

STEPS = {"mnist_mlp": 1500, "surrogate": 1500, "mnist_cnn": 100, "char_gpt": 80}
# variant: what it is, and the workloads that it is measured on (none named: all)
TECHNIQUES = {
    "flush": ("numbers near zero are zero; without: they are computed with", ["mnist_mlp"]),
    "heap": ("the heap keeps what a step frees; without: glibc's default", []),
    "gather": ("rows are copied into buffers that are used again; without: `index_select`", []),
    "fused": ("one kernel updates all parameters; without: `torch::optim`", []),
    "taken": ("gradients are taken away; without: kept, zeroed and added to", []),
    "one_count": ("one count of updates for all parameters; without: one each", ["surrogate", "mnist_cnn", "char_gpt"]),
    "foreach_clip": ("norms in one call, read where they lie; without: `clip_grad_norm_`", ["char_gpt"]),
    "plain_loss": ("the loss is read where it lies; without: `item()`", ["mnist_mlp", "surrogate"]),
    "channels_last": ("images lie channels last; without: contiguous", ["mnist_cnn"]),
    "prefetch": ("**not used**; with: another thread makes the batches", []),
    "two_threads": ("**not used**; with: operators use two threads", []),
}  # fmt: skip


def measure(program, data, text, count):
    """workload -> variant -> the runs. A round runs every variant once, each in a process of its own."""
    found = {}
    for workload, steps in STEPS.items():
        variants = ["all", *(name for name, (_, where) in TECHNIQUES.items() if not where or workload in where)]
        found[workload] = {name: [] for name in variants}
        for order in rounds.orders(variants, count):
            for name in order:
                limit = 1.15 if name in ("prefetch", "two_threads") else 0.15
                ran = processes.undisturbed([program, workload, name, steps, data, text],
                                            {"OMP_NUM_THREADS": "2" if name == "two_threads" else "1"}, limit)  # fmt: skip
                found[workload][name].append(json.loads(ran.output))
    return found


def cell(runs, name):
    if name not in runs:
        return ""
    ratio = figures.ratios([run["us"] for run in runs[name]], [run["us"] for run in runs["all"]])
    return ratio.text(".2f")


def page(options, found):
    base = figures.table(
        ["workload", "with all, us", "page faults in a step", "without `heap`"],
        [[name, figures.spread(run["us"] for run in runs["all"]).text(",.0f"),
          f"{figures.spread(run['faults'] for run in runs['all']).median:.1f}",
          f"{figures.spread(run['faults'] for run in runs['heap']).median:.1f}"] for name, runs in found.items()])  # fmt: skip
    table = figures.table(
        ["technique", *STEPS, "what it is"],
        [[f"`{name}`", *(cell(found[workload], name) for workload in STEPS), text] for name, (text, _) in TECHNIQUES.items()])  # fmt: skip
    return f"""# What each technique of the step brings

A loop written by hand for each workload, with everything that is known to help. Then one thing at a time is left out; for
those that are not used, put in. The time of a step is divided by that of the loop with all: 1.10 means that the technique
takes off a tenth, below 1 that it costs.

{base}

{table}

{report.how(options)}
Medians of {options.rounds} rounds with their quartiles, each point a process of its own, the second epoch of
{", ".join(f"{steps} ({name})" for name, steps in STEPS.items())} steps, wall time, one thread unless said otherwise.
Images: {"MNIST" if options.data else "drawn digits"}.

{machine.processor()}, {machine.system()}.
"""


def main():
    parser = report.parser("techniques", __doc__)
    shared = report.ROOT.parent / "shared/data/mnist"
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default=os.environ.get("HONE_MNIST", str(shared) if shared.exists() else ""),
                        help="the folder of MNIST; without: drawn digits")  # fmt: skip
    options = parser.parse_args()
    found = measure(report.program(options), options.data, report.ROOT / "LICENSE", options.rounds)
    report.write(options, found, page(options, found))


if __name__ == "__main__":
    main()
