# SPDX-License-Identifier: Apache-2.0
"""What a step of the trainer costs beside a step of a loop written by hand: time, instructions and heap allocations.

run.py           measures, and writes build/bench/step_overhead.json and docs/benchmarks/step_overhead.md
run.py --check   checks what does not depend on the machine's load; exit code 77: valgrind is missing
"""

import concurrent.futures
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import callgrind, figures, machine, processes, report  # noqa: E402

VARIANTS = ["hand", "none", "epoch_only", "default"]
GOALS = {"none": 1.001, "epoch_only": 1.001, "default": 1.01}  # instructions, hand = 1


def count_allocations(program):
    counted = processes.by_name(processes.output([program, "--allocations"]))
    return {name: int(value) for name, (value,) in counted.items()}


def count_instructions(program, steps):
    def count(variant):
        return callgrind.per_step([program, "--instructions", variant, str(steps)], steps)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip(VARIANTS, pool.map(count, VARIANTS)))


def check(program):
    allocations = count_allocations(program)
    for name, count in allocations.items():
        print(f"{name}: {count} allocations per step")
    failed = [
        f"{name} makes {allocations[name]} heap allocations per step, the loop written by hand {allocations['hand']}."
        for name in GOALS
        if allocations[name] > allocations["hand"]
    ]
    if callgrind.is_there():
        instructions = count_instructions(program, 20)
        for name, counts in instructions.items():
            ratios = [own / hand for own, hand in zip(counts, instructions["hand"])]
            print(f"{name}: {counts[0]:,.0f} instructions per step, {ratios[0]:.5f} of hand; "
                  f"outside the heap {counts[1]:,.0f}, {ratios[1]:.5f} of hand")  # fmt: skip
            if max(ratios) > GOALS.get(name, 1):
                failed.append(f"{name} takes more than {GOALS[name]} times the instructions of hand.")
    if failed:
        raise SystemExit("\n".join(failed))
    if not callgrind.is_there():
        callgrind.skip()


def measure(program, rounds, steps):
    times = processes.by_name(processes.output([program, "--time", str(rounds), str(steps)]))
    instructions = count_instructions(program, 20)
    allocations = count_allocations(program)
    results = {}
    for name in VARIANTS:
        time, ratio = figures.spread(times[name]), figures.ratios(times[name], times["hand"])
        results[name] = {
            "time_per_step": time.median,
            "time_per_step_quartiles": [time.low, time.high],
            "time_per_step_ratio": ratio.median,
            "time_per_step_ratio_quartiles": [ratio.low, ratio.high],
            "instructions_per_step": instructions[name][0],
            "instructions_per_step_ratio": instructions[name][0] / instructions["hand"][0],
            "instructions_outside_heap_per_step": instructions[name][1],
            "instructions_outside_heap_per_step_ratio": instructions[name][1] / instructions["hand"][1],
            "allocations_per_step": allocations[name],
            "allocations_per_step_ratio": allocations[name] / allocations["hand"],
        }
    return results


UNITS = {
    "time_per_step": "us",
    "instructions_per_step": "instructions",
    "instructions_outside_heap_per_step": "instructions",
    "allocations_per_step": "allocations",
    "time_per_step_ratio": "hand = 1",
    "instructions_per_step_ratio": "hand = 1",
    "instructions_outside_heap_per_step_ratio": "hand = 1",
    "allocations_per_step_ratio": "hand = 1",
}


def records(results):
    return [
        {"workload": "quickstart", "variant": name, "metric": metric, "value": result[metric], "unit": unit}
        for name, result in results.items()
        for metric, unit in UNITS.items()
    ]


def page(options, program, results):
    versions = ", ".join(processes.output([program, "--versions"]).splitlines())
    valgrind = machine.version("valgrind", "--version")
    flags = machine.flags(options.build, "step_overhead/none.cpp")
    rounds, steps = options.rounds, options.steps
    rows = []
    for name, r in results.items():
        low, high = r["time_per_step_quartiles"]
        ratio_low, ratio_high = r["time_per_step_ratio_quartiles"]
        rows.append([
            f"`{name}`",
            f"{r['time_per_step']:.1f} ({low:.1f} to {high:.1f})",
            f"{r['time_per_step_ratio']:.3f} ({ratio_low:.3f} to {ratio_high:.3f})",
            f"{r['instructions_per_step']:,.0f}",
            figures.beyond(r["instructions_per_step_ratio"]),
            f"{r['instructions_outside_heap_per_step']:,.0f}",
            figures.beyond(r["instructions_outside_heap_per_step_ratio"]),
            r["allocations_per_step"],
        ])  # fmt: skip
    table = figures.table(
        ["variant", "time per step, us", "ratio to `hand`", "instructions per step", "beyond `hand`",
         "outside the heap", "beyond `hand`", "allocations per step"], rows)  # fmt: skip
    return f"""# What a step of the trainer costs

The quickstart network (784-128-64-10, batches of 32, SGD with momentum, cross entropy) on one thread, trained by a loop
written by hand for it and by `hone::Trainer`.

{table}

- `hand`: [the loop](../../benchmarks/step_overhead/hand.cpp) that an expert would write for this network and no other:
  batches copied into buffers that are used again, LibTorch's fused optimizer kernel over lists made once, gradients
  taken away instead of zeroed, the loss read where it lies.
- `none`: `trainer.train(...)` without callbacks. `epoch_only`: with callbacks that hear epochs begin and end.
  `default`: with `hone::DefaultCallbacks`, which look at every loss and keep a progress bar; they write to /dev/null.

All four do the same arithmetic on the same batches: the program stops when their losses are not equal to the bit.
Both loaders copy rows plainly, so the ratio shows the loop and not a better way to gather.

The goal: `none` and `epoch_only` within 0.1 % of the instructions of `hand`, `default` within 1 %, and none of them with
one allocation more. `tests/codegen` holds the trainer to it.

{report.how(options)}
- Time: CPU time of the process, whose one thread never waits. The median of {rounds} rounds, with the quartiles; a round
  runs one epoch of {steps} steps of every variant, with all that an epoch begins and ends with, each in turn being the
  first. Ratios are taken within a round.
- Instructions: callgrind. The difference between `train` over 21 steps and over 1, divided by 20: what a run costs once
  goes out. What malloc and free take, some 3 %, depends on where things happen to lie and moves the sum by up to
  0.05 %, either way; outside the heap what remains is the work itself.
- Allocations: every call of malloc, calloc, realloc and the aligned ones, LibTorch's own included, counted exactly.

{machine.processor()}. {versions}. Flags: `{flags}`. {machine.system()}, {valgrind}.
"""


def main():
    parser = report.parser("step_overhead", __doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    program = report.program(options)
    if options.check:
        return check(program)
    callgrind.require()
    results = measure(program, options.rounds, options.steps)
    report.write(options, records(results), page(options, program, results))


if __name__ == "__main__":
    main()
