# SPDX-License-Identifier: Apache-2.0
"""Compares `hone::Trainer` with a hand-written loop and with the loop of the LibTorch tutorials, on four workloads.

run.py           measures, and writes build/bench/baseline.json and docs/benchmarks/baseline.md
run.py --check   checks instructions and allocations; exit code 77: valgrind is not installed
"""

import concurrent.futures
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import callgrind, figures, machine, processes, report, rounds  # noqa: E402

# workload: description, steps of a round, batch size for counting instructions. Small batches make the overhead of the loop
# visible, and callgrind faster.
WORKLOADS = {
    "mnist_mlp": ("MLP 784-128-64-10 with ReLU, batch 32, SGD with momentum", 250, 32),
    "surrogate": ("MLP 8-64-64-64-1 with tanh, batch 256, Adam", 250, 256),
    "mnist_cnn": ("two convolutions and two linear layers, batch 64, Adam", 16, 1),
    "char_gpt": ("character GPT: two blocks of width 64, context of 64 characters, batch 16, AdamW, gradient clipping, "
                 "cosine schedule", 12, 1),
}  # fmt: skip
TRAINED = ["handwritten", "hone", "libtorch_tutorial"]
GOALS = {"time": 1.01, "instructions": 1.001, "allocations": 1.0, "memory": 1.01}
GEMM_GOALS = {"mnist_cnn": 1.3, "char_gpt": 1.3}


def command(options, *words):
    data = ["--data", options.data] if options.data else []
    return [report.program(options), *data, "--text", report.ROOT / "LICENSE", "--threads", options.threads, *words]


def environment(options):
    return {"OMP_NUM_THREADS": str(options.threads)}


def numbers(options, *words):
    return processes.by_name(processes.output(command(options, *words), environment(options)))


def count_allocations(options, workload):
    """Allocations per step. All steps of a variant allocate the same, so the count is exact."""
    found = numbers(options, "--allocations", workload, *TRAINED)
    return {name: int(value) for name, (value,) in found.items()}


def count_instructions(options, workload, variants=("handwritten", "hone")):
    """Instructions per step, in total and without the allocator. One process runs both variants."""
    steps = 4
    words = command(options, "--batch", WORKLOADS[workload][2], "--instructions", workload, steps, *variants)
    return dict(zip(variants, callgrind.per_step_of_each(words, steps, len(variants))))


def check(options):
    options.data, failed = None, []  # the counts do not depend on the images
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        counts = pool.map(lambda w: count_instructions(options, w), WORKLOADS) if callgrind.is_available() else []
        allocations = {workload: count_allocations(options, workload) for workload in WORKLOADS}
        for workload, found in allocations.items():
            print(f"{workload}: {found['hone']} allocations per step, hand-written loop {found['handwritten']}")
            if found["hone"] > found["handwritten"]:
                failed.append(f"{workload}: hone makes {found['hone']} allocations per step, the hand-written loop "
                              f"{found['handwritten']}.")  # fmt: skip
        for workload, found in zip(WORKLOADS, counts):
            ratios = [ours / baseline for ours, baseline in zip(found["hone"], found["handwritten"])]
            print(f"{workload}: {found['hone'][0]:,.0f} instructions per step, {ratios[0]:.5f} of the hand-written loop; "
                  f"without the allocator {found['hone'][1]:,.0f}, {ratios[1]:.5f} of the hand-written loop")  # fmt: skip
            if ratios[1] > GOALS["instructions"]:
                failed.append(f"{workload}: without the allocator, hone runs {ratios[1]:.5f} times the instructions of the "
                              f"hand-written loop. The goal is {GOALS['instructions']}.")  # fmt: skip
    if failed:
        raise SystemExit("\n".join(failed))
    if not callgrind.is_available():
        callgrind.skip()


def measure_times(options, workload):
    """Microseconds per step. `libtorch_tutorial` runs in a separate process, because the other variants change the heap
    settings of their process."""
    found = {name: [] for name in (*TRAINED, "gemm_only")}
    steps = WORKLOADS[workload][1]
    for _ in range(options.processes):
        for variants in (("handwritten", "hone", "gemm_only"), ("libtorch_tutorial",)):
            for name, values in numbers(options, "--time", workload, options.rounds, steps, *variants).items():
                found[name] += values
    return found


def measure_processes(options, workload):
    """Peak memory, and the times from the start of a process to the end of its first step and of one epoch."""
    found = {name: {"memory": [], "first_step": [], "epoch": []} for name in TRAINED}
    steps = WORKLOADS[workload][1]
    with tempfile.TemporaryDirectory() as folder:  # contains only the samples that are used
        processes.output(command(options, "--write", folder, workload, steps))
        for order in rounds.orders(found, options.repeats):
            for name in order:
                first, whole = (
                    processes.measured(command(options, "--read", folder, "--epochs", workload, 1, n, name), environment(options))
                    for n in (1, steps)
                )
                found[name]["first_step"].append(first.wall_s)
                found[name]["epoch"].append(whole.wall_s)
                found[name]["memory"].append(whole.peak_mib)
    return found


def measure(options, workload):
    allocations = count_allocations(options, workload)
    instructions = count_instructions(options, workload)
    times = measure_times(options, workload)
    by_process = measure_processes(options, workload)
    result = {}
    for name in TRAINED:
        result[name] = {
            "us": times[name],
            "allocations": allocations[name],
            "instructions": instructions.get(name),
            "memory_mib": by_process[name]["memory"],
            "first_step_s": by_process[name]["first_step"],
            "epoch_s": by_process[name]["epoch"],
        }
    result["gemm_only"] = {"us": times["gemm_only"]}
    return result


def comparison(result):
    """measure -> (value of `hone` relative to the hand-written loop, or to the matrix products; text)."""
    handwritten, hone = result["handwritten"], result["hone"]
    time = figures.ratios(hone["us"], handwritten["us"])
    memory = figures.ratios(hone["memory_mib"], handwritten["memory_mib"])
    gemm = figures.ratios(hone["us"], result["gemm_only"]["us"])
    instructions = [ours / baseline for ours, baseline in zip(hone["instructions"], handwritten["instructions"])]
    return {
        "time": (time.median, time.quartiles()),
        "instructions": (instructions[1], f"{instructions[1]:.5f}"),
        "allocations": (hone["allocations"] / handwritten["allocations"],
                        f"{hone['allocations']} and {handwritten['allocations']}"),
        "memory": (memory.median, f"{memory.median:.3f}"),
        "gemm": (gemm.median, gemm.quartiles(".2f")),
    }  # fmt: skip


def table_of_goals(results):
    found = {workload: comparison(result) for workload, result in results.items()}

    def row(measure, name, goal, limits):
        cells = []
        for workload in results:
            value, text = found[workload][name]
            cells.append(f"{text}: {figures.met(value <= limits[workload])}" if workload in limits else text)
        return [measure, goal, *cells]

    def same(limit):
        return dict.fromkeys(results, limit)

    return figures.table(
        ["`hone` / `handwritten`", "goal", *results],
        [row("time", "time", f"at most {GOALS['time']}", same(GOALS["time"])),
         row("instructions without the allocator", "instructions", f"at most {GOALS['instructions']}", same(GOALS["instructions"])),
         row("allocations", "allocations", "not more", same(GOALS["allocations"])),
         row("peak memory", "memory", f"at most {GOALS['memory']}", same(GOALS["memory"])),
         row("time of `hone` / time of `gemm_only`", "gemm", "at most 1.3 for mnist_cnn and char_gpt", GEMM_GOALS)])  # fmt: skip


def table_of_measurements(results):
    rows = []
    for workload, result in results.items():
        for name in ("gemm_only", *TRAINED):
            row = [workload, f"`{name}`", figures.spread(result[name]["us"]).quartiles(",.1f")]
            if name == "gemm_only":
                rows.append([*row, *[""] * 6])
                continue
            one = result[name]
            ratio = "1" if name == "handwritten" else figures.ratios(one["us"], result["handwritten"]["us"]).quartiles()
            instructions = f"{one['instructions'][0]:,.0f}" if one["instructions"] else ""
            rows.append([*row, ratio, instructions, one["allocations"], f"{figures.spread(one['memory_mib']).median:.0f}",
                         f"{figures.spread(one['first_step_s']).median:.2f}",
                         f"{figures.spread(one['epoch_s']).median:.2f}"])  # fmt: skip
    return figures.table(
        ["workload", "variant", "time per step, us", "ratio to `handwritten`", "instructions per step", "allocations per step",
         "peak memory, MiB", "process start to first step, s", "process start to end of epoch, s"], rows)  # fmt: skip


def page(options, results):
    versions = ", ".join(processes.output([report.program(options), "--versions"]).splitlines())
    flags = machine.flags(options.build, "baseline/handwritten.cpp")
    batches = ", ".join(f"{batch} ({name})" for name, (_, _, batch) in WORKLOADS.items())
    workloads = figures.table(["workload", "network and training"], [[name, text] for name, (text, _, _) in WORKLOADS.items()])
    clock = "CPU time" if options.threads == 1 else "wall time"
    method = figures.table(
        ["quantity", "method"],
        [["time", f"{clock}, median and quartiles of {options.processes} processes with {options.rounds} rounds. A round trains "
                  "one short epoch with each variant; the order changes each round. Ratios are computed within a round, for "
                  "`libtorch_tutorial` between processes"],
         ["instructions", "callgrind: the difference between a run of several steps and a run of one step, without the fixed "
                          f"cost of a run. Batches have {batches} samples; small batches make the overhead of the loop visible"],
         ["instructions without the allocator", "instructions outside malloc, free and related functions, whose cost depends on "
                                                "the heap layout"],
         ["allocations", "calls of malloc and related functions, including the calls in LibTorch"],
         ["peak memory, times from the process start", f"medians of {options.repeats} processes of each variant, interleaved. An "
                                                       "epoch has the steps of a round"],
         ["images", "MNIST" if options.data else "synthetic digits (`hone::digits`)"],
         ["text", "the license of this project"],
         ["threads", options.threads],
         ["machine", f"{machine.processor()}, {machine.system()}"],
         ["software", f"{versions}, {machine.version('valgrind', '--version')}, flags `{flags}`"]])  # fmt: skip
    return f"""# Comparison with a hand-written loop

This benchmark trains four workloads with `hone::Trainer`, with a hand-written loop, and with the loop of the LibTorch tutorials.

{workloads}

| variant | implementation |
| --- | --- |
| `handwritten` | [a loop that an expert writes](../../benchmarks/baseline/handwritten.cpp): batches in reused buffers, fused kernels over tensor lists that are created once, gradients released after the update, losses read without `item()`, denormals flushed to zero, freed memory retained, convolutions in channels-last format |
| `hone` | [`trainer.train(...)`](../../benchmarks/baseline/trainer_variant.hpp) with `hone::RetainHeap`; for mnist_cnn also `hone::ChannelsLast` |
| `libtorch_tutorial` | [the loop of the LibTorch tutorials](../../benchmarks/baseline/libtorch_tutorial.cpp): `DataLoader` and `torch::optim`, in a separate process with the default heap settings |
| `gemm_only` | [only the matrix products](../../benchmarks/baseline/gemm_only.cpp), convolutions and attention of a step, forward and backward |

All variants visit the same batches. The program fails if the losses of `handwritten` and `hone` are not bitwise equal on one
thread.

## Goals

{table_of_goals(results)}

The tests in `tests/codegen` check the goals for instructions and allocations.

## Measurements

{table_of_measurements(results)}

{report.method(options)}
{method}
"""


def main():
    parser = report.parser("baseline", __doc__)
    parser.add_argument("--check", action="store_true", help="check instructions and allocations, and write nothing")
    parser.add_argument("--data", type=Path, default=report.mnist(), help="the folder of MNIST's four files")
    parser.add_argument("--threads", type=int, default=1, help="threads of LibTorch")
    parser.add_argument("--processes", type=int, default=3, help="processes for the times per step")
    parser.add_argument("--rounds", type=int, default=30, help="rounds of each process")
    parser.add_argument("--repeats", type=int, default=5, help="processes for memory and start-up time")
    options = parser.parse_args()
    if options.check:
        return check(options)
    callgrind.require()
    results = {workload: measure(options, workload) for workload in WORKLOADS}
    report.write(options, results, page(options, results))


if __name__ == "__main__":
    main()
