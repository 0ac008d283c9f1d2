# SPDX-License-Identifier: Apache-2.0
"""Checks that each case fails to compile, with the message in its first line (`// expect: MESSAGE`) as its only error.

run.py TOGETHER COMPILER FLAGS...

TOGETHER includes all cases, each in a separate namespace, so that the compiler reads the headers once. A case whose one
error is missing from the output, for instance because another case triggers the same instantiation, is compiled alone.
Another test checks that all cases compile with -DFIXED.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ERROR = re.compile(r"(^|[: ])(fatal )?error: ")
# The lines of a diagnostic that precede its error.
CONTEXT = re.compile(r"^In file included from |^ +from |: In |: At global scope|:   (recursively )?required ")


def compiled(command, source):
    """Returns whether `source` compiles, and the diagnostics."""
    quiet = ["-fsyntax-only", "-w", "-ftemplate-backtrace-limit=0", "-fdiagnostics-color=never"]
    quiet += ["-ferror-limit=0", "-fno-caret-diagnostics"] if "clang" in Path(command[0]).name else ["-fno-diagnostics-show-caret"]
    run = subprocess.run([*command, *quiet, source], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return run.returncode == 0, run.stderr


def diagnostics(output):
    """Splits the output into parts with one error each."""
    parts, part, has_error = [], [], False
    for line in output.splitlines():
        begins = CONTEXT.search(line) and not ERROR.search(line)
        if has_error and (begins or ERROR.search(line)):
            parts.append("\n".join(part))
            part, has_error = [], False
        part.append(line)
        has_error = has_error or bool(ERROR.search(line))
    return parts + ["\n".join(part)] if has_error else parts


def error_of(part):
    return next(line for line in part.splitlines() if ERROR.search(line))


def failure_alone(command, case, message):
    """Returns an explanation of what is wrong with the case, or an empty string."""
    compiles, output = compiled(command, case)
    if compiles:
        return f"{case} compiles, and should not. Expected: {message}"
    errors = [line for line in output.splitlines() if ERROR.search(line)]
    if len(errors) == 1 and message in errors[0]:
        return ""
    return "\n".join([case, f"Expected as the only error: {message}", "Errors found:", *errors, "All of it:", output])


def main():
    together, *command = sys.argv[1:]
    cases = re.findall(r'^namespace file_\w+ \{\n#include "(.*)"$', Path(together).read_text(), re.MULTILINE)
    messages = {}
    for case in cases:
        first = Path(case).read_text().split("\n", 1)[0]
        if not first.startswith("// expect: "):
            raise SystemExit(f"{case}: the first line is not '// expect: MESSAGE'.")
        messages[case] = first.removeprefix("// expect: ")

    parts = diagnostics(compiled(command, together)[1])
    owners = [[case for case in cases if f"{case}:" in part] for part in parts]
    alone = []
    for case, message in messages.items():
        own = [part for part, owner in zip(parts, owners) if case in owner]
        if len(own) != 1 or message not in error_of(own[0]):
            alone.append(case)
    # Compilers do not always name the instantiation that leads to an error.
    unowned = [part for part, owner in zip(parts, owners) if len(owner) != 1]
    unexplained = [part for part in unowned if not any(messages[case] in error_of(part) for case in alone)]
    if unexplained:
        print("Errors that belong to no single case; compiling every case alone:", *unexplained, sep="\n")
        alone = cases
    failures = [text for case in alone if (text := failure_alone(command, case, messages[case]))]
    print(f"{len(cases)} cases, {len(alone)} of them compiled alone: {', '.join(Path(case).stem for case in alone) or 'none'}.")
    print(*failures, sep="\n\n")
    sys.exit(1 if failures else 0)


main()
