# SPDX-License-Identifier: Apache-2.0
"""The Python whose packages hone is put beside."""

import os
import subprocess
import sys
import venv

from support import report

PACKAGES = ["torch==2.11.0", "numpy", "pytorch-accelerated==0.1.61", "torchtnt==0.2.4", "lightning==2.6.6",
            "accelerate==1.15.0", "pytorch-ignite==0.5.5"]  # fmt: skip
MODULES = "torch numpy pytorch_accelerated torchtnt.framework lightning accelerate ignite"


def has_all(python):
    """Nothing, or why this Python will not do."""
    program = f"import importlib\nfor name in '{MODULES}'.split(): importlib.import_module(name)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def find():
    """HONE_PYTHON where it can import everything, else a virtual environment below build/bench, made when missing."""
    if named := os.environ.get("HONE_PYTHON"):
        if not (why := has_all(named)):
            return named
        print(f"{named}: {why}. Taking an environment of its own.", file=sys.stderr)
    folder = report.ROOT / "build/bench/peers-python"
    python = folder / "bin/python"
    if not python.exists() or has_all(python):
        print(f"Putting {', '.join(PACKAGES)} into {folder} (about 3 GB to load)", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        if why := has_all(python):
            raise SystemExit(f"{python}: {why}. Remove {folder} and start again.")
    return str(python)


def versions(python):
    """Of the packages, as `name version`."""
    names = [package.split("==")[0] for package in PACKAGES]
    program = f"import importlib.metadata as m\nfor n in {names!r}: print(n, m.version(n))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())
