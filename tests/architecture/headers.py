# SPDX-License-Identifier: Apache-2.0
"""Checks that each header is self-contained.

    python3 headers.py FOLDER COMPILER FLAGS...      FOLDER: for the precompiled header

For the modules with LibTorch, the headers of LibTorch and of other libraries are precompiled. A header is compiled after
other headers only if it includes them anyway, which halves the number of compilations. Headers that need CUDA or MPI are
omitted; their own programs compile them.
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
        if name.endswith(".hpp") and "gloo_stubs" not in path:
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


def chains(paths):
    result = []
    for path in sorted(paths, key=lambda path: (len(every[path]), path)):
        for chain in result:
            if chain[-1] in every[path]:
                chain.append(path)
                break
        else:
            result.append([path])
    return result


def check(paths, *options):
    """Compiles the chains. Returns the numbers of compilations and of failures."""
    failures = 0
    for chain in (result := chains(paths)):
        code = "".join(f'#include "{path}"\n' for path in chain)
        command = [*compile, "-fsyntax-only", *options, "-x", "c++", "-"]
        failures += subprocess.run(command, input=code, text=True, check=False).returncode != 0
    return len(result), failures


with_torch = {path for path in text if not core.match(path)} - left_out

os.makedirs(folder, exist_ok=True)
header = os.path.join(folder, "libraries.hpp")
libraries = {line for path in with_torch for line in others.findall(text[path])}
libraries.discard("<torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>")  # is empty without the macros that gloo_backend.hpp defines
with open(header, "w", encoding="utf-8") as file:
    file.write("".join(f"#include {line}\n" for line in sorted(libraries)))
subprocess.run([*compile, "-x", "c++-header", "-fpch-instantiate-templates", header, "-o", header + ".pch"], check=True)
number, wrong = check(with_torch, "-include-pch", header + ".pch")
core_number, core_wrong = check(set(text) - with_torch - left_out)
print(f"{len(text) - len(left_out)} headers in {number + core_number} compilations; {len(left_out)} left out: {sorted(left_out)}")
sys.exit(wrong + core_wrong != 0)
