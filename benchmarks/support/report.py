# SPDX-License-Identifier: Apache-2.0
"""The common options of the benchmarks, and their result files."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def parser(name, description, script=None):
    """Returns an argument parser with the common options --build, --json and --page. `script` is the command that runs the
    benchmark; the default is `scripts/bench NAME`."""
    script = script or f"scripts/bench {name}"
    options = argparse.ArgumentParser(
        prog=script, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--build", type=Path, default=ROOT / "build/bench-build", help="the build folder")
    options.add_argument("--json", type=Path, default=ROOT / f"build/bench/{name}.json", help="the results, as JSON")
    options.add_argument("--page", type=Path, default=ROOT / f"docs/benchmarks/{name}.md", help="the results, as Markdown")
    options.set_defaults(benchmark=name, script=script)
    return options


def program(options, name=None):
    """The path of bench_NAME in the build folder. The default name is the name of the benchmark."""
    path = options.build.resolve() / "benchmarks" / f"bench_{name or options.benchmark}"
    if not path.exists():
        raise SystemExit(f"There is no program {path}. Run {options.script}, which builds it.")
    return path


def command(options):
    """The command line of this run, as the user types it."""
    arguments = sys.argv[1:]
    if "--build" in arguments:  # added by scripts/bench
        at = arguments.index("--build")
        del arguments[at : at + 2]
    return shlex.join([*options.script.split(), *arguments])


def write(options, results, page):
    """Writes `results` as JSON and `page` as Markdown, with a first line that names its generator. Prints the tables."""
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(
        f"<!-- Made by benchmarks/{options.benchmark}/run.py. Do not edit. -->\n{page.strip()}\n"
    )
    print("\n".join(line for line in page.splitlines() if line.startswith("|")))


def mnist():
    """The folder of MNIST's four files, or None: HONE_MNIST, or ../shared/data/mnist."""
    for folder in (os.environ.get("HONE_MNIST"), ROOT.parent / "shared/data/mnist"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    return None


def method(options):
    """The start of the last section of a page."""
    return f"## Method\n\n```sh\n{command(options)}\n```\n"
