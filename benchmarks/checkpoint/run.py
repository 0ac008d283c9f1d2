# SPDX-License-Identifier: Apache-2.0
"""Compares saving and loading checkpoints with `cp` of the same number of bytes on the same disk.

run.py [--folder DIR] [--mib N] [--rounds N]
"""

import collections
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report  # noqa: E402

# operation, reference, description
ROWS = [
    ("save", "cp_sync", "`write_checkpoint(path, state_dict(model))`, durable when it returns"),
    ("save_safetensors", "cp_sync", "`write_safetensors(path, state_dict(model))`, durable when it returns"),
    ("save_training_state", "cp_sync", "`trainer.save_training_state(path)`, durable when it returns"),
    ("load", "cp", "`read_checkpoint(path)`: verifies all checksums, and memory-maps the tensors"),
    ("load_into", "cp", "`read_checkpoint(path)` and `load_state_dict` into a model"),
    ("load_safetensors", "cp", "`read_safetensors(path)` and `load_state_dict`; the format has no checksums"),
]
GOAL = 0.8
LABEL = {"cp": "`cp`", "cp_sync": "`cp` and `sync`"}


def measure(options):
    program = report.program(options)
    with tempfile.TemporaryDirectory(dir=options.folder or program.parent) as folder:
        system = machine.file_system(folder)
        printed = processes.output([program, folder, options.mib, options.rounds])
    times = collections.defaultdict(list)
    for line in printed.splitlines():
        name, value = line.split()
        times[name].append(float(value))
    return times, system


def page(options, rows, system):
    table = figures.table(
        ["operation", "time, s", "reference", "time of the reference, s", "speed relative to the reference", f"goal: at least {GOAL}"],
        [[row["text"], f"{row['seconds']:.3f}", LABEL[row["reference"]], f"{row['reference_seconds']:.3f}", f"{row['speed']:.2f}",
          figures.met(row["speed"] >= GOAL)] for row in rows])  # fmt: skip
    method = figures.table(
        ["quantity", "method"],
        [["time", f"medians of {options.rounds} rounds. A round runs each operation once, in random order"],
         ["speed", "the median of the ratios within a round"],
         ["cache", "files that are read are in the page cache, also for `cp`"],
         ["threads", 1],
         ["machine", f"{machine.processor()}, {system}"]])  # fmt: skip
    return f"""# Saving and loading checkpoints

This benchmark saves and loads {options.mib} MiB in tensors of 16 MiB, and compares the speed with `cp` on the same disk.

{table}

{report.method(options)}
{method}
"""


def main():
    parser = report.parser("checkpoint", __doc__)
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure; default: the folder of the program")
    parser.add_argument("--mib", type=int, default=1024, help="the size of the model")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    times, system = measure(options)
    rows = []
    for name, reference, text in ROWS:
        speed = figures.ratios(times[reference], times[name]).median
        rows.append({"name": name, "text": text, "seconds": figures.spread(times[name]).median, "reference": reference,
                     "reference_seconds": figures.spread(times[reference]).median, "speed": speed})  # fmt: skip
    report.write(options, {"mib": options.mib, "rows": rows, "times": times}, page(options, rows, system))
    if below := [row["name"] for row in rows if row["speed"] < GOAL]:
        print(f"Below the goal of {GOAL}: " + ", ".join(below))


if __name__ == "__main__":
    main()
