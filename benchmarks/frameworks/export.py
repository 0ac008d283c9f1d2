# SPDX-License-Identifier: Apache-2.0
"""Exports the training step of a workload, with the initial weights of all variants.

export.py FOLDER WORKLOAD
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import workloads  # noqa: E402
from export_step import export_step  # noqa: E402


def main():
    folder, name = sys.argv[1:]
    task = workloads.load(name, folder, 1)
    batch = (task.inputs[: task.batch_size], task.targets[: task.batch_size])
    export_step(task.model(), task.loss, batch, f"{folder}/{name}.pt2", outputs=False)


if __name__ == "__main__":
    main()
