# SPDX-License-Identifier: Apache-2.0
"""Makes docs/benchmarks/gpu.md of what measure.py wrote; without that, a page that says what will be measured.

page.py [--json FILE] [--tests FILE] [--page FILE] [--peak TFLOPS]
"""

import argparse
import json
import re
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, report  # noqa: E402

CONTENDERS = {
    "torch_eager": "PyTorch by hand, in Python: fused optimizer, gradients set to none, no loss read within a run",
    "torch_compile": "the same with forward and loss compiled by `torch.compile`, in the mode `reduce-overhead` (CUDA "
                     "graphs), gpt2 in the mode `default`",
    "lightning": "Lightning's `Trainer`, the loss kept by `self.log`",
    "hand": "a loop written by hand in C++ over LibTorch, with the kernels that hone uses",
    "hone": "`trainer.train(...)` with `hone::Cuda<>`",
    "hone_captured": "the same with `hone::StepCapture`, which replays the step as one CUDA graph",
}  # fmt: skip
SMALL = ["mnist_mlp", "surrogate", "mnist_cnn", "char_gpt"]
# (own, beside, workload): times as fast, at least
GOALS = {
    **{("hone_captured", "torch_eager", workload): 3.0 for workload in ("mnist_mlp", "surrogate")},
    **{("hone_captured", "torch_compile", workload): 1.0 for workload in SMALL},
    ("hone", "torch_eager", "gpt2"): 1.0,
    ("hone_captured", "torch_compile", "gpt2"): 0.97,
}
WAITS_GOAL = 0
# Dense bf16 with float32 sums, TFLOP/s, of the data sheets: by a word of the device's name, the first that fits.
PEAKS = {"H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "H200": 989, "A100": 312}
# Of wide_mlp: the batches come from the host, come from there ahead of time, are there.
TRANSFERS = ("hone_direct", "hone_prefetch", "hone")

HEAD = """# On the GPU

"""
TASKS = """The small workloads are those of [floor](floor.md). gpt2 has the shape of GPT-2: 12 layers of width 768 with 12 heads, 1024
tokens of 50,304, the table of tokens also being the last layer; it sees drawn tokens, is updated by AdamW, and computes
forward and loss in bfloat16 by autocast. Data lies on the device, save where it says so."""


class Results:
    def __init__(self, data):
        self.data = data

    def found(self, workload, contender):
        return self.data["workloads"].get(workload, {}).get("contenders", {}).get(contender) or {}

    def seconds(self, workload, contender):
        """Of a step, one for each round; None for a turn that failed. None at all of who came to another loss."""
        found = self.found(workload, contender)
        return [turn.get("step_s") for turn in found.get("turns", [])] if found.get("agrees") else []

    def has(self, workload, contender):
        return any(value is not None for value in self.seconds(workload, contender))

    def failure(self, workload, contender):
        found = self.found(workload, contender)
        told = [found.get("prepare", {}), *found.get("turns", []), found.get("waits", {})]
        return next((each["error"] for each in told if "error" in each), None)

    def reason(self, workload, contender):
        """Why not all steps that were to be recorded were."""
        turns = self.found(workload, contender).get("turns", [])
        return next((turn["reason"] for turn in turns if turn.get("reason")), "")

    def times_as_fast(self, workload, own, beside):
        """In the rounds in which both came through; None where there are none."""
        pairs = list(zip(self.seconds(workload, own), self.seconds(workload, beside)))
        pairs = [(a, b) for a, b in pairs if a is not None and b is not None]
        return figures.ratios([b for _, b in pairs], [a for a, _ in pairs]) if pairs else None

    def median(self, workload, contender):
        return figures.spread(value for value in self.seconds(workload, contender) if value is not None).median

    def contenders(self, workloads):
        return [name for name in CONTENDERS if any(self.has(workload, name) for workload in workloads)]


def table_of_steps(results):
    workloads = [workload for workload in SMALL + ["gpt2"] if results.contenders([workload])]
    rows = []
    for name in results.contenders(workloads):
        row = [f"`{name}`"]
        for workload in workloads:
            if not results.has(workload, name):
                row.append("")
                continue
            us = f"{1e6 * results.median(workload, name):,.0f} us"
            ratio = results.times_as_fast(workload, name, "torch_eager")
            row.append(f"{ratio.range('.2f')}, {us}" if ratio and name != "torch_eager" else us)
        rows.append(row)
    return figures.table(["times as fast as `torch_eager`, time per step", *workloads], rows)


def table_of_goals(results):
    rows = []
    for (own, beside, workload), limit in GOALS.items():
        ratio = results.times_as_fast(workload, own, beside)
        is_so, verdict = (ratio.range(".2f"), figures.met(ratio.median >= limit)) if ratio else ("", "not measured")
        rows.append([f"`{own}`", f"`{beside}`", workload, f"{limit:.2f}", is_so, verdict])
    return figures.table(["", "beside", "workload", "goal: times as fast, at least", "is", ""], rows)


def flops_per_token(prepared):
    return 6 * prepared["parameters"] + 12 * prepared["layers"] * prepared["width"] * prepared["context"]


def peak_of(device, given):
    if given:
        return given
    return next((peak for word, peak in PEAKS.items() if word in device), None)


def part_of_gpt2(results, peak):
    names = results.contenders(["gpt2"])
    if not names:
        return ""
    rows, prepared = [], None
    for name in names:
        prepared = results.found("gpt2", name)["prepare"]
        tokens = prepared["batch_size"] * prepared["context"] / results.median("gpt2", name)
        rate = flops_per_token(prepared) * tokens / 1e12
        memory = max(turn.get("peak_bytes", 0) for turn in results.found("gpt2", name)["turns"]) / 2**30
        share = f"{100 * rate / peak:.1f} %" if peak else ""
        rows.append([f"`{name}`", f"{tokens:,.0f}", f"{rate:.0f}", share, f"{memory:.1f}"])
    head = ["gpt2", "tokens a second", "TFLOP/s of the model", "of the peak", "memory, GiB"]
    peak_text = (f"The peak is {peak:g} TFLOP/s, dense bfloat16, of the data sheet." if peak else
                 "The peak of this device is not known here; `page.py --peak TFLOPS` takes it.")  # fmt: skip
    return f"""## GPT-2

{figures.table(head, rows)}

A token takes 6 N + 12 L d T operations: N = {prepared["parameters"]:,} parameters, L = {prepared["layers"]} layers,
d = {prepared["width"]} wide, T = {prepared["context"]} tokens of context
(A. Chowdhery et al., "PaLM: Scaling Language Modeling with Pathways", 2022, appendix B; attention counted whole, though half
of it is masked). A step has {prepared["batch_size"]} x {prepared["context"]} tokens. {peak_text} Memory is what a process
has taken of the device for tensors, at most at one time.

"""


def part_of_waits(results):
    rows = []
    for workload, found in results.data["workloads"].items():
        for name in found["contenders"]:
            waits = results.found(workload, name).get("waits", {})
            if "waits_per_step" not in waits:
                continue
            per_step = waits["waits_per_step"]
            # A run ends with a wait for its loss: where none was seen, waits cannot be seen.
            verdict = figures.met(per_step <= WAITS_GOAL) if waits["waits_of_a_run"] > 0 else "not countable"
            is_goal = name in ("hone", "hone_captured") and workload != "wide_mlp"
            rows.append([workload, f"`{name}`", f"{per_step:g}", waits["waits_of_a_run"], verdict if is_goal else ""])
    if not rows:
        return ""
    head = ["", "", "waits of the host in a step", "in a run of few steps", f"goal: {WAITS_GOAL} in a step"]
    return f"""## Waits

{figures.table(head, rows)}

A wait is a call of cudaStreamSynchronize, cudaDeviceSynchronize, cudaEventSynchronize or cudaMemcpy, by whomever. Those in a
step are the difference of a long run and a short one.

"""


def part_of_transfers(results):
    texts = {"hone": "batches on the device", "hone_direct": "from pageable memory of the host, moved when the step begins",
             "hone_prefetch": "the same by `hone::PrefetchToDevice`"}  # fmt: skip
    rows = []
    for name in texts:
        if results.has("wide_mlp", name):
            ratio = results.times_as_fast("wide_mlp", name, "hone")
            us = f"{1e6 * results.median('wide_mlp', name):,.0f}"
            rows.append([f"`{name}`", texts[name], us, ratio.range(".2f") if ratio else ""])
    if not rows:
        return ""
    hidden = ""
    rounds = [times for times in zip(*(results.seconds("wide_mlp", name) for name in TRANSFERS)) if None not in times]
    rounds = [times for times in rounds if times[0] > times[2]]
    if rounds:
        share = figures.spread((direct - ahead) / (direct - resident) for direct, ahead, resident in rounds)
        hidden = f"\nOf what fetching a batch adds to a step, {share.range('.2f')} are hidden.\n"
    batch = results.found("wide_mlp", "hone").get("prepare", {}).get("batch_size", "")
    return f"""## Copies beside computing

{figures.table(["", "", "us per step", "times as fast as `hone`"], rows)}
{hidden}
784-2048-2048-10, batches of {batch} samples, float32, drawn in a new order.

"""


def part_of_tests(text):
    if not text:
        return ""
    lines = re.findall(r"^\s*\d+: ((?:All tests passed|test cases:|assertions:).*)$", text, re.MULTILINE)
    verdicts = re.findall(r"^\s*\d+/\d+ Test\s+#\d+: (\S+) \.+\s*(\S.*?)\s+[\d.]+ sec", text, re.MULTILINE)
    if not verdicts:
        return ""
    told = "; ".join(f"`{name}`: {verdict.strip('* ').lower()}" for name, verdict in verdicts)
    return f"The tests on the GPU: {told}." + (f" {' '.join(line + '.' for line in lines)}" if lines else "") + "\n\n"


def part_of_failures(results):
    lines = []
    if why := results.data["python"].get("error"):
        lines.append(f"- The contenders in Python were left out: {' '.join(why.split())[:300]}")
    for workload, found in results.data["workloads"].items():
        for name in found["contenders"]:
            if told := results.failure(workload, name):
                first = " ".join(told.split())[:300]
                lines.append(f"- `{name}` of {workload} failed: {first}")
            elif why := " ".join(results.reason(workload, name).split()):
                lines.append(f"- `{name}` of {workload} ran steps as they are written: {why[:300]}")
            elif results.found(workload, name).get("agrees") is False:
                lines.append(f"- `{name}` of {workload} came to **another loss** than the others, so its time is left out.")
    return "## What went wrong\n\n" + "\n".join(lines) + "\n\n" if lines else ""


def part_of_method(results):
    data = results.data
    steps = []
    for workload in data["workloads"]:
        for found in data["workloads"][workload]["contenders"].values():
            if found and "few" in found.get("prepare", {}):
                steps.append(f"{found['prepare']['few']} and {found['prepare']['many']} of {workload}")
                break
    command = shlex.join(["benchmarks/gpu/run", *(["--", *data["words"]] if data.get("words") else [])])
    turns = [len(found["turns"]) for each in data["workloads"].values() for found in each["contenders"].values() if found]
    counts = " to ".join(str(count) for count in sorted({min(filter(None, turns), default=0), max(turns, default=0)}))
    tolerances = sorted({found["tolerance"] for found in data["workloads"].values() if "tolerance" in found})
    packages = ", ".join(f"{name} {version}" for name, version in data["python"].get("packages", {}).items())
    program = data["program"]
    native = f"{program['compiler']}, LibTorch {program['libtorch']}" + (f", CUDA {program['cuda']}" if program["cuda"] else "")
    what = [data["card"] or program["device"], data["processor"], data["system"], native]
    if packages:
        what.append(f"Python {data['python']['python']} with {packages}")
    return f"""## How it was measured

```sh
{command}
```

Measured on {data["date"]}. Each contender of each workload is a process; all are there at once, and one works at a time.
All start from the same weights, see the same batches, and come to the same mean loss of their first steps, within
{" or ".join(f"{each:g}" for each in tolerances)} (the larger one where bfloat16 is). A turn is a run of few steps that warms up, one of few and one of many
({"; ".join(steps)}), each of which
ends when the device has done all; the time of a step is the difference over the steps between. Medians, and ranges, of
{counts} rounds, which give each contender a turn in changing order; ratios are taken within rounds. Free memory of the
device is given back after each turn.

{". ".join(what)}.
"""


def page_of(results, tests, peak):
    device = results.data["program"]["device"]
    contenders = results.contenders(SMALL + ["gpt2"])
    texts = "\n".join(f"- `{name}`: {CONTENDERS[name]}." for name in contenders)
    tiny = "**Tiny networks and few steps: the program was tried out, nothing was measured.**\n\n"
    warning = tiny if results.data["tiny"] else ""
    parts = [part_of_tests(tests), part_of_failures(results), part_of_gpt2(results, peak_of(device, peak)),
             part_of_waits(results), part_of_transfers(results), part_of_method(results)]  # fmt: skip
    return f"""{HEAD}{warning}On {device}, {results.data["date"]}.

{table_of_steps(results)}

{texts}

{table_of_goals(results)}

{TASKS}

{"".join(parts)}"""


def page_of_nothing():
    goals = figures.table(
        ["", "beside", "workload", "goal: times as fast, at least"],
        [[f"`{own}`", f"`{beside}`", workload, f"{limit:.2f}"] for (own, beside, workload), limit in GOALS.items()])  # fmt: skip
    texts = "\n".join(f"- `{name}`: {text}." for name, text in CONTENDERS.items())
    return f"""{HEAD}Not yet run: there are no results. `benchmarks/gpu/run` makes this page on a machine with a GPU
([how](../../benchmarks/gpu/README.md)).

What will be measured, in turns of one run, from the same weights and to the same losses:

{texts}

{goals}

{TASKS}

For gpt2 also tokens a second, the share of the device's peak and the memory; for each trainer how often the host waits for the
device in a step (goal: {WAITS_GOAL}); and how much of a batch's copy to the device is hidden by copying it ahead of time.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=report.ROOT / "build/gpu/results/gpu.json")
    parser.add_argument("--tests", type=Path, help="what ctest said")
    parser.add_argument("--page", type=Path, default=report.ROOT / "docs/benchmarks/gpu.md")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the device, dense bfloat16; else by its name")
    options = parser.parse_args()
    if options.json.exists():
        tests = options.tests.read_text(errors="replace") if options.tests and options.tests.exists() else ""
        text = page_of(Results(json.loads(options.json.read_text())), tests, options.peak)
    else:
        text = page_of_nothing()
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(f"<!-- Made by benchmarks/gpu/page.py. Do not edit. -->\n{text.strip()}\n")
    print("\n".join(line for line in text.splitlines() if line.startswith("|")))


if __name__ == "__main__":
    main()
