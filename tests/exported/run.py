# SPDX-License-Identifier: Apache-2.0
"""Exports the packages of models.py and runs the tests that train them. Exporting needs a C++ compiler and a Python
(HONE_PYTHON, else python3) with the program's version of torch. Without them, prints the reason and exits with 77.

    run.py --program TESTS --folder FOLDER --script EXPORT_STEP [--torch VERSION]
"""
import argparse
import os
import pathlib
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--program", required=True, type=pathlib.Path)
parser.add_argument("--folder", required=True, type=pathlib.Path)
parser.add_argument("--script", required=True, type=pathlib.Path)
parser.add_argument("--torch", required=True, help="the version that the program is linked with")
arguments = parser.parse_args()
models = pathlib.Path(__file__).with_name("models.py")
python = os.environ.get("HONE_PYTHON") or "python3"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def run(*command):
    # Inductor compiles with CXX, which may be a compiler without OpenMP's headers. Its default works.
    environment = {name: value for name, value in os.environ.items() if name != "CXX"}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=arguments.folder, env=environment)


arguments.folder.mkdir(parents=True, exist_ok=True)
try:
    asked = run(python, "-c",
                "import torch, torch.utils.cpp_extension, torch._inductor.cpp_builder as b; b.get_cpp_compiler(); print(torch.__version__)")  # fmt: skip
except OSError as error:
    skip(f"{python}: {error}")
if asked.returncode:
    skip(f"{python} cannot compile with torch: {(asked.stderr.strip().splitlines() or ['it says nothing'])[-1]}")
version = asked.stdout.strip().splitlines()[-1].split(".")[:2]
if version != arguments.torch.split(".")[:2]:
    skip(f"{python} has torch {'.'.join(version)}, and the tests are linked with {arguments.torch}.")

for name, options in (("plain", []), ("dropout", ["--no-outputs"])):
    package = arguments.folder / f"{name}.pt2"
    if package.exists() and package.stat().st_mtime > max(p.stat().st_mtime for p in (models, arguments.script)):
        continue
    done = run(python, arguments.script, f"{models}:{name}", package, *options)
    if done.returncode:
        sys.exit(f"Exporting {name} failed: {done.stderr}")

for where, sentence in ((f"{models}:refused", "depends on values in tensors"), (f"{models}:nothing", "has no function nothing"),
                        ("nowhere.py:plain", "The file nowhere.py does not exist")):  # fmt: skip
    done = run(python, arguments.script, where, "refused.pt2")
    if done.returncode != 2 or sentence not in done.stderr or len(done.stderr.strip().splitlines()) != 1:
        sys.exit(f"{where} should be refused with code 2 and one line, '{sentence}': {done.returncode} {done.stderr}")

environment = {**os.environ, "HONE_EXPORTED": str(arguments.folder), "HONE_PYTHON": python,
               "PYTHONPATH": str(models.parent), "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
sys.exit(subprocess.run([arguments.program, "[.package]"], env=environment).returncode)
