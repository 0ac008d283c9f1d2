# SPDX-License-Identifier: Apache-2.0
"""Trains one workload in one way, and prints for each epoch what `bench_floor --epochs` prints: `epoch SECONDS LOSS` and
the time of day at its end.

run_one.py FOLDER WORKLOAD EPOCHS STEPS WAY THREADS
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
    folder, workload, epochs, steps, way, threads = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(int(threads))
    clock = Clock()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # what frameworks say of themselves
        loops.LOOPS[way](workloads.load(workload, folder, int(steps)), int(epochs), clock)
    print("\n".join(clock.lines))


if __name__ == "__main__":
    main()
