# SPDX-License-Identifier: Apache-2.0
"""Limits the number of lines that hone's headers make the compiler read: lines.py all|core COMPILER FLAGS...

Times vary with the machine, lines do not. If a limit is exceeded, the largest headers are listed. Include less, or raise
the limit if the feature is worth the cost in every file of every user.
"""

import collections
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# With libstdc++ 12, within about 5 %. Later standard libraries are larger: their limits are higher by a third.
LIMITS = {
    "hone.hpp": 24_000,  # beyond torch/torch.h
    "core": 65_500,
    "schedule": 39_000,
    "history": 37_500,
    "metrics": 55_000,
    "callbacks": 89_000,
}


def count(compiler, source):
    """Returns the number of non-blank lines after `int here;` for each file."""
    done = subprocess.run([*compiler, "-E", "-x", "c++", "-"], input=source, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    lines = collections.Counter()
    file = ""
    for line in done.stdout[done.stdout.index("int here;") :].splitlines()[1:]:
        if line.startswith("#"):
            if marker := re.match(r'#(?:line)? \d+ "([^"]*)"', line):
                file = marker[1]
        elif line.strip():
            lines[file] += 1
    return lines


def main():
    which, *compiler = sys.argv[1:]
    failed = []
    done = subprocess.run([*compiler, "-E", "-dM", "-x", "c++", "-"], input="#include <cstddef>\n", capture_output=True, text=True)
    release = re.search(r"#define _GLIBCXX_RELEASE (\d+)", done.stdout)
    allowance = 1 if release and int(release[1]) <= 12 else 4 / 3
    for name, limit in LIMITS.items():
        if name == "hone.hpp":
            if which == "core":
                continue
            source = "#include <torch/torch.h>\nint here;\n#include <hone/hone.hpp>\n"
        else:
            headers = sorted(path.relative_to(ROOT / "include") for path in (ROOT / "include/hone" / name).glob("*.hpp"))
            source = "int here;\n" + "".join(f"#include <{header}>\n" for header in headers)
        lines = count(compiler, source)
        limit = int(limit * allowance)
        print(f"{name}: {lines.total()} lines, at most {limit}")
        if lines.total() > limit:
            most = "".join(f"\n    {number:6} {file}" for file, number in lines.most_common(12))
            failed.append(f"{name} makes the compiler read {lines.total()} lines, more than {limit}. Most are from:{most}")
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
