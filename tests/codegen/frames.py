# SPDX-License-Identifier: Apache-2.0
"""Counts the stack frames between `train` and the user's `forward` in a program without optimization, and their name lengths.

frames.py NM PROGRAM [MAX_FRAMES MAX_FRAME MAX_SYMBOL]

Prints each frame of hone with the length of its name, and the longest symbol of the program. With limits, the exit code is
1 if a limit is exceeded.
"""
import bisect
import subprocess
import sys

nm, program, *limits = sys.argv[1:]
rows = subprocess.run([nm, "-nC", "--defined-only", program], capture_output=True, text=True, check=True).stdout.splitlines()
symbols = [(int(row.split(" ", 2)[0], 16), row.split(" ", 2)[2]) for row in rows if row.split(" ", 2)[1] in "tTwWuV"]
starts = [start for start, _ in symbols]
stack = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split("\n\n")[0].split()
names = [symbols[bisect.bisect_right(starts, int(address, 16) - 1) - 1][1] for address in stack]


def function(symbol):
    """Returns the name with its template arguments, as in a debugger: without return type and parameters."""
    depth, begin, parts = 0, 0, []
    text = symbol.replace("decltype(auto) ", "").replace("operator()", "operator[]")
    for i, letter in enumerate(text):
        depth += letter in "<({"
        depth -= letter in ">)}" and text[i - 1] != "-"
        if depth == 0 and letter == " ":
            begin = i + 1
        if depth == 1 and letter == "(":
            return text[begin:i]
    return text[begin:]


first = next(i for i, name in enumerate(names) if "Net::forward" in name)
last = next(i for i, name in enumerate(names) if name == "main")
between = [name for name in map(function, names[first + 1 : last]) if name.startswith("hone::")]
frames = len(between) - 1  # `train` itself is the last
for name in between:
    print(f"{len(name):6} {name[:120]}")
longest = max(map(len, between))
symbol = max((name for _, name in symbols if "hone::" in name), key=len)
print(f"frames between train and forward: {frames}; longest: {longest} characters; longest symbol: {len(symbol)}")
if limits:
    sys.exit(any(value > int(limit) for value, limit in zip((frames, longest, len(symbol)), limits)))
