# SPDX-License-Identifier: Apache-2.0
"""Instructions of a step, counted by valgrind's callgrind: the same number on a busy machine as on an idle one."""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from .processes import output

# The functions of glibc's heap, by the names that its symbols give them.
HEAP = re.compile(
    r"(__libc_|_int_|_mid_|tcache_)?(malloc|free|calloc|realloc|memalign|alloc_perturb|sysmalloc|systrim|heap_trim"
    r"|unlink_chunk|malloc_consolidate)\b"
)
SKIPPED = 77  # the exit code of a test that could not be run


def is_there():
    return shutil.which("valgrind") is not None


def require():
    if not is_there():
        print("Counting instructions takes valgrind. Install it (Debian, Ubuntu: valgrind).", file=sys.stderr)
        sys.exit(2)


def skip():
    print("Skipped: valgrind is not installed, so only allocations were counted. Install it to count instructions.")
    sys.exit(SKIPPED)


def read_profile(path):
    """Instructions of a profile: all of them, and those outside malloc and its kin."""
    names, total, heap, in_heap, inclusive = {}, 0, 0, False, False
    for line in path.read_text().splitlines():
        if match := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            if match[3]:
                names[match[2]] = match[3]
            if match[1] == "fn":
                in_heap = HEAP.match(names[match[2]]) is not None
        elif line.startswith("calls="):
            inclusive = True  # the next line repeats what the function that is called says itself
        elif re.match(r"[+*-]|\d", line):
            cost = 0 if inclusive else int(line.split()[1])
            total, heap, inclusive = total + cost, heap + in_heap * cost, False
        elif line.startswith("totals: ") and int(line.split()[1]) != total:
            raise SystemExit(f"{path}: read {total} instructions, but the profile says {line}.")
    return total, total - heap


def per_step_of_each(command, steps, variants):
    """Of one step, in all and outside the heap, for each variant. For each, the command writes two profiles that differ
    by `steps` steps, so that what a run costs once goes out."""
    with tempfile.TemporaryDirectory() as folder:
        output(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/profile",
                *command])  # fmt: skip
        found = [read_profile(Path(folder, f"profile.{i + 1}")) for i in range(2 * variants)]
    return [[(b - a) / steps for a, b in zip(*pair)] for pair in zip(found[::2], found[1::2])]


def per_step(command, steps):
    """The same for a command that profiles one variant."""
    return per_step_of_each(command, steps, 1)[0]
