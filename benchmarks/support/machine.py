# SPDX-License-Identifier: Apache-2.0
"""On what was measured: processor, system, compiler, flags."""

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
    """The first line that a program says about itself."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return f"no {command[0]}"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def flags(build, source):
    """What `source`, the end of a path, was compiled with in `build`, as far as it matters for speed."""
    commands = Path(build, "compile_commands.json")
    if commands.exists():
        for entry in json.loads(commands.read_text()):
            if entry["file"].endswith(source):
                found = re.findall(r"(?<= )-(?:O\w+|DNDEBUG|m\w+=\S+|f\S+|std=\S+)", entry["command"])
                return " ".join(dict.fromkeys(found))
    return "unknown"
