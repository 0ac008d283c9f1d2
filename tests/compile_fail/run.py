# SPDX-License-Identifier: Apache-2.0
"""Each case must not compile, its only error being the sentence in its first line (`// expect: SENTENCE`).

run.py TOGETHER COMPILER FLAGS...

TOGETHER includes all cases, each in a namespace of its own: most of the time goes into headers, which are read once. A
case for which that does not show its one error, such as where two cases cause the same, is compiled alone. That the
cases compile with -DFIXED is another test.
"""

import re
import subprocess
import sys
from pathlib import Path

ERROR = re.compile(r"(^|[: ])(fatal )?error: ")
# The lines of a diagnostic that stand before its error.
CONTEXT = re.compile(r"^In file included from |^ +from |: In |: At global scope|:   (recursively )?required ")


def compiled(command, source):
    """Whether it compiles, and what is printed."""
    quiet = ["-fsyntax-only", "-w", "-ftemplate-backtrace-limit=0", "-fdiagnostics-color=never"]
    quiet += ["-ferror-limit=0", "-fno-caret-diagnostics"] if "clang" in command[0] else ["-fno-diagnostics-show-caret"]
    run = subprocess.run([*command, *quiet, source], capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    return run.returncode == 0, run.stderr


def diagnostics(output):
    """The parts of the output that hold one error each."""
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


def failure_alone(command, case, sentence):
    """What is wrong with the case, or nothing."""
    compiles, output = compiled(command, case)
    if compiles:
        return f"{case} compiles, and should not. Expected: {sentence}"
    errors = [line for line in output.splitlines() if ERROR.search(line)]
    if len(errors) == 1 and sentence in errors[0]:
        return ""
    return "\n".join([case, f"Expected as the only error: {sentence}", "Errors found:", *errors, "All of it:", output])


def main():
    together, *command = sys.argv[1:]
    cases = re.findall(r'^namespace file_\w+ \{\n#include "(.*)"$', Path(together).read_text(), re.MULTILINE)
    sentences = {}
    for case in cases:
        first = Path(case).read_text().split("\n", 1)[0]
        if not first.startswith("// expect: "):
            raise SystemExit(f"{case}: the first line is not '// expect: SENTENCE'.")
        sentences[case] = first.removeprefix("// expect: ")

    parts = diagnostics(compiled(command, together)[1])
    owners = [[case for case in cases if f"{case}:" in part] for part in parts]
    alone = []
    for case, sentence in sentences.items():
        own = [part for part, owner in zip(parts, owners) if case in owner]
        if len(own) != 1 or sentence not in error_of(own[0]):
            alone.append(case)
    # Compilers do not always say which instantiation led to an error.
    unowned = [part for part, owner in zip(parts, owners) if len(owner) != 1]
    unexplained = [part for part in unowned if not any(sentences[case] in error_of(part) for case in alone)]
    if unexplained:
        print("Errors that are of no one case, so all are compiled alone:", *unexplained, sep="\n")
        alone = cases
    failures = [text for case in alone if (text := failure_alone(command, case, sentences[case]))]
    print(f"{len(cases)} cases, {len(alone)} of them compiled alone: {', '.join(Path(case).stem for case in alone) or 'none'}.")
    print(*failures, sep="\n\n")
    sys.exit(1 if failures else 0)


main()
