# SPDX-License-Identifier: Apache-2.0
"""Checks that a trainer with invalid types has all public members of a trainer, so that no error follows its first one.

invalid_trainer.py ROOT

Compares the public members of `Trainer` and `TrainingRun` with their stand-ins in trainer/invalid_trainer.hpp, and checks that the
test tests/compile_fail/trainer_with_swapped_arguments.cpp uses each of them.
"""

import re
import sys
from pathlib import Path

NO_MEMBERS = {"requires", "decltype", "Trainer", "TrainingRun", "noexcept"}


def class_body(text, head):
    """Returns the text of the class that begins with `head`, without comments."""
    text = re.sub(r"//.*", "", text)
    begin = text.index(head)
    return text[begin : text.index("\n};", begin)]


def public_members(body):
    """Returns the names that are declared at the indentation of members, after `public:` and before `private:`."""
    names = set()
    for section in re.findall(r"^ public:\n(.*?)(?=^ private:|\Z)", body, re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^  (?![ }]|template|using|friend|~)(.*)", section, re.MULTILINE):
            if constant := re.match(r"static constexpr bool (\w+)", line):
                names.add(constant[1])
            elif found := [name for name in re.findall(r"(\w+)\(", line) if name not in NO_MEMBERS]:
                names.add(found[0])
    return names


def main():
    root = Path(sys.argv[1])
    trainer = root / "include/hone/trainer"
    invalid = re.sub(r"//.*", "", (trainer / "invalid_trainer.hpp").read_text())
    test = (root / "tests/compile_fail/trainer_with_swapped_arguments.cpp").read_text()
    wrong = []
    for header, head, stand_in, variable in (
        ("trainer.hpp", "class Trainer<", "class Trainer {", "trainer"),
        ("training_run.hpp", "class TrainingRun {", "struct InvalidRun {", "run"),
    ):
        members = public_members(class_body((trainer / header).read_text(), head))
        if len(members) < 6 or "step" not in members:
            raise SystemExit(f"{header}: found only the members {sorted(members)}.")
        own = class_body(invalid, stand_in)
        print(f"{header}: {len(members)} public members.")
        wrong += [f"{name} of {header} is missing in {stand_in} of invalid_trainer.hpp." for name in sorted(members)
                  if not re.search(rf"\b{name}( =|\()", own)]
        wrong += [f"{variable}.{name} is not used in trainer_with_swapped_arguments.cpp." for name in sorted(members)
                  if not re.search(rf"\b{variable}\.{name}\b", test)]
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
