# SPDX-License-Identifier: Apache-2.0
"""Tries the benchmark out without a GPU: contenders of both languages come to the same losses on the CPU, and pages are
made, of these results and of made-up ones.

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
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def check(holds, text):
    if not holds:
        raise SystemExit(text)


def page(folder, *arguments):
    run(sys.executable, HERE / "page.py", "--page", folder / "page.md", *arguments)
    return (folder / "page.md").read_text()


def row(text, begin):
    return next((line for line in text.splitlines() if line.startswith(begin)), "")


def contender(step_s, **more):
    prepare = {"loss": 1.0, "seconds": 1, "parameters": 10**6, "batch_size": 4, "few": 2, "many": 6, "layers": 2, "width": 8,
               "context": 16}  # fmt: skip
    turns = [{"step_s": each, "few_s": 1, "many_s": 2, "peak_bytes": 3 * 2**30, "loss": 1.0} for each in step_s]
    return {"prepare": prepare, "turns": turns, "agrees": True, **more}


MADE_UP = {
    "date": "1999-12-31", "card": "NVIDIA H100 80GB HBM3, 1.2.3", "processor": "a processor", "system": "a system",
    "tiny": False,
    "program": {"device": "NVIDIA H100 80GB HBM3", "kind": "cuda", "libtorch": "2.11.0", "cuda": "13.0", "compiler": "g++ 13",
                "contenders": {}},
    "python": {"python": "3.12.1", "packages": {"torch": "2.11.0"}},
    "workloads": {
        "mnist_mlp": {"tolerance": 2e-3, "contenders": {
            "torch_eager": contender([4e-4, 8e-4, 4e-4]),
            "torch_compile": contender([1e-4, 1e-4, 1e-4]),
            "hone_captured": contender([1e-4, 1e-4, 1e-4], waits={"waits_per_step": 0.0, "waits_of_a_run": 2}),
            "hone": contender([2e-4, 2e-4, 2e-4], waits={"waits_per_step": 1.0, "waits_of_a_run": 2}),
            "lightning": {"prepare": {"error": "ModuleNotFoundError: no lightning"}, "turns": []}}},
        "surrogate": {"tolerance": 2e-3, "contenders": {
            "torch_eager": contender([2e-4, 2e-4, 2e-4]),
            "torch_compile": {**contender([9e-9, 9e-9, 9e-9]), "agrees": False},
            "hone_captured": contender([1e-4, 1e-4, 1e-4])}},
        "gpt2": {"tolerance": 1e-2, "contenders": {
            "torch_eager": contender([1e-6, 1e-6, 1e-6]),
            "hone": contender([1e-6, 1e-6, 1e-6])}},
        "wide_mlp": {"tolerance": 2e-3, "contenders": {
            "hone": contender([1e-3, 1e-3, 1e-3]),
            "hone_direct": contender([3e-3, 3e-3, 3e-3]),
            "hone_prefetch": contender([1.5e-3, 1.5e-3, 1.5e-3])}}},
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
        # 4 * 16 tokens in 1 us; 6 * 10^6 + 12 * 2 * 8 * 16 operations each; of 989 TFLOP/s
        ("| `hone` | 64,000,000 |", "| 384 | 38.8 % | 3.0 |"),
        ("| mnist_mlp | `hone_captured` |", "| 0 | 2 | met |"),
        ("| mnist_mlp | `hone` |", "| 1 | 2 | **not met** |"),
        ("Of what fetching a batch adds", "0.75 (0.75 to 0.75) are hidden."),
        ("- `lightning` of mnist_mlp failed", "no lightning"),
        ("- `torch_compile` of surrogate came to **another loss**", "left out."),
        ("The tests on the GPU", "`cuda`: failed; `nccl`: passed. test cases:  4 |  3 passed | 1 failed. All tests"),
        ("Measured on 1999-12-31.", "process"),
        ("3 rounds, which give each contender a turn", "order"),
    ]:
        check(expected in row(text, begin), f"'{begin}': expected '{expected}' in '{row(text, begin)}' of\n{text}")
    everything_failed = copy.deepcopy(MADE_UP)
    for workload in everything_failed["workloads"].values():
        for name in workload["contenders"]:
            workload["contenders"][name] = {"prepare": {"error": "out of memory"}, "turns": []}
    (folder / "failed.json").write_text(json.dumps(everything_failed))
    check("failed: out of memory" in page(folder, "--json", folder / "failed.json"), "a page of failures")


def check_nothing(folder):
    text = page(folder, "--json", folder / "is_not_there.json")
    check("Not yet run" in text and "| 3.00 |" in text, f"the page without results:\n{text}")
    published = (HERE.parents[1] / "docs/benchmarks/gpu.md").read_text()
    check("Not yet run" not in published or published == text, "docs/benchmarks/gpu.md is old: benchmarks/gpu/run page")


def check_contenders(folder, program, python):
    run(python, HERE / "measure.py", "--program", program, "--python", python, "--json", folder / "gpu.json", "--data",
        folder / "data", "--device", "cpu", "--tiny", "--together", "--rounds", 1, "--workloads",
        ",".join([*WORKLOADS, "wide_mlp"]), "--contenders", "hand,hone,hone_direct,torch_eager")  # fmt: skip
    results = json.loads((folder / "gpu.json").read_text())
    found = results["workloads"]
    for workload in WORKLOADS:
        for name in ("hand", "hone") if "error" in results["python"] else ("hand", "hone", "torch_eager"):
            each = found[workload]["contenders"][name]
            check(each.get("agrees") and "step_s" in each["turns"][0], f"{name} of {workload}: {each}")
    text = page(folder, "--json", folder / "gpu.json")
    check("nothing was measured" in text and "| `hone` |" in text, f"the page of what was tried out:\n{text}")
    if "error" in results["python"]:
        print(f"Python was left out, for {python} has no torch that can be imported. Name one that has in HONE_PYTHON.")
        sys.exit(SKIPPED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    check_nothing(options.folder)
    check_made_up(options.folder)
    check_contenders(options.folder, options.program, os.environ.get("HONE_PYTHON") or sys.executable)


if __name__ == "__main__":
    main()
