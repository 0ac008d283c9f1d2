# SPDX-License-Identifier: Apache-2.0
"""Tests the benchmark without a GPU: the variants in C++ and in Python have the same losses on the CPU, and the page is written
from these results, from made-up results, and without results.

test.py --program BENCH_GPU_ON_CPU --folder FOLDER
"""

import argparse
import copy
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77
WORKLOADS = ["mnist_mlp", "char_gpt", "gpt2"]


def run(*command, expect=0):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != expect:
        raise SystemExit(f"{command} has the exit status {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def check(holds, text):
    if not holds:
        raise SystemExit(text)


def page(folder, *arguments):
    run(sys.executable, HERE / "page.py", "--page", folder / "page.md", *arguments)
    return (folder / "page.md").read_text()


def row(text, begin):
    return next((line for line in text.splitlines() if line.startswith(begin)), "")


def variant(step_s, **more):
    prepare = {"loss": 1.0, "seconds": 1, "parameters": 10**6, "batch_size": 4, "few": 2, "many": 6, "layers": 2, "width": 8,
               "context": 16}  # fmt: skip
    turns = [{"step_s": each, "few_s": 1, "many_s": 2, "peak_bytes": 3 * 2**30, "loss": 1.0} for each in step_s]
    return {"prepare": prepare, "turns": turns, "agrees": True, **more}


MADE_UP = {
    "date": "1999-12-31", "card": "NVIDIA H100 80GB HBM3, 1.2.3", "processor": "a processor", "system": "a system",
    "tiny": False,
    "program": {"device": "NVIDIA H100 80GB HBM3", "kind": "cuda", "libtorch": "2.11.0", "cuda": "13.0", "compiler": "g++ 13",
                "variants": {}},
    "python": {"python": "3.12.1", "packages": {"torch": "2.11.0"}},
    "workloads": {
        "mnist_mlp": {"tolerance": 2e-3, "variants": {
            "torch_eager": variant([4e-4, 8e-4, 4e-4]),
            "torch_compile": variant([1e-4, 1e-4, 1e-4]),
            "hone_captured": variant([1e-4, 1e-4, 1e-4], syncs={"syncs_per_step": 0.0, "syncs_per_run": 2}),
            "hone": variant([2e-4, 2e-4, 2e-4], syncs={"syncs_per_step": 1.0, "syncs_per_run": 2}),
            "lightning": {"prepare": {"error": "ModuleNotFoundError: no lightning"}, "turns": []}}},
        "surrogate": {"tolerance": 2e-3, "variants": {
            "torch_eager": variant([2e-4, 2e-4, 2e-4]),
            "torch_compile": {**variant([9e-9, 9e-9, 9e-9]), "agrees": False},
            "hone_captured": variant([1e-4, 1e-4, 1e-4])}},
        "gpt2": {"tolerance": 1e-2, "variants": {
            "torch_eager": variant([1e-6, 1e-6, 1e-6]),
            "hone": variant([1e-6, 1e-6, 1e-6])}},
        "wide_mlp": {"tolerance": 2e-3, "variants": {
            "hone": variant([1e-3, 1e-3, 1e-3]),
            "hone_sync_copy": variant([3e-3, 3e-3, 3e-3]),
            "hone_prefetch": variant([1.5e-3, 1.5e-3, 1.5e-3])}}},
}  # fmt: skip
TESTS = """
1: test cases:  4 |  3 passed | 1 failed
1/2 Test #1: cuda .............................***Failed    2.31 sec
2: All tests passed (12 assertions in 3 test cases)
2/2 Test #2: nccl .............................   Passed    1.31 sec
"""


def check_made_up(folder):
    (folder / "made_up.json").write_text(json.dumps(MADE_UP))
    (folder / "tests.txt").write_text(TESTS)
    text = page(folder, "--json", folder / "made_up.json", "--tests", folder / "tests.txt")
    for begin, expected in [
        ("| `hone_captured` | `torch_eager` | mnist_mlp |", "| 4.00 (4.00 to 8.00) | met |"),
        ("| `hone_captured` | `torch_eager` | surrogate |", "| 2.00 (2.00 to 2.00) | **not met** |"),
        ("| `hone_captured` | `torch_compile` | surrogate |", "|  | not measured |"),
        ("| `hone_captured` | `torch_compile` | mnist_mlp |", "| 1.00 (1.00 to 1.00) | met |"),
        ("| `hone_captured` | `torch_compile` | gpt2 |", "|  | not measured |"),
        ("| `hone` | `torch_eager` | gpt2 |", "| 1.00 (1.00 to 1.00) | met |"),
        # 4 * 16 tokens in 1 us; 6 * 10^6 + 12 * 2 * 8 * 16 operations per token; peak of 989 TFLOP/s
        ("| `hone` | 64,000,000 |", "| 384 | 38.8 % | 3.0 |"),
        ("| mnist_mlp | `hone_captured` |", "| 0 | 2 | met |"),
        ("| mnist_mlp | `hone` |", "| 1 | 2 | **not met** |"),
        ("Part of the copy time", "0.75 (0.75 to 0.75)."),
        ("- `lightning` of mnist_mlp failed", "no lightning"),
        ("- The loss of `torch_compile` of surrogate **differs**", "not shown."),
        ("Tests on the GPU", "`cuda`: failed; `nccl`: passed. test cases:  4 |  3 passed | 1 failed. All tests"),
        ("Measured on NVIDIA H100", "1999-12-31."),
        ("| figures |", "3 rounds"),
    ]:
        check(expected in row(text, begin), f"'{begin}': expected '{expected}' in '{row(text, begin)}' of\n{text}")
    everything_failed = copy.deepcopy(MADE_UP)
    for workload in everything_failed["workloads"].values():
        for name in workload["variants"]:
            workload["variants"][name] = {"prepare": {"error": "out of memory"}, "turns": []}
    (folder / "failed.json").write_text(json.dumps(everything_failed))
    check("failed: out of memory" in page(folder, "--json", folder / "failed.json"), "the page does not list the failures")


def check_nothing(folder):
    text = page(folder, "--json", folder / "is_not_there.json")
    check("not available yet" in text and "| 3.00 |" in text, f"the page without results:\n{text}")
    published = (HERE.parents[1] / "docs/benchmarks/gpu.md").read_text()
    check("not available yet" not in published or published == text,
          "docs/benchmarks/gpu.md is out of date. Run benchmarks/gpu/run page.")  # fmt: skip


def check_variants(folder, program, python):
    run(python, HERE / "measure.py", "--program", program, "--python", python, "--json", folder / "gpu.json", "--data",
        folder / "data", "--device", "cpu", "--tiny", "--shared-process", "--rounds", 1, "--workloads",
        ",".join([*WORKLOADS, "wide_mlp"]), "--variants", "handwritten,hone,hone_sync_copy,torch_eager")  # fmt: skip
    results = json.loads((folder / "gpu.json").read_text())
    found = results["workloads"]
    for workload in WORKLOADS:
        for name in ("handwritten", "hone") if "error" in results["python"] else ("handwritten", "hone", "torch_eager"):
            each = found[workload]["variants"][name]
            check(each.get("agrees") and "step_s" in each["turns"][0], f"{name} of {workload}: {each}")
    text = page(folder, "--json", folder / "gpu.json")
    check("not a measurement" in text and "| `hone` |" in text, f"the page of the test results:\n{text}")
    if "error" in results["python"]:
        print(f"Skipped the variants in Python: {python} cannot import torch. Set HONE_PYTHON to a Python with torch.")
        sys.exit(SKIPPED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    check_nothing(options.folder)
    check_made_up(options.folder)
    check_variants(options.folder, options.program, os.environ.get("HONE_PYTHON") or sys.executable)


if __name__ == "__main__":
    main()
