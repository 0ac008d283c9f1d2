# SPDX-License-Identifier: Apache-2.0
"""Finds a Python with the frameworks that hone is compared with."""

import os
import subprocess
import sys
import venv

from support import report

PACKAGES = ["torch==2.11.0", "numpy", "pytorch-accelerated==0.1.61", "torchtnt==0.2.4", "lightning==2.6.6",
            "accelerate==1.15.0", "pytorch-ignite==0.5.5"]  # fmt: skip
MODULES = "torch numpy pytorch_accelerated torchtnt.framework lightning accelerate ignite"


def import_error(python):
    """The error of importing the packages, or an empty string."""
    program = f"import importlib\nfor name in '{MODULES}'.split(): importlib.import_module(name)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def find():
    """Returns HONE_PYTHON if it has all packages. Otherwise returns a virtual environment in build/bench, and creates it if it
    does not exist."""
    if python := os.environ.get("HONE_PYTHON"):
        if not (error := import_error(python)):
            return python
        print(f"{python}: {error}. Using a virtual environment instead.", file=sys.stderr)
    folder = report.ROOT / "build/bench/frameworks-python"
    python = folder / "bin/python"
    if not python.exists() or import_error(python):
        print(f"Installing {', '.join(PACKAGES)} in {folder} (downloads about 3 GB)", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        if error := import_error(python):
            raise SystemExit(f"{python}: {error}. Remove {folder}, and run the benchmark again.")
    return str(python)


def versions(python):
    """The versions of the packages."""
    names = [package.split("==")[0] for package in PACKAGES]
    program = f"import importlib.metadata as m\nfor n in {names!r}: print(n, m.version(n))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())
