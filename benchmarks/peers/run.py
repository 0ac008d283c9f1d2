# SPDX-License-Identifier: Apache-2.0
"""The training loops that users would otherwise take, in Python, beside `hone::Trainer`.

run.py [--repeats N] [--epochs N] [--workloads a,b] [--variants a,b] [--threads N] [--data DIR]

Every repeat runs every variant of a workload once, by turns, each in a process of its own. Writes build/bench/peers.json
and docs/benchmarks/peers.md.
"""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report, rounds  # noqa: E402

import python  # noqa: E402

# workload: steps of an epoch
STEPS = {"mnist_mlp": 500, "surrogate": 200, "mnist_cnn": 50, "char_gpt": 40}
NATIVE = {
    "hone": "`trainer.train(...)`, as in [floor](floor.md)",
    "hone_exported": "the same with a step [exported](../exported.md) from Python",
    "hand": "the best loop written by hand in C++, as in [floor](floor.md)",
}
WAYS = {
    "torch_loader": "PyTorch by hand: `TensorDataset` and `DataLoader`",
    "torch_vector": "PyTorch by hand: batches taken out of tensors whole",
    "torch_fused": "the same with a fused optimizer",
    "torch_compile": "`torch_vector` with forward and loss, and the update, compiled",
    "pytorch_accelerated": "pytorch-accelerated's `Trainer`",
    "torchtnt": "TorchTNT's `AutoUnit`",
    "lightning": "Lightning's `Trainer`, the loss kept by `self.log`",
    "accelerate": "Accelerate",
    "ignite": "Ignite's `create_supervised_trainer`",
}
FIRST_STEPS = ["hone", "torch_fused", "pytorch_accelerated", "torchtnt", "lightning"]
# (variant, workload): hone's time over that of the variant, at most
GOALS = {
    **{("torch_fused", workload): limit for workload, limit in
       [("mnist_mlp", 0.45), ("surrogate", 0.45), ("mnist_cnn", 0.9), ("char_gpt", 0.9)]},
    **{("torch_compile", workload): 1.0 for workload in STEPS},
    **{(framework, workload): 1 / factor for framework in ("pytorch_accelerated", "torchtnt", "lightning")
       for workload, factor in [("mnist_mlp", 5), ("surrogate", 7), ("char_gpt", 1.25)]},
}  # fmt: skip
# The same with a step that was exported.
EXPORTED_GOALS = {
    **{("torch_compile", workload): 0.7 for workload in STEPS},
    **{(framework, workload): 1 / factor for framework in ("pytorch_accelerated", "torchtnt", "lightning")
       for workload, factor in [("mnist_mlp", 8), ("surrogate", 10)]},
}  # fmt: skip
FIRST_STEP_GOAL = 5.0
TOLERANCE = 2e-3  # of a mean loss: the order of additions differs, and hone flushes numbers near zero


class Runs:
    """The processes that are measured, and the data that all of them read."""

    def __init__(self, options):
        self.options = options
        self.python = python.find()
        self.program = report.program(options, "floor")
        self.folder = options.json.parent / "peers-data"
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
            program = report.program(self.options, "peers")
            return [program, self.folder, workload, epochs, steps, self.options.threads]
        if variant in NATIVE:
            return [self.program, "--read", self.folder, "--threads", self.options.threads, "--epochs", workload, epochs,
                    steps, variant]  # fmt: skip
        script = Path(__file__).with_name("run_one.py")
        return [self.python, script, self.folder, workload, epochs, steps, variant, self.options.threads]

    def run(self, variant, workload, epochs, steps):
        """For each epoch seconds, mean loss and the seconds from the start of the process; and what it took."""
        environment = {"OMP_NUM_THREADS": str(self.options.threads), "PYTHONDONTWRITEBYTECODE": "1"}
        command = self.command(variant, workload, epochs, steps)
        ran = processes.undisturbed(
            command, environment, self.options.foreign, self.options.retries, self.options.patience
        )
        lines = [line.split()[1:] for line in ran.output.splitlines() if line.startswith("epoch ")]
        if len(lines) != epochs:
            raise SystemExit(f"{variant} told of {len(lines)} epochs of {workload}, not of {epochs}.")
        epoch_s, losses, ends = zip(*(map(float, line) for line in lines))
        return {"epoch_s": epoch_s, "losses": losses, "first_end_s": ends[0] - ran.began,
                "peak_mib": ran.peak_mib, "foreign": ran.foreign}  # fmt: skip


def compare_losses(workload, results):
    """All started from the same weights and saw the same batches."""
    expected = results["hone"][0]["losses"]
    for variant, runs in results.items():
        for run in runs:
            for epoch, (own, other) in enumerate(zip(run["losses"], expected), 1):
                if not abs(own - other) <= TOLERANCE * abs(other):
                    raise SystemExit(f"{workload}: {variant} came to loss {own} in epoch {epoch} and hone to {other}. "
                                     "They must do the same arithmetic.")  # fmt: skip


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
    """The first epoch warms up."""
    return 1e6 * statistics.median(run["epoch_s"][1:]) / STEPS[workload]


def beside(workload, found, own, variant):
    """The time of `own` over that of a variant, within repeats."""
    return figures.ratios([step_us(workload, run) for run in found[own]], [step_us(workload, run) for run in found[variant]])


def table_of_steps(options, results):
    rows = []
    for variant in options.variants:
        row = [f"`{variant}`"]
        for workload, found in results.items():
            own = [step_us(workload, run) for run in found[variant]]
            ratio = figures.ratios(own, [step_us(workload, run) for run in found["hone"]])
            us = f"{figures.spread(own).median:,.0f} us"
            row.append(us if variant == "hone" else f"{ratio.range('.2f')}, {us}")
        peak = [run["peak_mib"] for found in results.values() for run in found[variant]]
        rows.append([*row, f"{max(peak):.0f}"])
    return figures.table(["time per step, `hone` = 1", *results, "peak memory, MiB"], rows)


def table_of_goals(results):
    rows = []
    for own, goals in (("hone", GOALS), ("hone_exported", EXPORTED_GOALS)):
        for (variant, workload), limit in goals.items():
            if {own, variant} <= results.get(workload, {}).keys():
                ratio = beside(workload, results[workload], own, variant)
                rows.append([f"`{own}`", f"`{variant}`", workload, f"{limit:.2f}", ratio.range(".2f"),
                             figures.met(ratio.median <= limit)])  # fmt: skip
    return figures.table(["", "beside", "workload", "goal: takes at most", "takes", ""], rows)


def table_of_first_steps(first):
    rows = []
    for variant, seconds in first.items():
        times = figures.ratios(seconds, first["hone"])
        met = "" if variant == "hone" else figures.met(times.median >= FIRST_STEP_GOAL)
        rows.append([f"`{variant}`", f"{figures.spread(seconds).median:.2f}", times.range(".1f"), met])
    return figures.table(["from the start of a process to the end of its first step", "s", "`hone` = 1",
                          f"goal: {FIRST_STEP_GOAL:g} times that of `hone`, or more"], rows)  # fmt: skip


def page(options, runs, results, first):
    texts = "\n".join(f"- `{name}`: {(NATIVE | WAYS)[name]}." for name in options.variants)
    foreign = max(run["foreign"] for found in results.values() for each in found.values() for run in each)
    steps = ", ".join(f"{STEPS[workload]} of {workload}" for workload in results)
    versions = ", ".join(processes.output([runs.program, "--versions"]).splitlines())
    return f"""# Beside Python

{table_of_steps(options, results)}

{texts}

{table_of_goals(results)}

{table_of_first_steps(first)}

The workloads are those of [floor](floor.md). All start from the same weights, see the same batches and come to the same
losses within {TOLERANCE:g}, or no page is made. Frameworks are used as their documentation shows, without progress bars,
loggers, files and worker processes; all keep the mean loss of an epoch.

{report.how(options)}
Every process trains {options.epochs} epochs ({steps} steps), of which the first warms up; its time is the median of
the others. Medians, and ranges, of {options.repeats} repeats; a repeat runs every variant once, by turns, and ratios are
taken within it. {options.threads} thread{"s" if options.threads > 1 else ""}. A process waits until others use less than {options.foreign:g} cores, and is run again, up to
{options.retries} times, when they use more meanwhile; the most that they used in a run that counts was {foreign:.2f} cores. The first
step is that of {options.workloads[0]}, its data read from files.

{machine.processor()}. {versions}. {machine.system()}. {machine.version(runs.python, "--version")} with
{python.versions(runs.python)}.
"""


def names(known):
    def read(text):
        given = text.split(",")
        for name in given:
            if name not in known:
                raise SystemExit(f"There is no {name}. There are: {', '.join(known)}.")
        return given

    return read


def main():
    parser = report.parser("peers", __doc__)
    every = [*NATIVE, *WAYS]
    parser.add_argument("--workloads", type=names(list(STEPS)), default=list(STEPS))
    parser.add_argument("--variants", type=names(every), default=every)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=report.mnist(), help="the folder of MNIST's four files")
    parser.add_argument("--foreign", type=float, default=0.15, help="cores that other programs may use")
    parser.add_argument("--retries", type=int, default=1)
    parser.add_argument("--patience", type=float, default=5, help="seconds to wait for others")
    options = parser.parse_args()
    if "hone" not in options.variants or options.epochs < 2:
        parser.error("the variants must hold hone, and the epochs be 2 or more, because the first warms up")
    runs = Runs(options)
    results, first = measure(options, runs)
    report.write(options, {"steps": results, "first_step_s": first}, page(options, runs, results, first))


if __name__ == "__main__":
    main()
