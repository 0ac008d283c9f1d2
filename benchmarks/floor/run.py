# SPDX-License-Identifier: Apache-2.0
"""Four workloads trained by `hone::Trainer`, by the best loop that can be written by hand, and as the tutorials do.

run.py           measures, and writes build/bench/floor.json and docs/benchmarks/floor.md
run.py --check   checks what does not depend on the machine's load; exit code 77: valgrind is missing
"""

import concurrent.futures
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import callgrind, figures, machine, processes, report, rounds  # noqa: E402

# workload: text, steps of a round, samples of a batch whose instructions are counted: few, so that the loop shows
# beside the arithmetic, which valgrind is slow at
WORKLOADS = {
    "mnist_mlp": ("784-128-64-10 rectified, batches of 32, SGD with momentum", 250, 32),
    "surrogate": ("8-64-64-64-1 tanh, batches of 256, Adam", 250, 256),
    "mnist_cnn": ("two convolutions and two layers, batches of 64, Adam", 16, 1),
    "char_gpt": ("a GPT of two blocks, width 64, 64 characters, batches of 16, AdamW, clipping, cosine", 12, 1),
}
GOALS = {"time": 1.01, "instructions": 1.001, "allocations": 1.0, "memory": 1.01}
ABOVE_PRODUCTS = {"mnist_cnn": 1.3, "char_gpt": 1.3}


def command(options, *words):
    data = ["--data", options.data] if options.data else []
    return [report.program(options), *data, "--text", report.ROOT / "LICENSE", "--threads", options.threads, *words]


def environment(options):
    return {"OMP_NUM_THREADS": str(options.threads)}


def numbers(options, *words):
    return processes.by_name(processes.output(command(options, *words), environment(options)))


def count_allocations(options, workload):
    """Loops allocate the same in every step, so what is counted is exact."""
    found = numbers(options, "--allocations", workload, "hand", "hone", "stock")
    return {name: int(value) for name, (value,) in found.items()}


def count_instructions(options, workload, variants=("hand", "hone")):
    """Of one step, in all and outside the heap. Both in one process, which reads LibTorch once."""
    steps = 4
    words = command(options, "--batch", WORKLOADS[workload][2], "--instructions", workload, steps, *variants)
    return dict(zip(variants, callgrind.per_step_of_each(words, steps, len(variants))))


def check(options):
    options.data, failed = None, []  # what is in the images does not change what is done
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        counts = pool.map(lambda w: count_instructions(options, w), WORKLOADS) if callgrind.is_there() else []
        allocations = {workload: count_allocations(options, workload) for workload in WORKLOADS}
        for workload, found in allocations.items():
            print(f"{workload}: {found['hone']} allocations per step, the loop written by hand {found['hand']}")
            if found["hone"] > found["hand"]:
                failed.append(f"{workload}: hone makes {found['hone']} allocations per step, hand {found['hand']}.")
        for workload, found in zip(WORKLOADS, counts):
            ratios = [own / hand for own, hand in zip(found["hone"], found["hand"])]
            print(f"{workload}: {found['hone'][0]:,.0f} instructions per step, {ratios[0]:.5f} of hand; "
                  f"outside the heap {found['hone'][1]:,.0f}, {ratios[1]:.5f} of hand")  # fmt: skip
            if ratios[1] > GOALS["instructions"]:
                failed.append(f"{workload}: hone takes {ratios[1]:.5f} of the instructions of hand outside the heap, "
                              f"the goal is {GOALS['instructions']}.")  # fmt: skip
    if failed:
        raise SystemExit("\n".join(failed))
    if not callgrind.is_there():
        callgrind.skip()


def measure_times(options, workload):
    """Microseconds of a step. `hand`, `hone` and the products take turns in one process; `stock` has one of its own,
    because a heap that keeps its pages is the whole process's."""
    found = {name: [] for name in ("hand", "hone", "products", "stock")}
    steps = WORKLOADS[workload][1]
    for _ in range(options.processes):
        for variants in (("hand", "hone", "products"), ("stock",)):
            for name, values in numbers(options, "--time", workload, options.rounds, steps, *variants).items():
                found[name] += values
    return found


def own_processes(options, workload):
    """Peak memory, and from the start of a process to the end of its first step and of one epoch, by turns."""
    found = {name: {"memory": [], "first_step": [], "epoch": []} for name in ("hand", "hone", "stock")}
    steps = WORKLOADS[workload][1]
    with tempfile.TemporaryDirectory() as folder:  # of MNIST, only what is trained on
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
    own = own_processes(options, workload)
    result = {}
    for name in ("hand", "hone", "stock"):
        ratio = figures.ratios(times[name], times["hand"])
        result[name] = {
            "us": times[name],
            "us_ratio": [ratio.median, ratio.low, ratio.high],
            "allocations": allocations[name],
            "instructions": instructions.get(name),
            "memory_mib": own[name]["memory"],
            "first_step_s": own[name]["first_step"],
            "epoch_s": own[name]["epoch"],
        }
    result["products"] = {"us": times["products"]}
    return result


def ratios(result):
    """hone beside hand, and above the products, within rounds; (median, lower, upper quartile)."""
    hand, hone = result["hand"], result["hone"]
    time = figures.ratios(hone["us"], hand["us"])
    memory = figures.ratios(hone["memory_mib"], hand["memory_mib"])
    products = figures.ratios(hone["us"], result["products"]["us"])
    instructions = [own / other for own, other in zip(hone["instructions"], hand["instructions"])]
    return {
        "time": (time.median, f"{time.median:.3f} ({time.low:.3f} to {time.high:.3f})"),
        "instructions": (instructions[1], f"{instructions[1]:.5f}"),
        "allocations": (hone["allocations"] / hand["allocations"], f"{hone['allocations']} and {hand['allocations']}"),
        "memory": (memory.median, f"{memory.median:.3f}"),
        "products": (products.median, f"{products.median:.2f} ({products.low:.2f} to {products.high:.2f})"),
    }


def table_of_times(results):
    rows = []
    for workload, result in results.items():
        for name in ("products", "hand", "hone", "stock"):
            us = figures.spread(result[name]["us"])
            row = [workload, f"`{name}`", f"{us.median:,.1f} ({us.low:,.1f} to {us.high:,.1f})"]
            if name == "products":
                rows.append([*row, "", "", "", "", ""])
                continue
            one = result[name]
            row.append("1" if name == "hand" else f"{one['us_ratio'][0]:.3f} ({one['us_ratio'][1]:.3f} to {one['us_ratio'][2]:.3f})")
            row.append(f"{one['instructions'][0]:,.0f}" if one["instructions"] else "")
            row.append(one["allocations"])
            row.append(f"{figures.spread(one['memory_mib']).median:.0f}")
            row.append(f"{figures.spread(one['first_step_s']).median:.2f}, {figures.spread(one['epoch_s']).median:.2f}")
            rows.append(row)
    return figures.table(
        ["workload", "variant", "time per step, us", "ratio to `hand`", "instructions per step (batch as below)", "allocations per step",
         "peak memory, MiB", "process start to first step, to one epoch, s"], rows)  # fmt: skip


def table_of_goals(results):
    rows = []
    for workload, result in results.items():
        found = ratios(result)
        row = [workload]
        for name, goal in GOALS.items():
            value, text = found[name]
            row.append(f"{text}: {figures.met(value <= goal)}")
        value, text = found["products"]
        limit = ABOVE_PRODUCTS.get(workload)
        row.append(text if limit is None else f"{text}: {figures.met(value <= limit)}")
        rows.append(row)
    return figures.table(
        ["`hone` beside `hand`", f"time, at most {GOALS['time']}", f"instructions, at most {GOALS['instructions']}",
         "allocations, none more", f"memory, at most {GOALS['memory']}",
         "time above the matrix products, at most 1.3 on CNN and GPT"], rows)  # fmt: skip


def page(options, results):
    versions = ", ".join(processes.output([report.program(options), "--versions"]).splitlines())
    flags = machine.flags(options.build, "floor/hand.cpp")
    samples = ", ".join(f"{batch} ({name})" for name, (_, _, batch) in WORKLOADS.items())
    images = "MNIST" if options.data else "digits drawn by hone"
    texts = "\n".join(f"- `{name}`: {text}." for name, (text, _, _) in WORKLOADS.items())
    return f"""# Beside the best loop written by hand

{texts}

{table_of_goals(results)}

{table_of_times(results)}

- `hand`: [the loop](../../benchmarks/floor/hand.cpp) that an expert would write: batches copied into buffers that are
  used again, fused kernels over lists made once, gradients taken and given back, losses read where they lie, numbers
  near zero flushed, a heap that keeps its pages, images channels last.
- `hone`: `trainer.train(...)` as [a user writes it](../../benchmarks/floor/composed.hpp), with `hone::RetainHeap`, the CNN with `hone::ChannelsLast`.
- `stock`: what the tutorials of LibTorch show: its DataLoader and `torch::optim`, in a process of its own, with the
  heap as it is.
- `products`: the matrix products, convolutions and attentions of a step alone, forward and backward.

All do the same arithmetic on the same batches: the program stops when the losses of `hand` and `hone` are not equal to
the bit on one thread, or that of `stock` is not within 1 %. `tests/codegen` holds the trainer to the goals for
instructions and allocations.

{report.how(options)}
- Time: {"CPU time of the one thread, which never waits" if options.threads == 1 else "time that passes"}. Medians and
  quartiles of {options.processes} processes with {options.rounds} rounds of one short epoch of every variant, by turns.
  Ratios are taken within a round; those of `stock`, which has its own processes, between processes.
- Instructions: callgrind. A run with more steps less one with a single step, so what a run costs once goes out. The
  goal is for those outside malloc and free, which depend on where things happen to lie. Batches have {samples}
  samples here, of which the small ones let the loop show beside the arithmetic.
- Allocations: every call of malloc and its kin, LibTorch's own included, counted exactly.
- Memory and the times from the start of a process: medians of {options.repeats} processes of each variant by turns; an
  epoch has the steps of a round.
- Images: {images}. Text: this project's license. {options.threads} thread{"s" if options.threads > 1 else ""}.

{machine.processor()}. {versions}. Flags: `{flags}`. {machine.system()}, {machine.version("valgrind", "--version")}.
"""


def main():
    parser = report.parser("floor", __doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--data", type=Path, default=report.mnist(), help="the folder of MNIST's four files")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.check:
        return check(options)
    callgrind.require()
    results = {workload: measure(options, workload) for workload in WORKLOADS}
    report.write(options, results, page(options, results))


if __name__ == "__main__":
    main()
