#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs sanitizers, fuzzers and kill tests, and writes a page with the results. Started by scripts/soak, which lists the options."""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

SANITIZERS = {
    "asan": "address, undefined behavior",
    "ubsan": "undefined behavior",
    "tsan": "threads",
}
PARTS = [*SANITIZERS, "fuzz", "kill"]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/soak", add_help=False)
    parser.add_argument("minutes", nargs="?", type=float, default=60.0)
    parser.add_argument("--fuzz", type=float, metavar="MINUTES_EACH")
    parser.add_argument("--kills", type=int, metavar="N")
    parser.add_argument("--skip", default="ubsan")
    parser.add_argument("--only")
    parser.add_argument("--seed", type=int, default=int(datetime.date.today().strftime("%Y%m%d")))
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--page")
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--compile-jobs", type=int, default=1)
    given = parser.parse_args()
    chosen = given.only.split(",") if given.only else [part for part in PARTS if part not in given.skip.split(",")]
    for part in [*chosen, *given.skip.split(",")]:
        if part not in PARTS:
            parser.error(f"there is no part {part}; the parts are {', '.join(PARTS)}")
    given.parts = chosen
    return given


def say(text):
    print(text, file=sys.stderr, flush=True)


def output_of(*command, **more):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


class Soak:
    def __init__(self, given):
        self.given = given
        self.root = given.root
        self.logs = self.root / "build" / "log"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.results = self.root / "build" / "soak-results"
        self.has_findings = False

    def run_logged(self, name, command, **more):
        """Runs a command, writes its output to build/log, and returns its exit code and output."""
        log = self.logs / f"soak-{name}.txt"
        begin = time.monotonic()
        with log.open("w") as out:
            code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more).returncode
        say(f"{name}: exit code {code} after {time.monotonic() - begin:.0f} s ({log.relative_to(self.root)})")
        return code, log.read_text(errors="replace")

    def built(self, preset, *targets):
        """Configures and builds a preset. Returns its folder, or None if that fails."""
        folder = self.root / "build" / preset
        configure = ["cmake", "--preset", preset, f"-DLibTorch_ROOT={os.environ['LibTorch_ROOT']}"]
        build = ["cmake", "--build", str(folder), "--parallel", str(self.given.compile_jobs)]
        if targets:
            build += ["--target", *targets]
        for step, command in (("configure", configure), ("build", build)):
            code, _ = self.run_logged(f"{step}-{preset}", command, cwd=self.root)
            if code != 0:
                return None
        return folder

    # -------------------------------------------------------------------------------------------------- sanitizers

    def sanitizer(self, preset):
        folder = self.built(preset)
        if folder is None:
            self.keep(preset, True, tests="does not build", passed="", skipped="", failed="")
            return
        report = folder / "soak.xml"
        # Fuzzers and kill tests are separate parts.
        self.run_logged(f"test-{preset}", ["ctest", "--test-dir", str(folder), "--output-on-failure", "--parallel", "2",
                                           "-LE", "^fuzz$", "-E", "^kill$", "--output-junit", str(report)])
        cases = xml.parse(report).getroot().findall("testcase")
        failed = [case.get("name") for case in cases if case.get("status") == "fail"]
        skipped = [case.get("name") for case in cases if case.get("status") not in ("run", "fail")]
        self.keep(preset, bool(failed), tests=len(cases), passed=len(cases) - len(failed) - len(skipped), skipped=listed(skipped),
                  failed=listed(failed))

    # ----------------------------------------------------------------------------------------------------- fuzzing

    def fuzz(self, seconds):
        folder = self.built("soak", "fuzz_idx", "fuzz_checkpoint", "fuzz_safetensors", "fuzz_training_state")
        if folder is None:
            self.keep("fuzz", True, lines=["The fuzzers do not build."])
            return
        shown = json.loads(output_of("ctest", "--test-dir", str(folder), "--show-only=json-v1", "-L", "^fuzz$"))
        waiting = [FuzzRun(self, test, seconds) for test in shown["tests"]]
        begin = time.monotonic()
        running, done = [], []
        while waiting or running:
            while waiting and len(running) < self.given.jobs:
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(1)
            for run in [run for run in running if run.is_over()]:
                running.remove(run)
                done.append(run)
        say(f"fuzz: {time.monotonic() - begin:.0f} s")
        lines = [f"libFuzzer with the address and undefined-behavior sanitizers, {seconds / 60:.4g} minutes for each target, "
                 f"{min(self.given.jobs, len(done))} at a time, `-seed={self.given.seed}`, from the corpus in `tests/fuzz/corpus`.", "",
                 "| target | executions | per second | edges covered | features | inputs kept | slowest input | memory | findings |",
                 "|---|---|---|---|---|---|---|---|---|"]
        lines += [run.row() for run in sorted(done, key=lambda run: run.name)]
        self.keep("fuzz", any(run.findings() for run in done), lines=lines)

    # ------------------------------------------------------------------------------------------------------- kills

    def kills(self, seconds):
        folder = self.built("soak", "kill_test")
        if folder is None:
            self.keep("kill", True, lines=["The test does not build."])
            return
        program = str(folder / "tests" / "kill" / "kill_test")
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        runs, code, begin, seed = [], 0, time.monotonic(), self.given.seed
        while code == 0:
            number = self.given.kills if self.given.kills is not None else 25
            code, text = self.run_logged(f"kill-{seed}", [program, str(number), str(seed)], env=environment)
            runs.append((number, seed, text))
            seed += 1
            if self.given.kills is not None or time.monotonic() - begin > seconds:
                break
        total = {}
        jobs = kills = 0
        for _, _, text in runs:
            if found := re.search(r"(\d+) kills over (\d+) jobs", text):
                kills, jobs = kills + int(found[1]), jobs + int(found[2])
            for signal in ("SIGKILL", "SIGTERM"):
                for count, place in re.findall(r"(\d+) ([a-z ]+)", (re.findall(rf"^{signal}:(.*)$", text, re.M) or [""])[-1]):
                    places = total.setdefault(place.strip(), {})
                    places[signal] = places.get(signal, 0) + int(count)
        commands = ", ".join(f"`kill_test {number} {seed}`" for number, seed, _ in runs)
        lines = [f"A job is killed, or stopped by SIGTERM, at random times, and resumed until it has ended; then its files are compared "
                 f"byte by byte with those of an undisturbed run ({commands}).", "",
                 f"{kills} times over {jobs} jobs. " + ("All files were equal." if code == 0 else "**Files differed, or a job failed.**"), "",
                 "| the job was | SIGKILL | SIGTERM |", "|---|---|---|"]
        lines += [f"| {place} | {counts.get('SIGKILL', 0)} | {counts.get('SIGTERM', 0)} |" for place, counts in total.items()]
        if code != 0:
            lines += ["", "```", *runs[-1][2].strip().splitlines()[-15:], "```"]
        self.keep("kill", code != 0, lines=lines)

    # ------------------------------------------------------------------------------------------------------ the page

    def run(self):
        given = self.given
        fuzz_seconds = 60 * (given.fuzz if given.fuzz is not None else 0.75 * given.minutes * min(given.jobs, 4) / 4)
        for part in PARTS:
            if part not in given.parts:
                continue
            self.stamp = self.circumstances()
            if part == "fuzz":
                self.fuzz(fuzz_seconds)
            elif part == "kill":
                self.kills(60 * 0.25 * given.minutes)
            else:
                self.sanitizer(part)

    def keep(self, part, has_findings, **result):
        """Stores the result of a part with date, commit and compiler. The page shows the latest result of each part."""
        self.has_findings |= has_findings
        result |= self.stamp
        self.results.mkdir(parents=True, exist_ok=True)
        (self.results / f"{part}.json").write_text(json.dumps(result, indent=1))

    def kept(self, part):
        file = self.results / f"{part}.json"
        return json.loads(file.read_text()) if file.exists() else None

    def circumstances(self):
        compiler = re.search(r"(clang|g\+\+|gcc)\D*([\d.]+)", output_of(os.environ["CXX"], "--version"))
        version = pathlib.Path(os.environ["LibTorch_ROOT"], "include/torch/headeronly/version.h")
        if not version.exists():
            version = pathlib.Path(os.environ["LibTorch_ROOT"], "include/torch/csrc/api/include/torch/version.h")
        numbers = re.findall(r"#define TORCH_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", version.read_text())
        words = " ".join(["scripts/soak", *sys.argv[1:]])
        return {
            "date": f"{datetime.date.today():%d %B %Y}".removeprefix("0"),
            "command": re.sub(r" --(root|compile-jobs|page) \S+", "", words),
            "commit": output_of("git", "-C", str(self.root), "describe", "--always", "--dirty", "--exclude=*").strip(),
            "compiler": f"{compiler[1]} {compiler[2]}" if compiler else os.environ["CXX"],
            "libtorch": ".".join(numbers[:3]),
        }

    def page(self):
        lines = ["<!-- Made by scripts/soak. Do not edit. -->", "", "# Soak test", "",
                 "The newest result of each part of `scripts/soak`, with the commit that it ran on.", ""]
        sanitizers = {part: self.kept(part) for part in SANITIZERS}
        missing = [f"the tests under the sanitizer of {SANITIZERS[part]}, `{part}`" +
                   (" (`asan` includes it)" if part == "ubsan" else "") for part, result in sanitizers.items() if result is None]
        if any(sanitizers.values()):
            lines += ["## Tests under sanitizers", "",
                      "| preset | sanitizers | tests | passed | skipped | with findings | date, commit | compiler, LibTorch |",
                      "|---|---|---|---|---|---|---|---|"]
            for part, one in sanitizers.items():
                if one is not None:
                    lines += [f"| `{part}` | {SANITIZERS[part]} | {one['tests']} | {one['passed']} | {one['skipped']} | {one['failed']} | "
                              f"{one['date']}, {one['commit']} | {one['compiler']}, {one['libtorch']} |"]
            lines += ["", "`tests/sanitizers` lists the findings in LibTorch, libgomp and MPI that are suppressed, each with its reason. "
                      "Tests that measure, and tests of what a compiler says or generates, are left out.", ""]
        for part, title in (("fuzz", "Fuzzing"), ("kill", "Kills")):
            result = self.kept(part)
            if result is None:
                missing.append({"fuzz": "the fuzzers", "kill": "the kills"}[part])
                continue
            lines += [f"## {title}", "",
                      f"`{result['command']}` on {result['date']}, commit {result['commit']}, {result['compiler']}, LibTorch {result['libtorch']}.",
                      "", *result["lines"], ""]
        if missing:
            lines += ["## Not run", "", *[f"- {what}" for what in missing], ""]
        return "\n".join(lines).rstrip() + "\n"


class FuzzRun:
    """A run of a libFuzzer target with the command of its test, but longer."""

    def __init__(self, soak, test, seconds):
        self.soak, self.name = soak, test["name"].removeprefix("fuzz_")
        properties = {entry["name"]: entry["value"] for entry in test["properties"]}
        self.folder = pathlib.Path(properties["WORKING_DIRECTORY"])
        self.artifacts = self.folder / f"soak_{self.name}"
        shutil.rmtree(self.artifacts, ignore_errors=True)
        (self.artifacts / "corpus").mkdir(parents=True)
        # A high timeout, because a busy machine may stop a process for long.
        replaced = {"timeout": "120", "max_total_time": f"{seconds:.0f}", "artifact_prefix": f"{self.artifacts}/", "seed": str(soak.given.seed),
                    "print_final_stats": "1"}
        self.command = [word for word in test["command"] if not re.match(rf"-({'|'.join(replaced)})=", word)]
        self.command = [str(self.artifacts / "corpus") if word == f"found_{self.name}" else word for word in self.command]
        self.command[1:1] = [f"-{name}={value}" for name, value in replaced.items()]
        self.environment = {**os.environ, **dict(entry.split("=", 1) for entry in properties.get("ENVIRONMENT", []))}
        self.log = soak.logs / f"soak-fuzz-{self.name}.txt"

    def start(self):
        say(f"fuzz {self.name}: started ({self.log.relative_to(self.soak.root)})")
        self.process = subprocess.Popen(self.command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    def is_over(self):
        return self.process.poll() is not None

    def findings(self):
        found = [file.name for file in self.artifacts.iterdir() if file.is_file()]
        return found or ([f"exit code {self.process.returncode}"] if self.process.returncode != 0 else [])

    def row(self):
        text = self.log.read_text(errors="replace")
        stats = dict(re.findall(r"^stat::(\w+):\s*(\d+)", text, re.M))
        status = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text) or [("?", "?", "?")]
        edges, features, corpus = status[-1]
        executions = stats.get("number_of_executed_units", "?")
        if executions.isdigit():
            executions = f"{int(executions):,}"
        return (f"| `{self.name}` | {executions} | {stats.get('average_exec_per_sec', '?')} | {edges} | {features} | {corpus} | "
                f"{stats.get('slowest_unit_time_sec', '?')} s | {stats.get('peak_rss_mb', '?')} MB | {listed(self.findings())} |")


def listed(names):
    return f"{len(names)}: " + ", ".join(f"`{name}`" for name in names) if names else "none"


def main():
    given = arguments()
    soak = Soak(given)
    soak.run()
    page = soak.page()
    path = pathlib.Path(given.page) if given.page else given.root / "docs" / "soak.md"
    path.write_text(page)
    print(page)
    sys.exit(1 if soak.has_findings else 0)


if __name__ == "__main__":
    main()
