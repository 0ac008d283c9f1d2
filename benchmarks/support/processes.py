# SPDX-License-Identifier: Apache-2.0
"""Runs programs, and measures the load of other programs in the meantime."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass
class Result:
    """The output and the resource usage of a process. `start_time` is the time of day at its start; `other_load` is the
    mean number of cores that other programs used."""

    output: str
    start_time: float
    wall_s: float
    cpu_s: float
    peak_mib: float
    page_faults: int
    other_load: float


def fail(command, errors):
    raise SystemExit(f"{shlex.join(map(str, command))} failed:\n{errors[-3000:]}")


def output(command, environment=ONE_THREAD, **options):
    """Returns the output of a command. If the command fails, prints its errors and exits."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, **options)
    if done.returncode:
        fail(command, done.stderr)
    return done.stdout


def busy_seconds():
    """The CPU time that all programs together have used since the start of the system."""
    with open("/proc/stat") as file:
        user, nice, kernel, idle, waits, *interrupts = (int(field) for field in file.readline().split()[1:9])
    return (user + nice + kernel + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(max_load, timeout_s):
    """Waits until other programs use less than `max_load` cores, for at most `timeout_s`."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        before, begin = busy_seconds(), time.monotonic()
        time.sleep(0.3)
        if (busy_seconds() - before) / (time.monotonic() - begin) < max_load:
            return
        time.sleep(1)


def measured(command, environment=ONE_THREAD):
    """Runs a command once and returns its `Result`."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        busy, now, begin = busy_seconds(), time.time(), time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime
        other_load = max(0.0, busy_seconds() - busy - cpu) / wall
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            fail(command, errors.read().decode(errors="replace"))
        return Result(out.read().decode(), now, wall, cpu, usage.ru_maxrss / 1024, usage.ru_minflt, other_load)


def measured_idle(command, environment=ONE_THREAD, max_load=0.15, retries=1, timeout_s=10):
    """Runs a command while other programs use less than `max_load` cores, and retries if their load rises. Returns the
    `Result` with the least load; its `other_load` is above `max_load` if all retries failed."""
    best = None
    for _ in range(retries + 1):
        wait_until_idle(max_load, timeout_s)
        result = measured(command, environment)
        if best is None or result.other_load < best.other_load:
            best = result
        if best.other_load <= max_load:
            break
        name = os.path.basename(str(command[0]))
        print(f"{name}: other programs used {result.other_load:.2f} cores during the run", file=sys.stderr)
    return best


def by_name(text):
    """Parses lines of a name and numbers into a dictionary of lists."""
    return {name: [float(value) for value in values] for name, *values in map(str.split, text.splitlines())}
