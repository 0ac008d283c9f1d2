# SPDX-License-Identifier: Apache-2.0
"""Describes the machine and the build: processor, system, compiler, flags."""

import json
import os
import platform
import re
import subprocess
from pathlib import Path


def processor():
    found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores"


def system():
    return f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}"


def file_system(folder):
    done = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True)
    return done.stdout.strip() or "unknown file system"


def version(*command):
    """The first line that a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return f"no {command[0]}"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def flags(build, source):
    """The compiler flags of a file in the folder `build` that affect speed. `source` is the end of the file's path."""
    commands = Path(build, "compile_commands.json")
    if commands.exists():
        for entry in json.loads(commands.read_text()):
            if entry["file"].endswith(source):
                found = re.findall(r"(?<= )-(?:O\w+|DNDEBUG|m\w+=\S+|f\S+|std=\S+)", entry["command"])
                return " ".join(dict.fromkeys(found))
    return "unknown"
