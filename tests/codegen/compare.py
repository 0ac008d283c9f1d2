# SPDX-License-Identifier: Apache-2.0
"""Compares the instructions of the functions train, evaluate and step, and of the functions that they call, in object files.

compare.py same|different OBJDUMP FIRST SECOND
compare.py without OBJDUMP OBJECT PATTERN

Compares all functions that these three reach within the object and whose name contains the type of the callbacks, by name
and instruction by instruction. Other functions are the same in every program, although their layout may differ. Addresses,
alignment padding and the name of the callbacks' type are ignored. `without`: checks that the regular expression PATTERN
matches no name of these functions or of a symbol that they refer to.
"""

import re
import subprocess
import sys

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
RELOCATION = re.compile(r"^\s+[0-9a-f]+: (R_\w+)\s+(.*)$")
INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\s+(.*)$")
ENTRY = re.compile(r"(train|evaluate|step)\(")
CALLBACKS = re.compile(r"hone::(Callbacks|CallbackSet)<")
PADDING = re.compile(r"^(cs |data16 |rex\.W |xchg +%ax,%ax)*(nop|xchg +%ax,%ax|int3)")


def plain(text):
    text = re.sub(r"hone::(Callbacks|CallbackSet)<(Listener)?\s*>", r"hone::\1<>", text)
    text = re.sub(r"\.L[^\s+-]+", ".L", text)  # a number that the compiler assigns
    text = re.sub(r"\.rodata\._Z\w+", ".rodata", text)  # a jump table, with the mangled name of its function
    text = re.sub(r"\s+#.*", "", text)  # objdump's comment: the address that a relocation will fill in
    text = re.sub(r"\b[0-9a-f]+ (?=<)", "", text)  # the address before a <name+offset>
    return re.sub(r"\s+", " ", text).strip()


def without_offset(name):
    return re.sub(r"[+-]0x[0-9a-f]+$", "", name)


def functions(objdump, path):
    """Returns a dictionary from function name to (instructions, names that they refer to)."""
    listing = subprocess.run(
        [objdump, "--disassemble", "--reloc", "--demangle", "--no-show-raw-insn", path],
        check=True, capture_output=True, text=True).stdout  # fmt: skip
    found, lines, targets = {}, [], set()
    for line in listing.splitlines():
        if match := FUNCTION.match(line):
            lines, targets = found.setdefault(plain(match[1]), ([], set()))
        elif match := RELOCATION.match(line):
            lines[-1] = re.sub(r" <.*>$", "", lines[-1])  # objdump's guess, before it reads the relocation
            lines.append(f"  {match[1]} {plain(match[2])}")
            targets.add(without_offset(plain(match[2])))
        elif (match := INSTRUCTION.match(line)) and not PADDING.match(match[1]):
            lines.append(plain(match[1]))
            if jump := re.search(r" <(.*)>$", lines[-1]):
                targets.add(without_offset(jump[1]))
    return found


def reached(found):
    names = {name for name in found if ENTRY.match(name)}
    if len({name.split("(")[0] for name in names}) != 3:
        raise SystemExit("compare.py: the functions train, evaluate and step were not found.")
    todo = list(names)
    while todo:
        for target in found[todo.pop()][1]:
            if target in found and target not in names:
                names.add(target)
                todo.append(target)
    return {name: found[name][0] for name in names}


def composed(found):
    """Returns the reached functions that are compiled once for each type of callbacks."""
    return {name: lines for name, lines in reached(found).items() if ENTRY.match(name) or CALLBACKS.search(name)}


def require_without(objdump, path, pattern):
    found = functions(objdump, path)
    names = reached(found).keys()
    names = names | {target for name in names for target in found[name][1]}
    wrong = sorted(name for name in names if re.search(pattern, name))
    print(f"{len(names)} names, {len(wrong)} of them with {pattern}.")
    if wrong:
        raise SystemExit("\n".join(wrong))


def main():
    if sys.argv[1] == "without":
        return require_without(*sys.argv[2:])
    expectation, objdump, *paths = sys.argv[1:]
    first, second = (composed(functions(objdump, path)) for path in paths)
    unequal = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    count = sum(len(lines) for lines in first.values())
    print(f"{len(first)} functions with {count} lines of disassembly, {len(unequal)} of them unequal.")
    if expectation == "same" and unequal:
        for name in unequal:
            one, other = first.get(name, []), second.get(name, [])
            print(f"\n{name}\n  {len(one)} and {len(other)} lines, the first unequal ones:")
            print("\n".join(f"    {a}\n    {b}" for a, b in list(zip(one, other)) if a != b)[:400])
        raise SystemExit(1)
    if expectation == "different" and not unequal:
        print("They are equal, and should not be: a hook that is heard leaves instructions.")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
