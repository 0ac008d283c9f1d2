# SPDX-License-Identifier: Apache-2.0
"""Runs compare.py with pytorch-accelerated and the torch of an existing Python. Missing packages are installed into an
environment in FOLDER. If that is not possible, prints the reason and exits with 77.

    run.py --program PROGRAM --folder FOLDER [--libtorch FOLDER_OF_LIBTORCH]

The Python is HONE_PYTHON, else the one that contains the build's LibTorch, else python3. Its torch must be 2.11 or newer
and must be importable. torch itself is never downloaded, because it is too large for a test.
"""
import argparse
import os
import pathlib
import subprocess
import sys

REQUIREMENTS = ["pytorch-accelerated==0.1.61", "accelerate==1.15.0", "safetensors==0.8.0"]


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def last_line(text):
    return (text.strip().splitlines() or ["it says nothing"])[-1]


def torch_of(python):
    """Returns the folder of a Python's torch, or the reason why there is none."""
    code = "import pathlib, torch; print(torch.__version__); print(pathlib.Path(torch.__file__).parent.parent)"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError as error:
        return None, f"{python}: {error}"
    if done.returncode != 0:
        return None, f"{python}: {last_line(done.stderr)}"
    version, folder = done.stdout.strip().splitlines()[-2:]
    if tuple(int(part) for part in version.split(".")[:2]) < (2, 11):
        return None, f"{python}: its torch is {version}"
    return folder, None


def find_python(libtorch):
    named = os.environ.get("HONE_PYTHON")
    candidates = [named] if named else []
    if not named and libtorch:  # .../bin/python of .../lib/python3.11/site-packages/torch
        parents = pathlib.Path(libtorch).resolve().parents
        candidates += [str(python) for python in [parents[3] / "bin" / "python"] if python.exists()] if len(parents) > 3 else []
    if not named:
        candidates.append("python3")
    reasons = []
    for python in candidates:
        folder, reason = torch_of(python)
        if folder:
            return python, folder
        reasons.append(reason)
    skip("there is no Python whose torch can be imported (" + "; ".join(reasons) + "). Name one in HONE_PYTHON.")


def environment(python, torch_folder, folder):
    """Returns the Python of an environment with the torch of another Python and the required packages."""
    inside = folder / "bin" / "python"
    stamp = folder / "requirements"
    wanted = "\n".join([python, torch_folder, *REQUIREMENTS])
    if stamp.exists() and stamp.read_text() == wanted:
        return inside
    done = subprocess.run([python, "-m", "venv", "--clear", folder], capture_output=True, text=True)
    if done.returncode != 0:
        skip(f"{python} makes no environment: {last_line(done.stdout + done.stderr)}")
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "torch.pth").write_text(torch_folder + "\n")
    install = [inside, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--retries", "1", "--timeout", "20"]
    done = subprocess.run([*install, *REQUIREMENTS], capture_output=True, text=True)
    if done.returncode != 0:
        skip(f"{REQUIREMENTS[0]} cannot be installed: {last_line(done.stderr)}")
    stamp.write_text(wanted)
    return inside


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--libtorch")
    arguments = parser.parse_args()
    python, torch_folder = find_python(arguments.libtorch)
    inside = environment(python, torch_folder, arguments.folder / "environment")
    compare = pathlib.Path(__file__).with_name("compare.py")
    # On the CPU, one thread, nothing from the network.
    settings = {"ACCELERATE_USE_CPU": "true", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([inside, compare, arguments.program, arguments.folder], env={**os.environ, **settings})
    sys.exit(done.returncode)


main()
