# SPDX-License-Identifier: Apache-2.0
"""Writes docs/benchmarks/gpu.md from the results of measure.py. Without results, the page lists the variants and the goals.

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

VARIANTS = {
    "torch_eager": "PyTorch, hand-written loop in Python: fused optimizer, `zero_grad(set_to_none=True)`, no loss read within a run",
    "torch_compile": "`torch_eager` with `torch.compile` for forward and loss, in the mode `reduce-overhead` (CUDA graphs), for gpt2 "
                     "in the mode `default`",
    "lightning": "`Trainer` of Lightning; the loss is recorded with `self.log`",
    "handwritten": "hand-written C++ loop with LibTorch and the kernels that hone uses",
    "hone": "`trainer.train(...)` with `hone::Cuda<>`",
    "hone_captured": "`hone` with `hone::StepCapture`, which replays the step as one CUDA graph",
}  # fmt: skip
SMALL = ["mnist_mlp", "surrogate", "mnist_cnn", "char_gpt"]
# (variant, reference, workload): speedup, at least
GOALS = {
    **{("hone_captured", "torch_eager", workload): 3.0 for workload in ("mnist_mlp", "surrogate")},
    **{("hone_captured", "torch_compile", workload): 1.0 for workload in SMALL},
    ("hone", "torch_eager", "gpt2"): 1.0,
    ("hone_captured", "torch_compile", "gpt2"): 0.97,
}
SYNCS_GOAL = 0
# Dense bf16 with float32 accumulation in TFLOP/s, from the data sheets, by a part of the device name. The first match counts.
PEAKS = {"H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "H200": 989, "A100": 312}
# Variants of wide_mlp: batches in host memory, prefetched from host memory, on the device.
TRANSFERS = ("hone_sync_copy", "hone_prefetch", "hone")

HEAD = """# GPU

"""
TASKS = """The four small workloads are described in [baseline](baseline.md). gpt2 is:

| property | value |
| --- | --- |
| shape | GPT-2: 12 layers of width 768 with 12 heads, context of 1024 tokens, vocabulary of 50,304 |
| weights | the token embedding and the last layer share their weights |
| data | random tokens |
| optimizer | AdamW |
| precision | bfloat16 autocast for forward and loss |

The data is on the device unless stated otherwise."""


class Results:
    def __init__(self, data):
        self.data = data

    def found(self, workload, variant):
        return self.data["workloads"].get(workload, {}).get("variants", {}).get(variant) or {}

    def seconds(self, workload, variant):
        """Seconds per step, one value for each round; None for a failed turn. Empty if the loss differs from other variants."""
        found = self.found(workload, variant)
        return [turn.get("step_s") for turn in found.get("turns", [])] if found.get("agrees") else []

    def has(self, workload, variant):
        return any(value is not None for value in self.seconds(workload, variant))

    def error(self, workload, variant):
        found = self.found(workload, variant)
        answers = [found.get("prepare", {}), *found.get("turns", []), found.get("syncs", {})]
        return next((each["error"] for each in answers if "error" in each), None)

    def reason(self, workload, variant):
        """The reason for eager steps of a variant that captures steps."""
        turns = self.found(workload, variant).get("turns", [])
        return next((turn["reason"] for turn in turns if turn.get("reason")), "")

    def speedup(self, workload, variant, reference):
        """The speed of a variant relative to a reference, over the rounds in which both succeeded; None if there are none."""
        pairs = list(zip(self.seconds(workload, variant), self.seconds(workload, reference)))
        pairs = [(a, b) for a, b in pairs if a is not None and b is not None]
        return figures.ratios([b for _, b in pairs], [a for a, _ in pairs]) if pairs else None

    def median(self, workload, variant):
        return figures.spread(value for value in self.seconds(workload, variant) if value is not None).median

    def variants(self, workloads):
        return [name for name in VARIANTS if any(self.has(workload, name) for workload in workloads)]


def table_of_variants(names):
    return figures.table(["variant", "implementation"], [[f"`{name}`", VARIANTS[name]] for name in names])


def table_of_steps(results):
    workloads = [workload for workload in SMALL + ["gpt2"] if results.variants([workload])]
    rows = []
    for name in results.variants(workloads):
        row = [f"`{name}`"]
        for workload in workloads:
            if not results.has(workload, name):
                row.append("")
                continue
            us = f"{1e6 * results.median(workload, name):,.0f} us"
            ratio = results.speedup(workload, name, "torch_eager")
            row.append(f"{ratio.range('.2f')}, {us}" if ratio and name != "torch_eager" else us)
        rows.append(row)
    return figures.table(["variant", *workloads], rows)


GOALS_HEAD = ["variant", "reference", "workload", "goal: speedup of at least"]


def table_of_goals(results):
    rows = []
    for (variant, reference, workload), limit in GOALS.items():
        ratio = results.speedup(workload, variant, reference)
        measured, verdict = (ratio.range(".2f"), figures.met(ratio.median >= limit)) if ratio else ("", "not measured")
        rows.append([f"`{variant}`", f"`{reference}`", workload, f"{limit:.2f}", measured, verdict])
    return figures.table([*GOALS_HEAD, "measured", "result"], rows)


def flops_per_token(prepared):
    return 6 * prepared["parameters"] + 12 * prepared["layers"] * prepared["width"] * prepared["context"]


def peak_of(device, given):
    if given:
        return given
    return next((peak for word, peak in PEAKS.items() if word in device), None)


def section_gpt2(results, peak):
    names = results.variants(["gpt2"])
    if not names:
        return ""
    rows, prepared = [], None
    for name in names:
        prepared = results.found("gpt2", name)["prepare"]
        tokens = prepared["batch_size"] * prepared["context"] / results.median("gpt2", name)
        flops = flops_per_token(prepared) * tokens / 1e12
        memory = max(turn.get("peak_bytes", 0) for turn in results.found("gpt2", name)["turns"]) / 2**30
        utilization = f"{100 * flops / peak:.1f} %" if peak else ""
        rows.append([f"`{name}`", f"{tokens:,.0f}", f"{flops:.0f}", utilization, f"{memory:.1f}"])
    head = ["variant", "tokens per second", "model TFLOP/s", "utilization", "peak memory, GiB"]
    peak_text = (f"{peak:g} TFLOP/s, dense bfloat16, from the data sheet" if peak else
                 "unknown for this device; pass `page.py --peak TFLOPS`")  # fmt: skip
    conditions = figures.table(
        ["quantity", "value"],
        [["operations per token", "6 N + 12 L d T (A. Chowdhery et al., \"PaLM: Scaling Language Modeling with Pathways\", 2022, "
                                  "appendix B), with all of the attention matrix, half of which is masked"],
         ["N, parameters", f"{prepared['parameters']:,}"],
         ["L, layers", prepared["layers"]],
         ["d, width", prepared["width"]],
         ["T, context", f"{prepared['context']} tokens"],
         ["tokens per step", f"{prepared['batch_size']} x {prepared['context']}"],
         ["peak of the device", peak_text],
         ["peak memory", "the maximum of the device memory that the process reserves for tensors"]])  # fmt: skip
    return f"""## GPT-2

{figures.table(head, rows)}

{conditions}

"""


def section_syncs(results):
    rows = []
    for workload, found in results.data["workloads"].items():
        for name in found["variants"]:
            syncs = results.found(workload, name).get("syncs", {})
            if "syncs_per_step" not in syncs:
                continue
            per_step = syncs["syncs_per_step"]
            # A run ends with a synchronization to read its loss. If none was counted, the counter does not work.
            verdict = figures.met(per_step <= SYNCS_GOAL) if syncs["syncs_per_run"] > 0 else "not countable"
            has_goal = name in ("hone", "hone_captured") and workload != "wide_mlp"
            rows.append([workload, f"`{name}`", f"{per_step:g}", syncs["syncs_per_run"], verdict if has_goal else ""])
    if not rows:
        return ""
    head = ["workload", "variant", "in a step", "in a run of few steps", f"goal: {SYNCS_GOAL} in a step"]
    return f"""## Host synchronizations

{figures.table(head, rows)}

A host synchronization is a call of cudaStreamSynchronize, cudaDeviceSynchronize, cudaEventSynchronize or cudaMemcpy, including calls
in libraries. The number in a step is computed from the difference between a run of many steps and a run of few.

"""


def section_transfers(results):
    texts = {"hone": "batches on the device", "hone_sync_copy": "batches in pageable host memory, copied at the start of the step",
             "hone_prefetch": "batches in host memory, copied by `hone::PrefetchToDevice`"}  # fmt: skip
    rows = []
    for name in texts:
        if results.has("wide_mlp", name):
            ratio = results.speedup("wide_mlp", name, "hone")
            us = f"{1e6 * results.median('wide_mlp', name):,.0f}"
            rows.append([f"`{name}`", texts[name], us, ratio.range(".2f") if ratio else ""])
    if not rows:
        return ""
    overlapped = ""
    rounds = [times for times in zip(*(results.seconds("wide_mlp", name) for name in TRANSFERS)) if None not in times]
    rounds = [times for times in rounds if times[0] > times[2]]
    if rounds:
        part = figures.spread((sync_copy - prefetch) / (sync_copy - resident) for sync_copy, prefetch, resident in rounds)
        overlapped = f"\nPart of the copy time that overlaps with computation: {part.range('.2f')}.\n"
    batch = results.found("wide_mlp", "hone").get("prepare", {}).get("batch_size", "")
    return f"""## Overlap of copies and computation

MLP 784-2048-2048-10, batches of {batch} samples in float32, shuffled.

{figures.table(["variant", "data", "us per step", "speedup over `hone`"], rows)}
{overlapped}
"""


def section_tests(text):
    if not text:
        return ""
    lines = re.findall(r"^\s*\d+: ((?:All tests passed|test cases:|assertions:).*)$", text, re.MULTILINE)
    verdicts = re.findall(r"^\s*\d+/\d+ Test\s+#\d+: (\S+) \.+\s*(\S.*?)\s+[\d.]+ sec", text, re.MULTILINE)
    if not verdicts:
        return ""
    summary = "; ".join(f"`{name}`: {verdict.strip('* ').lower()}" for name, verdict in verdicts)
    return f"## Tests\n\nTests on the GPU: {summary}." + (f" {' '.join(line + '.' for line in lines)}" if lines else "") + "\n\n"


def section_failures(results):
    lines = []
    if error := results.data["python"].get("error"):
        lines.append(f"- The variants in Python are missing: {' '.join(error.split())[:300]}")
    for workload, found in results.data["workloads"].items():
        for name in found["variants"]:
            if error := results.error(workload, name):
                first = " ".join(error.split())[:300]
                lines.append(f"- `{name}` of {workload} failed: {first}")
            elif reason := " ".join(results.reason(workload, name).split()):
                lines.append(f"- `{name}` of {workload} ran eager steps: {reason[:300]}")
            elif results.found(workload, name).get("agrees") is False:
                lines.append(f"- The loss of `{name}` of {workload} **differs** from the other variants. Its time is not shown.")
    return "## Failures\n\n" + "\n".join(lines) + "\n\n" if lines else ""


def section_method(results):
    data = results.data
    steps = []
    for workload in data["workloads"]:
        for found in data["workloads"][workload]["variants"].values():
            if found and "few" in found.get("prepare", {}):
                steps.append(f"{found['prepare']['few']} and {found['prepare']['many']} ({workload})")
                break
    command = shlex.join(["benchmarks/gpu/run", *(["--", *data["options"]] if data.get("options") else [])])
    turns = [len(found["turns"]) for each in data["workloads"].values() for found in each["variants"].values() if found]
    counts = " to ".join(str(count) for count in sorted({min(filter(None, turns), default=0), max(turns, default=0)}))
    tolerances = sorted({found["tolerance"] for found in data["workloads"].values() if "tolerance" in found})
    packages = ", ".join(f"{name} {version}" for name, version in data["python"].get("packages", {}).items())
    program = data["program"]
    software = f"{program['compiler']}, LibTorch {program['libtorch']}" + (f", CUDA {program['cuda']}" if program["cuda"] else "")
    if packages:
        software += f"; Python {data['python']['python']}, {packages}"
    method = figures.table(
        ["quantity", "method"],
        [["date", data["date"]],
         ["processes", "one for each variant of each workload; one of them works at a time"],
         ["data", "the same initial weights and the same batches for all variants"],
         ["losses", "the mean loss of the first steps differs from the median of all variants by at most "
                    f"{' or '.join(f'{each:g}' for each in tolerances)} (relative); the larger value is for bfloat16"],
         ["time per step", "the time of a run of many steps minus the time of a run of few steps, divided by the difference of "
                           "the steps, after a warm-up run of few steps. Each run ends with a synchronization. Then, unused memory "
                           "is returned to the device"],
         ["few and many steps", ", ".join(steps)],
         ["figures", f"medians and ranges of {counts} rounds. A round measures each variant once, and the order changes. Ratios "
                     "are computed within a round"],
         ["device", data["card"] or program["device"]],
         ["machine", f"{data['processor']}, {data['system']}"],
         ["software", software]])  # fmt: skip
    return f"""## Method

```sh
{command}
```

{method}
"""


def page_of(results, tests, peak):
    device = results.data["program"]["device"]
    tiny = "**This is a test with tiny networks and few steps. It is not a measurement.**\n\n"
    warning = tiny if results.data["tiny"] else ""
    sections = [section_tests(tests), section_failures(results), section_gpt2(results, peak_of(device, peak)),
                section_syncs(results), section_transfers(results), section_method(results)]  # fmt: skip
    return f"""{HEAD}{warning}Measured on {device}, {results.data["date"]}.

{table_of_variants(results.variants(SMALL + ["gpt2"]))}

{TASKS}

## Goals

{table_of_goals(results)}

## Time per step

Speedup over `torch_eager`, and time per step.

{table_of_steps(results)}

{"".join(sections)}"""


def page_without_results():
    goals = figures.table(
        GOALS_HEAD,
        [[f"`{variant}`", f"`{reference}`", workload, f"{limit:.2f}"] for (variant, reference, workload), limit in GOALS.items()])  # fmt: skip
    measurements = figures.table(
        ["measurement", "of", "goal"],
        [["time per step", "all variants, with the same initial weights and losses", "see Goals"],
         ["tokens per second, utilization of the device, peak memory", "gpt2", ""],
         ["host synchronizations in a step", "trainers", SYNCS_GOAL],
         ["part of the copy of a batch that overlaps with computation", "`hone::PrefetchToDevice`", ""]])  # fmt: skip
    return f"""{HEAD}Results are not available yet. To measure and to write this page, run `benchmarks/gpu/run` on a machine with a GPU; see the
[instructions](../../benchmarks/gpu/README.md).

## Variants

{table_of_variants(VARIANTS)}

{TASKS}

## Goals

{goals}

## Measurements

{measurements}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=report.ROOT / "build/gpu/results/gpu.json", help="the results of measure.py")
    parser.add_argument("--tests", type=Path, help="the output of ctest")
    parser.add_argument("--page", type=Path, default=report.ROOT / "docs/benchmarks/gpu.md", help="the page to write")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the device, dense bfloat16; default: by the device name")
    options = parser.parse_args()
    if options.json.exists():
        tests = options.tests.read_text(errors="replace") if options.tests and options.tests.exists() else ""
        text = page_of(Results(json.loads(options.json.read_text())), tests, options.peak)
    else:
        text = page_without_results()
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(f"<!-- Made by benchmarks/gpu/page.py. Do not edit. -->\n{text.strip()}\n")
    print("\n".join(line for line in text.splitlines() if line.startswith("|")))


if __name__ == "__main__":
    main()
