# SPDX-License-Identifier: Apache-2.0
"""Checks that each public name in the headers has a comment, so that the reference (scripts/docs) has no gaps.

reference.py ROOT

Public are the types, concepts, functions and variables in namespace hone, outside of a namespace `detail`, and their public
members. A name is documented by a comment above it (`///`) or behind it (`///<`), of any of its declarations, so that one
comment is enough for all overloads. A member needs none

- if the comment of its type names it, as in **Units** patience: evaluations;
- if a concept of the same module or for the same policy slot asks for it, in its definition or its comment;
- if it is a hook (`on_...`), which the event documents, an override, an operator, an alias, or a default, copy or move
  constructor;
- if it is `begin`, `end`, `size` or `empty`, or a member of a nested type with a function `serialize`: the state that a
  resumed run needs.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs/site"))
from headers import Reference  # noqa: E402


def main():
    root = Path(sys.argv[1])
    reference = Reference(root / "include")
    missing, count = [], 0
    for each, owner in reference.all():
        count += 1
        place = f"include/{each.header}:{each.line}: {each.kind} {'::'.join(each.path)}"
        if reference.needs_comment(each, owner):
            missing.append(place)
        elif each.doc.startswith("**"):
            missing.append(f"{place}: the comment starts with a heading")
    print(f"{count} public declarations, {len(missing)} of them without a comment.")
    if missing:
        raise SystemExit("\n".join(missing))


if __name__ == "__main__":
    main()
