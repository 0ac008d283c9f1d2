# SPDX-License-Identifier: Apache-2.0
"""Checks that each header of the modules with LibTorch is self-contained.

    python3 headers.py FOLDER COMPILER FLAGS...      FOLDER: for the precompiled header

The headers of LibTorch and of other libraries are precompiled for all headers. A header is compiled after other headers
only if it includes them anyway, which halves the number of compilations. Headers that need CUDA or MPI are omitted; their
own programs compile them.
"""
import os
import re
import subprocess
import sys

folder, *compile = sys.argv[1:]
root = os.path.join(os.path.dirname(__file__), "..", "..", "include")
core = re.compile(r"hone/(fwd\.hpp|(core|schedule|history|metrics|callbacks)/)")
others = re.compile(r"^#include (<(?:torch|ATen|c10|boost|fmt|nlohmann|range)/[^>]*>)", re.M)

text = {}
for place, _, names in os.walk(os.path.join(root, "hone")):
    for name in names:
        path = os.path.relpath(os.path.join(place, name), root)
        if name.endswith(".hpp") and not core.match(path):
            code = open(os.path.join(root, path), encoding="utf-8").read()
            text[path] = re.sub(r"#ifdef HONE_WITH_CUDA.*?#(else|endif)", "", code, flags=re.S)
includes = {path: set(re.findall(r'^#include "(hone/.*?)"', code, re.M)) & set(text) for path, code in text.items()}


def reached(path, found):
    for other in includes[path] - found:
        found.add(other)
        reached(other, found)
    return found


every = {path: reached(path, set()) for path in text}
foreign = {path for path, code in text.items() if re.search(r'#error "hone: .*CUDA|#include <mpi\.h>', code)}
left_out = {path for path in text if every[path] & foreign or path in foreign}
chains = []
for path in sorted(set(text) - left_out, key=lambda path: (len(every[path]), path)):
    for chain in chains:
        if chain[-1] in every[path]:
            chain.append(path)
            break
    else:
        chains.append([path])

os.makedirs(folder, exist_ok=True)
header = os.path.join(folder, "libraries.hpp")
libraries = {line for path in set(text) - left_out for line in others.findall(text[path])}
libraries.discard("<torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>")  # is empty without the macros that gloo_backend.hpp defines
with open(header, "w", encoding="utf-8") as file:
    file.write("".join(f"#include {line}\n" for line in sorted(libraries)))
subprocess.run([*compile, "-x", "c++-header", "-fpch-instantiate-templates", header, "-o", header + ".pch"], check=True)
wrong = 0
for chain in chains:
    code = "".join(f'#include "{path}"\n' for path in chain)
    command = [*compile, "-fsyntax-only", "-include-pch", header + ".pch", "-x", "c++", "-"]
    wrong += subprocess.run(command, input=code, text=True, check=False).returncode != 0
print(f"{len(text) - len(left_out)} headers in {len(chains)} compilations; {len(left_out)} left out: {sorted(left_out)}")
sys.exit(wrong != 0)
