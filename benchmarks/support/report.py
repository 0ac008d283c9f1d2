# SPDX-License-Identifier: Apache-2.0
"""The options that every benchmark takes, and the two files that it writes."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def parser(name, description):
    """Options of the benchmark `name`: --build, --json and --page, to which it adds its own."""
    options = argparse.ArgumentParser(
        prog=f"scripts/bench {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--build", type=Path, default=ROOT / "build/bench-build", help="the build folder")
    options.add_argument("--json", type=Path, default=ROOT / f"build/bench/{name}.json")
    options.add_argument("--page", type=Path, default=ROOT / f"docs/benchmarks/{name}.md")
    options.set_defaults(benchmark=name)
    return options


def program(options, name=None):
    """The program bench_NAME of the build folder, by default the benchmark's own."""
    path = options.build.resolve() / "benchmarks" / f"bench_{name or options.benchmark}"
    if not path.exists():
        raise SystemExit(f"{path} is not there. Run scripts/bench {options.benchmark}, which builds it.")
    return path


def command(options):
    """How this run was started, as the user types it."""
    given = [word for word in sys.argv[1:]]
    if "--build" in given:  # scripts/bench's own
        at = given.index("--build")
        del given[at : at + 2]
    return shlex.join(["scripts/bench", options.benchmark, *given])


def write(options, results, page):
    """Writes `results` as JSON and `page`, Markdown from its title on, below a line that names its maker; then prints
    the page's tables."""
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(
        f"<!-- Made by benchmarks/{options.benchmark}/run.py. Do not edit. -->\n{page.strip()}\n"
    )
    print("\n".join(line for line in page.splitlines() if line.startswith("|")))


def mnist():
    """The folder of MNIST's four files where there is one: HONE_MNIST, or beside the project."""
    for folder in (os.environ.get("HONE_MNIST"), ROOT.parent / "shared/data/mnist"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    return None


def how(options):
    """The head of a page's last section."""
    return f"## How it was measured\n\n```sh\n{command(options)}\n```\n"
