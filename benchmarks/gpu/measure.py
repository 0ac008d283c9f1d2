# SPDX-License-Identifier: Apache-2.0
"""Measures all variants in turns on one device, and writes the results as JSON.

measure.py --program BENCH_GPU [--python PYTHON] [--json FILE] [--data FOLDER] [--workloads a,b]
           [--variants a,b] [--rounds N] [--seconds N] [--device cuda|cpu] [--keep] [--tiny]

Each variant of each workload is a process. First, all processes are prepared in parallel: they train a few steps from the same
weights, and their losses are compared. Then, in each round, each process has a turn, while the other processes are idle; the
order changes. The failure of a variant is recorded, and the remaining variants continue. The file is complete after each round.
"""

import argparse
import contextlib
import json
import math
import os
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import machine, report, rounds  # noqa: E402

WORKLOADS = ["gpt2", "mnist_mlp", "surrogate", "mnist_cnn", "char_gpt", "wide_mlp"]  # slowest first
PYTHON_VARIANTS = ["torch_compile", "torch_eager", "lightning"]
# Relative tolerance of a mean loss. In bfloat16, the order of additions matters more.
TOLERANCE = {"gpt2": 1e-2}
DEFAULT_TOLERANCE = 2e-3
PREPARE_S, TURN_S = 300, 120  # timeouts


class VariantProcess:
    """The process of a variant, which answers commands. After a failure, it is stopped and has an error message."""

    def __init__(self, command, environment):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, env={**os.environ, **environment})  # fmt: skip
        self.failure = None

    def ask(self, line, limit_s):
        """Sends a command and returns the answer, or {"error": ...}."""
        if self.failure:
            return {"error": self.failure}
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            answer = self.read_line(limit_s)
            if answer is not None:
                return json.loads(answer)
            self.failure = self.exit_message()
        except TimeoutError:
            self.failure = f"no answer to '{line}' within {limit_s} s"
        except (OSError, ValueError) as error:
            self.failure = f"{error}; {self.exit_message()}"
        self.end()
        return {"error": self.failure}

    def read_line(self, limit_s):
        end, text = time.monotonic() + limit_s, b""
        while not text.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                return None
            text += piece
        return text

    def exit_message(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace").strip()
        return f"exit status {self.process.returncode}: {text[-1500:]}"

    def end(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10 if not self.failure else 0.1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def described(command):
    """The output of `describe` of a program, or {"error": ...}."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip()[-1500:]}
    return json.loads(done.stdout.splitlines()[-1])


def user_options():
    """The options of the command line that `run` does not add."""
    words = iter(sys.argv[1:])
    return [word for word in words if word not in ("--program", "--python", "--json", "--data") or not next(words)]


def graphics_card():
    with contextlib.suppress(OSError):
        query = "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit"
        done = subprocess.run(["nvidia-smi", query, "--format=csv,noheader"], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip().splitlines()[0]
    return ""


class Run:
    def __init__(self, options):
        self.options = options
        self.native = [options.program, *(["--tiny"] if options.tiny else []), "--text", report.ROOT / "LICENSE"]
        self.script = [options.python, Path(__file__).with_name("torch_loops.py"), "--device", options.device]
        self.folder = options.data.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes, self.shared = {}, {}
        # gpt2 needs tens of GiB of device memory during the warm-up.
        self.large = threading.Semaphore(2)
        self.results = {
            "options": user_options(), "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
            "program": described([options.program, "describe"]), "python": described([*self.script, "describe"]),
            "card": graphics_card(), "processor": machine.processor(), "system": machine.system(), "tiny": options.tiny,
            "workloads": {}}  # fmt: skip
        if options.keep and options.json.exists():
            for workload, found in json.loads(options.json.read_text())["workloads"].items():
                if workload not in options.workloads:
                    self.results["workloads"][workload] = found
        if "error" in self.results["program"]:
            raise SystemExit(f"{options.program}: {self.results['program']['error']}")
        if self.results["program"]["device"] == "no GPU":
            raise SystemExit(f"{options.program} found no GPU. Run this on a machine where nvidia-smi lists one.")

    def names(self, workload):
        known = list(self.results["program"]["variants"][workload])
        if workload != "wide_mlp" and "error" not in self.results["python"]:
            known += PYTHON_VARIANTS
        return [name for name in known if name in self.options.variants or not self.options.variants]

    def process(self, workload, variant):
        """Starts the process of a variant. With --shared-process, all variants of a program share a process."""
        program = self.script if variant in PYTHON_VARIANTS else self.native
        environment = {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "4", "PYTHONDONTWRITEBYTECODE": "1"}
        if not self.options.shared_process:
            return VariantProcess([*program, "serve", self.folder], environment)
        key = variant in PYTHON_VARIANTS
        if key not in self.shared:
            self.shared[key] = VariantProcess([*program, "serve", self.folder], environment)
        return self.shared[key]

    def prepare(self, workload, variant):
        begin = time.monotonic()
        process = self.processes[workload, variant]
        with self.large if workload == "gpt2" else contextlib.nullcontext():
            answer = process.ask(f"prepare {workload} {variant}", PREPARE_S)
        took = time.monotonic() - begin
        print(f"{workload} {variant}: {answer.get('error') or 'ready'} ({took:.0f} s)", file=sys.stderr)
        self.results["workloads"][workload]["variants"][variant] = {"prepare": answer, "turns": []}
        self.end_if_failed(process, answer)

    def end_if_failed(self, process, answer):
        """Ends a failed process, which releases its device memory."""
        if "error" in answer and not self.options.shared_process:
            process.end()

    def write_data(self, workload):
        if workload == "wide_mlp":
            return
        command = [str(word) for word in [*self.native, "write", self.folder, workload]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{workload}: {done.stderr.strip()}")

    def all(self, workload):
        return self.results["workloads"][workload]["variants"]

    def compare(self, workload):
        """Marks the variants whose loss agrees with the median. All have trained the same steps from the same weights."""
        prepared = {name: found["prepare"] for name, found in self.all(workload).items()}
        losses = {name: answer["loss"] for name, answer in prepared.items() if "loss" in answer}
        numbers = [loss for loss in losses.values() if loss is not None and math.isfinite(loss)]
        median = statistics.median_low(numbers) if numbers else math.nan
        tolerance = TOLERANCE.get(workload, DEFAULT_TOLERANCE)
        for name, loss in losses.items():
            self.all(workload)[name]["agrees"] = loss is not None and abs(loss - median) <= tolerance * abs(median)
        self.results["workloads"][workload]["tolerance"] = tolerance

    @staticmethod
    def has_no_error(found):
        return not any("error" in answer for answer in [found["prepare"], *found["turns"]])

    def take_turns(self, end):
        for index in range(self.options.rounds):
            for workload in self.options.workloads:
                alive = [name for name, found in self.all(workload).items() if self.has_no_error(found)]
                *_, order = rounds.orders(alive, index + 1)
                for name in order:
                    turn = self.processes[workload, name].ask(f"turn {workload} {name}", TURN_S)
                    self.all(workload)[name]["turns"].append(turn)
                    if "error" in turn:
                        print(f"{workload} {name}: {turn['error']}", file=sys.stderr)
                        self.end_if_failed(self.processes[workload, name], turn)
            self.save()
            if time.monotonic() > end:
                print(f"stopped at the time limit, after {index + 1} rounds", file=sys.stderr)
                return

    def count_syncs(self):
        for workload in self.options.workloads:
            for name, found in self.all(workload).items():
                if name not in PYTHON_VARIANTS and self.has_no_error(found):
                    found["syncs"] = self.processes[workload, name].ask(f"syncs {workload} {name}", TURN_S)

    def save(self):
        partial = self.options.json.with_suffix(".partial")
        partial.write_text(json.dumps(self.results, indent=1) + "\n")
        partial.replace(self.options.json)

    def __call__(self):
        begin = time.monotonic()
        workloads = self.options.workloads
        try:
            with ThreadPoolExecutor(len(workloads)) as pool:
                list(pool.map(self.write_data, workloads))
            pairs = [(workload, name) for workload in workloads for name in self.names(workload)]
            for workload in workloads:
                self.results["workloads"][workload] = {"variants": {name: None for name in self.names(workload)}}
            for pair in pairs:
                self.processes[pair] = self.process(*pair)
            with ThreadPoolExecutor(1 if self.options.shared_process else self.options.parallel) as pool:
                # torch.compile is the slowest to prepare.
                pairs.sort(key=lambda pair: pair[1] != "torch_compile")
                list(pool.map(lambda pair: self.prepare(*pair), pairs))
            for workload in workloads:
                self.compare(workload)
            self.results["prepared_s"] = time.monotonic() - begin
            self.save()
            self.take_turns(begin + self.options.seconds)
            self.count_syncs()
            self.results["took_s"] = time.monotonic() - begin
            self.save()
        finally:
            for process in self.processes.values():
                process.end()


def names(text):
    return text.split(",")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True, help="bench_gpu")
    parser.add_argument("--python", default=sys.executable, help="the Python with the PyTorch to measure")
    parser.add_argument("--json", type=Path, default=report.ROOT / "build/gpu/results/gpu.json")
    parser.add_argument("--data", type=Path, default=report.ROOT / "build/gpu/data", help="a folder for the data, about 1 GB")
    parser.add_argument("--workloads", type=names, default=WORKLOADS)
    parser.add_argument("--variants", type=names, default=[], help="default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=220, help="the latest start of a round")
    parser.add_argument("--parallel", type=int, default=16, help="the number of variants to prepare at the same time")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--keep", action="store_true", help="keep the results of workloads that are not measured again")
    parser.add_argument("--tiny", action="store_true", help="few steps and small networks, for a test")
    parser.add_argument("--shared-process", action="store_true", help="one process for each program, for a quick test")
    options = parser.parse_args()
    options.json = options.json.resolve()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    for workload in options.workloads:
        if workload not in WORKLOADS:
            parser.error(f"There is no workload {workload}. Pass one or more of: {', '.join(WORKLOADS)}.")
    Run(options)()


if __name__ == "__main__":
    main()
