# SPDX-License-Identifier: Apache-2.0
"""What a user's file costs to compile with hone in it, beside the same file with a loop written by hand."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report, rounds  # noqa: E402

FILES = Path(__file__).parent / "files"
VARIANTS = ["hand", "minimal", "readme", "callbacks"]
GOAL = 1.10  # of user time and of peak memory, hand = 1


def flags(build):
    """What a user's file is compiled with: the folders and definitions of hone::hone."""
    commands = json.loads(Path(build, "compile_commands.json").read_text())
    words = shlex.split(next(c["command"] for c in commands if "step_overhead/hand.cpp" in c["file"]))
    found = []
    for word, following in zip(words, [*words[1:], ""]):
        if word in ("-I", "-isystem", "-idirafter"):
            found += [word, following]
        elif re.match(r"-(I|D|isystem|idirafter)\S", word):
            found.append(word)
    return [*found, f"-I{report.ROOT / 'include'}"]


def compilers():
    """g++ and the newest clang that are at hand."""
    for names in (["g++-12", "g++"], ["clang++-19", "clang++"]):
        if found := next(filter(None, map(shutil.which, names)), None):
            yield found


def compiled(compiler, level, variant, includes, folder, precompiled=()):
    """User seconds, peak memory in MiB and the object's size in KiB."""
    return ran([compiler, "-std=c++20", level, *includes, *precompiled, "-c", FILES / f"{variant}.cpp"], folder / "file.o")


def ran(command, target):
    command = [*map(str, command), "-o", str(target)]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{shlex.join(command)} failed.")
    return usage.ru_utime, usage.ru_maxrss / 1024, target.stat().st_size / 1024


def lines(compiler, variant, includes):
    text = processes.output([compiler, "-std=c++20", "-E", "-P", *includes, FILES / f"{variant}.cpp"])
    return sum(1 for line in text.splitlines() if line.strip())


# variant -> what is precompiled for it
PRECOMPILED = {"hand": ["torch/torch.h"], "readme": ["torch/torch.h", "hone/hone.hpp"]}


def measure_precompiled(includes):
    """The same files where the headers are precompiled, and what that takes."""
    results = []
    for compiler in compilers():
        for variant, headers in PRECOMPILED.items():
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                header = folder / "headers.hpp"
                header.write_text("".join(f"#include <{each}>\n" for each in headers))
                is_clang = "clang" in compiler
                target = folder / ("headers.pch" if is_clang else "headers.hpp.gch")
                make = ran([compiler, "-std=c++20", "-O2", *includes, "-x", "c++-header", header], target)
                use = ["-include-pch", target] if is_clang else ["-include", header]
                file = compiled(compiler, "-O2", variant, includes, folder, use)
                results.append({"compiler": machine.version(compiler, "--version"), "variant": variant,
                                "header_user_s": make[0], "user_s": file[0]})  # fmt: skip
    return results


def measure(options, includes):
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers():
            for level, variants, count in (("-O2", VARIANTS, options.rounds), ("-O0", ["hand", "readme"], 1)):
                taken = {variant: [] for variant in variants}
                for order in rounds.orders(variants, count):
                    for variant in order:
                        taken[variant].append(compiled(compiler, level, variant, includes, Path(folder)))
                for variant, values in taken.items():
                    seconds, memory, size = ([value[i] for value in values] for i in range(3))
                    beside = taken["hand"]
                    results.append(
                        {
                            "compiler": machine.version(compiler, "--version"),
                            "flags": f"-std=c++20 {level}",
                            "variant": variant,
                            "user_s": figures.spread(seconds).median,
                            "user_ratio": figures.ratios(seconds, [b[0] for b in beside]).median,
                            "peak_mib": figures.spread(memory).median,
                            "peak_ratio": figures.ratios(memory, [b[1] for b in beside]).median,
                            "object_kib": figures.spread(size).median,
                            "preprocessed_lines": lines(compiler, variant, includes),
                        }
                    )
    return results


def page(options, results, precompiled):
    headers = figures.table(
        ["compiler", "file", "its headers, precompiled once, s", "the file, s"],
        [[r["compiler"], f"`{r['variant']}`", f"{r['header_user_s']:.1f}", f"{r['user_s']:.1f}"] for r in precompiled])  # fmt: skip
    rows = [
        [
            r["compiler"],
            f"`{r['flags']}`",
            f"`{r['variant']}`",
            f"{r['user_s']:.1f}",
            f"{r['user_ratio']:.2f}",
            f"{r['peak_mib']:.0f}",
            f"{r['peak_ratio']:.2f}",
            f"{r['object_kib']:.0f}",
            f"{r['preprocessed_lines']:,}",
        ]
        for r in results
    ]
    head = ["compiler", "flags", "file", "user time, s", "ratio", "peak memory, MiB", "ratio", "object, KiB",
            "preprocessed lines"]  # fmt: skip
    own = [r for r in results if r["variant"] != "hand"]
    worst_time = max(r["user_ratio"] for r in own)
    worst_memory = max(r["peak_ratio"] for r in own)
    return f"""
# What a file costs to compile

One file that trains the README's network, compiled with `torch/torch.h` in it either way.

{figures.table(head, rows)}

- `hand`: [a loop written by hand](../../benchmarks/compile_time/files/hand.cpp) that trains, clips, evaluates, counts
  the accuracy and stops early.
- `minimal`: a trainer without policies and callbacks, `train` and nothing else.
- `readme`: the program at the top of the README.
- `callbacks`: the same with eight callbacks.

The goal: at most {GOAL:.2f} times `hand` in time and memory. Time: {worst_time:.2f} at worst, {figures.met(worst_time <= GOAL)}.
Memory: {worst_memory:.2f} at worst, {figures.met(worst_memory <= GOAL)}. [How to pay less](../compile_time.md): a
precompiled header, or the trainer in a file of its own.

With the headers precompiled, `torch/torch.h` for `hand`, that and `hone/hone.hpp` for `readme` (the target `hone::pch`),
at `-O2`:

{headers}

{report.how(options)}
User time of the compiler's process and its largest resident set, medians of {options.rounds} rounds for `-O2` and of one
for `-O0`, in which the files take turns; ratios are taken within a round. Lines are those of `-E -P` that are not blank.

{machine.processor()}. {machine.system()}.
"""


def main():
    parser = report.parser("compile_time", __doc__)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    includes = flags(options.build)
    results, precompiled = measure(options, includes), measure_precompiled(includes)
    report.write(options, {"files": results, "precompiled": precompiled}, page(options, results, precompiled))


if __name__ == "__main__":
    main()
