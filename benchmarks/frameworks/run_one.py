# SPDX-License-Identifier: Apache-2.0
"""Trains one workload with one variant. Prints `epoch SECONDS LOSS TIME` for each epoch, as `bench_baseline --epochs` does.

run_one.py FOLDER WORKLOAD EPOCHS STEPS VARIANT THREADS
"""

import contextlib
import logging
import os
import sys
import time
import warnings

import torch

import loops
import workloads


class Clock:
    def __init__(self):
        self.lines = []

    def begin(self):
        self.began = time.perf_counter()

    def end(self, loss):
        self.lines.append(f"epoch {time.perf_counter() - self.began:.7f} {loss:.9g} {time.time():.4f}")


def main():
    folder, workload, epochs, steps, variant, threads = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(int(threads))
    clock = Clock()
    with open(os.devnull, "w") as null_device, contextlib.redirect_stdout(null_device):  # messages of the frameworks
        loops.LOOPS[variant](workloads.load(workload, folder, int(steps)), int(epochs), clock)
    print("\n".join(clock.lines))


if __name__ == "__main__":
    main()
