# SPDX-License-Identifier: Apache-2.0
"""What saving and loading a state costs beside `cp` of the same bytes on the same disk.

run.py [--folder DIR] [--mib N] [--rounds N]
"""

import collections
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import figures, machine, processes, report  # noqa: E402

# way, beside which, what it is
ROWS = [
    ("save", "cp_sync", "`write_checkpoint(path, state_dict(model))`, on the disk when it returns"),
    ("save_safetensors", "cp_sync", "`write_safetensors(path, state_dict(model))`, on the disk when it returns"),
    ("save_training_state", "cp_sync", "`trainer.save_training_state(path)`, on the disk when it returns"),
    ("load", "cp", "`read_checkpoint(path)`: every checksum verified, tensors in the mapped file"),
    ("load_into", "cp", "the same, and `load_state_dict` into a model in memory"),
    ("load_safetensors", "cp", "`read_safetensors(path)` and `load_state_dict` (the format has no checksum)"),
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
        ["what", "seconds", "beside", "seconds", "speed, `cp` = 1"],
        [[row["text"], f"{row['seconds']:.3f}", LABEL[row["beside"]], f"{row['beside_seconds']:.3f}", f"{row['speed']:.2f}"]
         for row in rows])  # fmt: skip
    return f"""# Saving and loading beside `cp`

A state of {options.mib} MiB in tensors of 16 MiB, one thread. The goal is {GOAL} of the speed of `cp`.

{table}

{report.how(options)}
{options.rounds} rounds by turns, medians; the speed is the median of each round's own ratio. Files that are read are in the page
cache, for `cp` as for the others.

{machine.processor()}, {system}.
"""


def main():
    parser = report.parser("checkpoint", __doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; default: beside the program")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    times, system = measure(options)
    rows = []
    for name, beside, text in ROWS:
        # Of the same round, so that whatever else the machine does weighs on both.
        speed = figures.ratios(times[beside], times[name]).median
        seconds, others = figures.spread(times[name]).median, figures.spread(times[beside]).median
        rows.append({"name": name, "text": text, "seconds": seconds, "beside": beside, "beside_seconds": others,
                     "speed": speed})  # fmt: skip
    report.write(options, {"mib": options.mib, "rows": rows, "times": times}, page(options, rows, system))
    if below := [row["name"] for row in rows if row["speed"] < GOAL]:
        print(f"Below the goal of {GOAL}: " + ", ".join(below))


if __name__ == "__main__":
    main()
