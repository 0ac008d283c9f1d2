# SPDX-License-Identifier: Apache-2.0
"""Compares the compile time of a file with a trainer and of a file with a hand-written loop."""

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
VARIANTS = {
    "handwritten": "[a hand-written loop](../../benchmarks/compile_time/files/handwritten.cpp) that trains, clips gradients, "
                   "evaluates, computes the accuracy and stops early",
    "minimal": "a trainer without policies and callbacks, and a call of `train`",
    "readme": "the program at the top of the README",
    "callbacks": "`readme` with eight callbacks",
}  # fmt: skip
GOAL = 1.10  # of user time and of peak memory, relative to the hand-written loop


def flags(build):
    """The include directories and definitions of the target hone::hone."""
    commands = json.loads(Path(build, "compile_commands.json").read_text())
    words = shlex.split(next(c["command"] for c in commands if "step_overhead/handwritten.cpp" in c["file"]))
    found = []
    for word, following in zip(words, [*words[1:], ""]):
        if word in ("-I", "-isystem", "-idirafter"):
            found += [word, following]
        elif re.match(r"-(I|D|isystem|idirafter)\S", word):
            found.append(word)
    return [*found, f"-I{report.ROOT / 'include'}"]


def compilers():
    """Yields the paths of g++ and clang, if they are installed."""
    for names in (["g++-12", "g++"], ["clang++-19", "clang++"]):
        if found := next(filter(None, map(shutil.which, names)), None):
            yield found


def compiled(compiler, level, variant, includes, folder, precompiled=()):
    """Returns user time in seconds, peak memory in MiB and the size of the object file in KiB."""
    return run([compiler, "-std=c++20", level, *includes, *precompiled, "-c", FILES / f"{variant}.cpp"], folder / "file.o")


def run(command, target):
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


# variant -> its precompiled headers
PRECOMPILED = {"handwritten": ["torch/torch.h"], "readme": ["torch/torch.h", "hone/hone.hpp"]}


def measure_precompiled(includes):
    """Measures the same files with precompiled headers, and the precompilation."""
    results = []
    for compiler in compilers():
        for variant, headers in PRECOMPILED.items():
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                header = folder / "headers.hpp"
                header.write_text("".join(f"#include <{each}>\n" for each in headers))
                is_clang = "clang" in compiler
                target = folder / ("headers.pch" if is_clang else "headers.hpp.gch")
                make = run([compiler, "-std=c++20", "-O2", *includes, "-x", "c++-header", header], target)
                use = ["-include-pch", target] if is_clang else ["-include", header]
                file = compiled(compiler, "-O2", variant, includes, folder, use)
                results.append({"compiler": machine.version(compiler, "--version"), "variant": variant,
                                "header_user_s": make[0], "user_s": file[0]})  # fmt: skip
    return results


def measure(options, includes):
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers():
            for level, variants, count in (("-O2", VARIANTS, options.rounds), ("-O0", ["handwritten", "readme"], 1)):
                measured = {variant: [] for variant in variants}
                for order in rounds.orders(variants, count):
                    for variant in order:
                        measured[variant].append(compiled(compiler, level, variant, includes, Path(folder)))
                for variant, values in measured.items():
                    seconds, memory, size = ([value[i] for value in values] for i in range(3))
                    baseline = measured["handwritten"]
                    results.append(
                        {
                            "compiler": machine.version(compiler, "--version"),
                            "flags": f"-std=c++20 {level}",
                            "variant": variant,
                            "user_s": figures.spread(seconds).median,
                            "user_ratio": figures.ratios(seconds, [b[0] for b in baseline]).median,
                            "peak_mib": figures.spread(memory).median,
                            "peak_ratio": figures.ratios(memory, [b[1] for b in baseline]).median,
                            "object_kib": figures.spread(size).median,
                            "preprocessed_lines": lines(compiler, variant, includes),
                        }
                    )
    return results


def table_of_goals(results):
    others = [r for r in results if r["variant"] != "handwritten"]
    rows = []
    for name, key in (("user time", "user_ratio"), ("peak memory", "peak_ratio")):
        worst = max(r[key] for r in others)
        rows.append([name, f"at most {GOAL:.2f}", f"{worst:.2f}", figures.met(worst <= GOAL)])
    return figures.table(["quantity, relative to `handwritten`", "goal", "maximum of all rows", "result"], rows)


def table_of_measurements(results):
    return figures.table(
        ["compiler", "flags", "file", "user time, s", "ratio", "peak memory, MiB", "ratio", "object file, KiB",
         "preprocessed lines"],
        [[r["compiler"], f"`{r['flags']}`", f"`{r['variant']}`", f"{r['user_s']:.1f}", f"{r['user_ratio']:.2f}",
          f"{r['peak_mib']:.0f}", f"{r['peak_ratio']:.2f}", f"{r['object_kib']:.0f}", f"{r['preprocessed_lines']:,}"]
         for r in results])  # fmt: skip


def page(options, results, precompiled):
    files = figures.table(["file", "contents"], [[f"`{name}`", text] for name, text in VARIANTS.items()])
    headers = figures.table(
        ["compiler", "file", "precompiling the headers, s", "compiling the file, s"],
        [[r["compiler"], f"`{r['variant']}`", f"{r['header_user_s']:.1f}", f"{r['user_s']:.1f}"] for r in precompiled])  # fmt: skip
    method = figures.table(
        ["quantity", "method"],
        [["user time, peak memory", "user time and maximum resident set size of the compiler's process. Medians: at `-O2` of "
                                    f"{options.rounds} round{'s' if options.rounds > 1 else ''}, at `-O0` of 1. A round compiles "
                                    "each file once. Ratios are computed within a round"],
         ["preprocessed lines", "the lines of `-E -P` that are not blank"],
         ["machine", f"{machine.processor()}, {machine.system()}"]])  # fmt: skip
    return f"""
# Compile time of a file with a trainer

This benchmark compiles a source file that trains the network of the README, with a hand-written loop and with a trainer. Each file
includes `torch/torch.h`. [Compile times](../compile_time.md) describes how to reduce it.

{files}

## Goals

{table_of_goals(results)}

## Measurements

{table_of_measurements(results)}

## Precompiled headers

At `-O2`. The precompiled header has `torch/torch.h` for `handwritten`, and also `hone/hone.hpp` for `readme`, as in the target
`hone::pch`.

{headers}

{report.method(options)}
{method}
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
