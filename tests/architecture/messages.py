# SPDX-License-Identifier: Apache-2.0
"""Checks that each static_assert message in the headers is the expected message of a file in tests/compile_fail.

messages.py ROOT
"""

import re
import sys
from pathlib import Path

# Messages that cannot occur on a machine that runs the tests.
UNREACHED = ["hone: checkpoints are little-endian files. Compile for a little-endian machine."]
LITERALS = re.compile(r'(?:"(?:[^"\\\n]|\\.)*"\s*)+')
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def messages(text):
    for match in LITERALS.finditer(text):
        message = "".join(LITERAL.findall(match[0])).replace('\\"', '"')
        assertion = text.rfind("static_assert", 0, match.start())
        if message.startswith("hone: ") and assertion >= 0 and ";" not in text[assertion : match.start()]:
            yield match.start(), message


def main():
    root = Path(sys.argv[1])
    cases = (root / "tests/compile_fail").glob("*.cpp")
    expected = {case.read_text().split("\n", 1)[0].removeprefix("// expect: ") for case in cases}
    missing, count = [], 0
    for header in sorted((root / "include/hone").rglob("*.[hi]pp")):
        text = header.read_text()
        for place, message in messages(text):
            count += 1
            # A macro composes a message from a literal and its arguments.
            if message not in UNREACHED and not any(message in case for case in expected):
                missing.append(f"{header.relative_to(root)}:{text.count(chr(10), 0, place) + 1}: {message}")
    print(f"{count} messages, {len(missing)} of them without a case in tests/compile_fail.")
    if missing:
        raise SystemExit("\n".join(missing))


if __name__ == "__main__":
    main()
