# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of a step with valgrind's callgrind. The count does not depend on the load of the machine."""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from .processes import output

# The functions of glibc's allocator, by symbol name.
ALLOCATOR = re.compile(
    r"(__libc_|_int_|_mid_|tcache_)?(malloc|free|calloc|realloc|memalign|alloc_perturb|sysmalloc|systrim|heap_trim"
    r"|unlink_chunk|malloc_consolidate)\b"
)
SKIPPED = 77  # the exit code of a skipped test


def is_available():
    return shutil.which("valgrind") is not None


def require():
    if not is_available():
        print("Counting instructions needs valgrind. Install it (Debian, Ubuntu: valgrind).", file=sys.stderr)
        sys.exit(2)


def skip():
    print("Skipped: valgrind is not installed, so only allocations were counted. Install it to count instructions.")
    sys.exit(SKIPPED)


def read_profile(path):
    """The instructions of a profile: in total, and without the allocator."""
    names, total, allocator, in_allocator, is_inclusive = {}, 0, 0, False, False
    for line in path.read_text().splitlines():
        if match := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            if match[3]:
                names[match[2]] = match[3]
            if match[1] == "fn":
                in_allocator = ALLOCATOR.match(names[match[2]]) is not None
        elif line.startswith("calls="):
            is_inclusive = True  # the next line has the inclusive cost of the callee, which its own lines contain
        elif re.match(r"[+*-]|\d", line):
            cost = 0 if is_inclusive else int(line.split()[1])
            total, allocator, is_inclusive = total + cost, allocator + in_allocator * cost, False
        elif line.startswith("totals: ") and int(line.split()[1]) != total:
            raise SystemExit(f"{path}: the costs sum to {total} instructions, but the profile has '{line}'.")
    return total, total - allocator


def per_step_of_each(command, steps, variants):
    """The instructions per step of each of `variants` variants: in total, and without the allocator. The command writes two
    profiles of each variant that differ by `steps` steps, so the fixed cost of a run cancels out."""
    with tempfile.TemporaryDirectory() as folder:
        output(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/profile",
                *command])  # fmt: skip
        found = [read_profile(Path(folder, f"profile.{i + 1}")) for i in range(2 * variants)]
    return [[(b - a) / steps for a, b in zip(*pair)] for pair in zip(found[::2], found[1::2])]


def per_step(command, steps):
    """The same for a command that profiles one variant."""
    return per_step_of_each(command, steps, 1)[0]
