# SPDX-License-Identifier: Apache-2.0
"""Compares `hone::Trainer` with hand-written loops and frameworks in Python.

run.py [--repeats N] [--epochs N] [--workloads a,b] [--variants a,b] [--threads N] [--data DIR]

Each repeat runs each variant of a workload once, as a separate process; the order changes. Writes
build/bench/frameworks.json and docs/benchmarks/frameworks.md.
"""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report, rounds  # noqa: E402

import python  # noqa: E402

# workload: steps of an epoch
STEPS = {"mnist_mlp": 500, "surrogate": 200, "mnist_cnn": 50, "char_gpt": 40}
CPP_VARIANTS = {
    "hone": "`trainer.train(...)`, as in [baseline](baseline.md)",
    "hone_exported": "`hone` with an [exported](../exported.md) training step",
    "handwritten": "the hand-written C++ loop of [baseline](baseline.md)",
}
PYTHON_VARIANTS = {
    "torch_loader": "PyTorch, hand-written loop: `TensorDataset` and `DataLoader`",
    "torch_vector": "PyTorch, hand-written loop: batches are indexed out of tensors",
    "torch_fused": "`torch_vector` with a fused optimizer",
    "torch_compile": "`torch_vector` with `torch.compile` for forward with loss, and for the update",
    "pytorch_accelerated": "`Trainer` of pytorch-accelerated",
    "torchtnt": "`AutoUnit` of TorchTNT",
    "lightning": "`Trainer` of Lightning; the loss is recorded with `self.log`",
    "accelerate": "Accelerate",
    "ignite": "`create_supervised_trainer` of Ignite",
}
FIRST_STEPS = ["hone", "torch_fused", "pytorch_accelerated", "torchtnt", "lightning"]
# (variant, workload): the time of hone divided by the time of the variant, at most
GOALS = {
    **{("torch_fused", workload): limit for workload, limit in
       [("mnist_mlp", 0.45), ("surrogate", 0.45), ("mnist_cnn", 0.9), ("char_gpt", 0.9)]},
    **{("torch_compile", workload): 1.0 for workload in STEPS},
    **{(framework, workload): 1 / factor for framework in ("pytorch_accelerated", "torchtnt", "lightning")
       for workload, factor in [("mnist_mlp", 5), ("surrogate", 7), ("char_gpt", 1.25)]},
}  # fmt: skip
# The same for hone_exported.
EXPORTED_GOALS = {
    **{("torch_compile", workload): 0.7 for workload in STEPS},
    **{(framework, workload): 1 / factor for framework in ("pytorch_accelerated", "torchtnt", "lightning")
       for workload, factor in [("mnist_mlp", 8), ("surrogate", 10)]},
}  # fmt: skip
FIRST_STEP_GOAL = 5.0
TOLERANCE = 2e-3  # relative, of a mean loss: sums are in different orders, and hone flushes denormals


class Runs:
    """Runs the variants on common data."""

    def __init__(self, options):
        self.options = options
        self.python = python.find()
        self.program = report.program(options, "baseline")
        self.folder = options.json.parent / "frameworks-data"
        self.folder.mkdir(parents=True, exist_ok=True)
        source = ["--data", options.data] if options.data else []
        for workload in options.workloads:
            processes.output([self.program, *source, "--text", report.ROOT / "LICENSE", "--write", self.folder, workload,
                              STEPS[workload]])  # fmt: skip
            if "hone_exported" in options.variants:
                print(f"exporting {workload} ...", file=sys.stderr)
                processes.output([self.python, Path(__file__).with_name("export.py"), self.folder, workload])

    def command(self, variant, workload, epochs, steps):
        if variant == "hone_exported":
            program = report.program(self.options, "frameworks")
            return [program, self.folder, workload, epochs, steps, self.options.threads]
        if variant in CPP_VARIANTS:
            return [self.program, "--read", self.folder, "--threads", self.options.threads, "--epochs", workload, epochs,
                    steps, variant]  # fmt: skip
        script = Path(__file__).with_name("run_one.py")
        return [self.python, script, self.folder, workload, epochs, steps, variant, self.options.threads]

    def run(self, variant, workload, epochs, steps):
        """Returns the duration and the mean loss of each epoch, the time from the start of the process to the end of the
        first epoch, peak memory and the load of other programs."""
        environment = {"OMP_NUM_THREADS": str(self.options.threads), "PYTHONDONTWRITEBYTECODE": "1"}
        command = self.command(variant, workload, epochs, steps)
        result = processes.measured_idle(
            command, environment, self.options.max_load, self.options.retries, self.options.timeout
        )
        lines = [line.split()[1:] for line in result.output.splitlines() if line.startswith("epoch ")]
        if len(lines) != epochs:
            raise SystemExit(f"{variant} printed {len(lines)} epochs of {workload} instead of {epochs}.")
        epoch_s, losses, ends = zip(*(map(float, line) for line in lines))
        return {"epoch_s": epoch_s, "losses": losses, "first_end_s": ends[0] - result.start_time,
                "peak_mib": result.peak_mib, "other_load": result.other_load}  # fmt: skip


def compare_losses(workload, results):
    """Fails if the losses of a variant differ from the losses of hone."""
    expected = results["hone"][0]["losses"]
    for variant, runs in results.items():
        for run in runs:
            for epoch, (loss, reference) in enumerate(zip(run["losses"], expected), 1):
                if not abs(loss - reference) <= TOLERANCE * abs(reference):
                    raise SystemExit(f"{workload}: in epoch {epoch}, the loss of {variant} is {loss}, the loss of hone is "
                                     f"{reference}. They must do the same arithmetic.")  # fmt: skip


def measure(options, runs):
    results = {}
    for workload in options.workloads:
        found = results[workload] = {variant: [] for variant in options.variants}
        for order in rounds.orders(options.variants, options.repeats):
            for variant in order:
                found[variant].append(runs.run(variant, workload, options.epochs, STEPS[workload]))
        compare_losses(workload, found)
    first = {variant: [] for variant in FIRST_STEPS if variant in options.variants}
    for order in rounds.orders(first, options.repeats):
        for variant in order:
            first[variant].append(runs.run(variant, options.workloads[0], 1, 1)["first_end_s"])
    return results, first


def step_us(workload, run):
    """Microseconds per step, without the first epoch, which is a warm-up."""
    return 1e6 * statistics.median(run["epoch_s"][1:]) / STEPS[workload]


def time_ratio(workload, found, variant, reference):
    """The time of a variant divided by the time of another one, within repeats."""
    return figures.ratios([step_us(workload, run) for run in found[variant]],
                          [step_us(workload, run) for run in found[reference]])  # fmt: skip


def table_of_steps(options, results):
    rows = []
    for variant in options.variants:
        row = [f"`{variant}`"]
        for workload, found in results.items():
            us = f"{figures.spread(step_us(workload, run) for run in found[variant]).median:,.0f} us"
            row.append(us if variant == "hone" else f"{time_ratio(workload, found, variant, 'hone').range('.2f')}, {us}")
        peak = [run["peak_mib"] for found in results.values() for run in found[variant]]
        rows.append([*row, f"{max(peak):.0f}"])
    return figures.table(["variant", *results, "peak memory, MiB"], rows)


def table_of_goals(results):
    rows = []
    for ours, goals in (("hone", GOALS), ("hone_exported", EXPORTED_GOALS)):
        for (variant, workload), limit in goals.items():
            if {ours, variant} <= results.get(workload, {}).keys():
                ratio = time_ratio(workload, results[workload], ours, variant)
                rows.append([f"`{ours}`", f"`{variant}`", workload, f"{limit:.2f}", ratio.range(".2f"),
                             figures.met(ratio.median <= limit)])  # fmt: skip
    return figures.table(["time of", "divided by time of", "workload", "goal: at most", "measured", "result"], rows)


def table_of_first_steps(first):
    rows = []
    for variant, seconds in first.items():
        ratio = figures.ratios(seconds, first["hone"])
        met = "" if variant == "hone" else figures.met(ratio.median >= FIRST_STEP_GOAL)
        rows.append([f"`{variant}`", f"{figures.spread(seconds).median:.2f}", ratio.range(".1f"), met])
    return figures.table(["variant", "process start to end of first step, s", "ratio to `hone`",
                          f"goal: at least {FIRST_STEP_GOAL:g}"], rows)  # fmt: skip


def page(options, runs, results, first):
    variants = figures.table(
        ["variant", "implementation"],
        [[f"`{name}`", (CPP_VARIANTS | PYTHON_VARIANTS)[name]] for name in options.variants])  # fmt: skip
    load = max(run["other_load"] for found in results.values() for each in found.values() for run in each)
    steps = ", ".join(f"{STEPS[workload]} ({workload})" for workload in results)
    versions = ", ".join(processes.output([runs.program, "--versions"]).splitlines())
    method = figures.table(
        ["quantity", "method"],
        [["time per step", f"a process trains {options.epochs} epochs; median without the first epoch, which is a warm-up. The tables "
                           f"have medians and ranges of {options.repeats} repeats. A repeat runs each variant once, and the order "
                           "changes. Ratios are computed within a repeat"],
         ["steps of an epoch", steps],
         ["first step", f"one step of {options.workloads[0]}; the data is read from files"],
         ["load of other programs", f"a process starts when other programs use less than {options.max_load:g} cores; runs during which "
                                    f"they use more are repeated, at most {options.retries} time{'s' if options.retries != 1 else ''}. "
                                    f"The maximum in the results is {load:.2f} cores"],
         ["threads", options.threads],
         ["machine", f"{machine.processor()}, {machine.system()}"],
         ["C++", versions],
         ["Python", f"{machine.version(runs.python, '--version')}, {python.versions(runs.python)}"]])  # fmt: skip
    return f"""# Comparison with Python frameworks

This benchmark compares `hone::Trainer` with hand-written loops and frameworks in Python. The workloads are described in
[baseline](baseline.md).

{variants}

All variants start with the same weights and visit the same batches. The benchmark fails if their losses differ by more than {TOLERANCE:g}
(relative). Frameworks are used as their documentation shows, without progress bars, loggers, checkpoints and worker processes.
Each variant computes the mean loss of an epoch.

## Goals

{table_of_goals(results)}

## Time per step

Time per step relative to `hone`, and in microseconds.

{table_of_steps(options, results)}

## First step

{table_of_first_steps(first)}

{report.method(options)}
{method}
"""


def names(known):
    def parse(text):
        given = text.split(",")
        for name in given:
            if name not in known:
                raise SystemExit(f"There is no {name}. Pass one or more of: {', '.join(known)}.")
        return given

    return parse


def main():
    parser = report.parser("frameworks", __doc__)
    variants = [*CPP_VARIANTS, *PYTHON_VARIANTS]
    parser.add_argument("--workloads", type=names(list(STEPS)), default=list(STEPS))
    parser.add_argument("--variants", type=names(variants), default=variants)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3, help="at least 2; the first is a warm-up")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=report.mnist(), help="the folder of MNIST's four files")
    parser.add_argument("--max-load", type=float, default=0.15, help="cores that other programs may use")
    parser.add_argument("--retries", type=int, default=1, help="retries if other programs use more")
    parser.add_argument("--timeout", type=float, default=5, help="seconds to wait for other programs")
    options = parser.parse_args()
    if "hone" not in options.variants or options.epochs < 2:
        parser.error("Pass --variants with hone, and --epochs of at least 2. The first epoch is a warm-up.")
    runs = Runs(options)
    results, first = measure(options, runs)
    report.write(options, {"steps": results, "first_step_s": first}, page(options, runs, results, first))


if __name__ == "__main__":
    main()
