# SPDX-License-Identifier: Apache-2.0
"""What a step of the trainer costs beside a step of a loop written by hand: time, instructions and heap allocations.

run.py --program BIN --json FILE --page FILE   measures, and writes both
run.py --program BIN --check                   checks what does not depend on the machine's load; 77: valgrind is missing
"""

import argparse
import concurrent.futures
import json
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

VARIANTS = ["hand", "none", "epoch_only", "default"]
GOALS = {"none": 1.001, "epoch_only": 1.001, "default": 1.01}  # instructions, hand = 1
# The functions of glibc's heap, by the names that its symbols give them.
HEAP = re.compile(
    r"(__libc_|_int_|_mid_|tcache_)?(malloc|free|calloc|realloc|memalign|alloc_perturb|sysmalloc|systrim|heap_trim"
    r"|unlink_chunk|malloc_consolidate)\b"
)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, **options)
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, command))} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def by_variant(output):
    return {name: [float(value) for value in values] for name, *values in map(str.split, output.splitlines())}


def count_allocations(program):
    return {name: int(value) for name, (value,) in by_variant(run([program, "--allocations"])).items()}


def read_profile(path):
    """Instructions of a callgrind profile: all of them, and those outside malloc and its kin."""
    names, total, heap, in_heap, inclusive = {}, 0, 0, False, False
    for line in path.read_text().splitlines():
        if match := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            if match[3]:
                names[match[2]] = match[3]
            if match[1] == "fn":
                in_heap = HEAP.match(names[match[2]]) is not None
        elif line.startswith("calls="):
            inclusive = True  # the next line repeats what the function that is called says itself
        elif re.match(r"[+*-]|\d", line):
            cost = 0 if inclusive else int(line.split()[1])
            total, heap, inclusive = total + cost, heap + in_heap * cost, False
        elif line.startswith("totals: ") and int(line.split()[1]) != total:
            raise SystemExit(f"{path}: read {total} instructions, but the profile says {line}.")
    return total, total - heap


def count_instructions(program, steps):
    """Of one step, in all and outside the heap: a long run less a short one, so that what a run costs once goes out."""

    def count(variant):
        with tempfile.TemporaryDirectory() as folder:
            run(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/profile",
                 program, "--instructions", variant, str(steps)])  # fmt: skip
            short, long = (read_profile(Path(folder, f"profile.{i}")) for i in (1, 2))
        return [(b - a) / steps for a, b in zip(short, long)]

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
    if shutil.which("valgrind"):
        instructions = count_instructions(program, 20)
        for name, counts in instructions.items():
            ratios = [own / hand for own, hand in zip(counts, instructions["hand"])]
            print(f"{name}: {counts[0]:,.0f} instructions per step, {ratios[0]:.5f} of hand; "
                  f"outside the heap {counts[1]:,.0f}, {ratios[1]:.5f} of hand")  # fmt: skip
            if max(ratios) > GOALS.get(name, 1):
                failed.append(f"{name} takes more than {GOALS[name]} times the instructions of hand.")
    if failed:
        raise SystemExit("\n".join(failed))
    if not shutil.which("valgrind"):
        print("Skipped: valgrind is not installed, so only allocations were counted. Install it to count instructions.")
        sys.exit(77)


def flags(program):
    """What the program was compiled with, as far as it matters for speed."""
    for folder in Path(program).resolve().parents:
        if (commands := folder / "compile_commands.json").exists():
            for entry in json.loads(commands.read_text()):
                if entry["file"].endswith("step_overhead/none.cpp"):
                    found = re.findall(r"(?<= )-(?:O\w+|DNDEBUG|m\w+=\S+|f\S+|std=\S+)", entry["command"])
                    return " ".join(dict.fromkeys(found))
    return "unknown"


def processor():
    found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores"


def measure(program, rounds, steps):
    times = by_variant(run([program, "--time", str(rounds), str(steps)]))
    instructions = count_instructions(program, 20)
    allocations = count_allocations(program)
    results = {}
    for name in VARIANTS:
        ratios = [own / hand for own, hand in zip(times[name], times["hand"])]
        results[name] = {
            "time_per_step": statistics.median(times[name]),
            "time_per_step_quartiles": [statistics.quantiles(times[name])[i] for i in (0, 2)],
            "time_per_step_ratio": statistics.median(ratios),
            "time_per_step_ratio_quartiles": [statistics.quantiles(ratios)[i] for i in (0, 2)],
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


def beyond(ratio):
    return "" if ratio == 1 else f"{100 * (ratio - 1):+.3f} %"


def page(program, results, rounds, steps):
    versions = ", ".join(run([program, "--versions"]).splitlines())
    valgrind = run(["valgrind", "--version"]).strip()
    rows = []
    for name, r in results.items():
        low, high = r["time_per_step_quartiles"]
        ratio_low, ratio_high = r["time_per_step_ratio_quartiles"]
        rows.append(
            f"| `{name}` | {r['time_per_step']:.1f} ({low:.1f} to {high:.1f}) "
            f"| {r['time_per_step_ratio']:.3f} ({ratio_low:.3f} to {ratio_high:.3f}) "
            f"| {r['instructions_per_step']:,.0f} | {beyond(r['instructions_per_step_ratio'])} "
            f"| {r['instructions_outside_heap_per_step']:,.0f} | {beyond(r['instructions_outside_heap_per_step_ratio'])} "
            f"| {r['allocations_per_step']} |"
        )
    table = "\n".join(rows)
    return f"""<!-- Made by benchmarks/step_overhead/run.py. Do not edit. -->
# What a step of the trainer costs

The quickstart network (784-128-64-10, batches of 32, SGD with momentum, cross entropy) on one thread, trained by a loop
written by hand for it and by `hone::Trainer`.

| variant | time per step, us | ratio to `hand` | instructions per step | beyond `hand` | outside the heap | beyond `hand` | allocations per step |
| --- | --- | --- | --- | --- | --- | --- | --- |
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

## How it was measured

```sh
scripts/bench step_overhead
```

- Time: CPU time of the process, whose one thread never waits. The median of {rounds} rounds, with the quartiles; a round
  runs one epoch of {steps} steps of every variant, with all that an epoch begins and ends with, each in turn being the
  first. Ratios are taken within a round.
- Instructions: callgrind. The difference between `train` over 21 steps and over 1, divided by 20: what a run costs once
  goes out. What malloc and free take, some 3 %, depends on where things happen to lie and moves the sum by up to
  0.05 %, either way; outside the heap what remains is the work itself.
- Allocations: every call of malloc, calloc, realloc and the aligned ones, LibTorch's own included, counted exactly.

{processor()}. {versions}. Flags: `{flags(program)}`. {platform.system()} {platform.machine()}, {" ".join(platform.libc_ver())}, {valgrind}.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--steps", type=int, default=500)
    arguments = parser.parse_args()
    if arguments.check:
        return check(arguments.program)
    if not shutil.which("valgrind"):
        print("Counting instructions takes valgrind. Install it (Debian, Ubuntu: valgrind).", file=sys.stderr)
        sys.exit(2)
    results = measure(arguments.program, arguments.rounds, arguments.steps)
    text = page(arguments.program, results, arguments.rounds, arguments.steps)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(records(results), indent=1) + "\n")
    if arguments.page:
        arguments.page.parent.mkdir(parents=True, exist_ok=True)
        arguments.page.write_text(text)
    print("\n".join(line for line in text.splitlines() if line.startswith("|")))


if __name__ == "__main__":
    main()
