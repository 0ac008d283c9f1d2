# SPDX-License-Identifier: Apache-2.0
"""Runs programs, and watches how much of the machine other programs use meanwhile."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass
class Ran:
    """What a process printed and what it took. `began` is the time of day when it was started; `foreign` are the cores
    that others kept busy on average."""

    output: str
    began: float
    wall_s: float
    cpu_s: float
    peak_mib: float
    page_faults: int
    foreign: float


def fail(command, errors):
    raise SystemExit(f"{shlex.join(map(str, command))} failed:\n{errors[-3000:]}")


def output(command, environment=ONE_THREAD, **options):
    """What a command prints; ends this program with what the command says when it fails."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, **options)
    if done.returncode:
        fail(command, done.stderr)
    return done.stdout


def busy_seconds():
    """Processor seconds that the whole machine has used so far."""
    with open("/proc/stat") as file:
        user, nice, kernel, idle, waits, *interrupts = (int(field) for field in file.readline().split()[1:9])
    return (user + nice + kernel + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(limit, patience_s):
    """Returns when others use less than `limit` cores, or when patience ends."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        before, begin = busy_seconds(), time.monotonic()
        time.sleep(0.3)
        if (busy_seconds() - before) / (time.monotonic() - begin) < limit:
            return
        time.sleep(1)


def measured(command, environment=ONE_THREAD):
    """Runs a command once."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        busy, now, begin = busy_seconds(), time.time(), time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        own = usage.ru_utime + usage.ru_stime
        foreign = max(0.0, busy_seconds() - busy - own) / wall
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            fail(command, errors.read().decode(errors="replace"))
        return Ran(out.read().decode(), now, wall, own, usage.ru_maxrss / 1024, usage.ru_minflt, foreign)


def undisturbed(command, environment=ONE_THREAD, limit=0.15, retries=1, patience_s=10):
    """Runs a command when others use less than `limit` cores, and again when they did not keep to it meanwhile; after
    `retries` the run that was disturbed least counts, and its `foreign` tells."""
    best = None
    for _ in range(retries + 1):
        wait_until_idle(limit, patience_s)
        ran = measured(command, environment)
        if best is None or ran.foreign < best.foreign:
            best = ran
        if best.foreign <= limit:
            break
        print(f"others used {ran.foreign:.2f} cores beside {os.path.basename(str(command[0]))}", file=sys.stderr)
    return best


def by_name(text):
    """Lines of a name and numbers, as a dictionary of lists."""
    return {name: [float(value) for value in values] for name, *values in map(str.split, text.splitlines())}
