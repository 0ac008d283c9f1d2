# SPDX-License-Identifier: Apache-2.0
"""Checks the code blocks of README.md, CONTRIBUTING.md and the pages in docs.

    blocks.py check                           checks what needs no compiler, and prints the number of blocks of each kind
    blocks.py compile PART FOLDER COMMANDS    compiles the C++ blocks of a part (see PARTS) as FOLDER/PART.cpp, by the command
                                              for this file in COMMANDS, a compile_commands.json
    blocks.py program FILE                    writes the program of the README to FILE
    blocks.py output PROGRAM                  runs it, and compares its output with the next block of the README

Each block is fenced and names its language:

- `cpp`: a block of statements becomes a function; its declarations precede the function. In a block without semicolons, each
  line is an expression. `context.hpp` declares the names that blocks use without a declaration. A compiler's error names the
  page and the line.
- `sh`: scripts, their options and presets must exist. `cmake`: the commands must be in a project of tests/install.
  `python`, `fortran`: the syntax is checked.
- `text`: the output of the program above it, or messages, whose words must be in the string literals of the headers.

HTML comments directly above a C++ block:

    <!-- from: examples/030_callbacks.cpp -->   each paragraph of the block must be in that file, apart from comments and
                                                whitespace; the block is not compiled again
    <!-- then: trainer.train(train_set); -->    compiles these statements after those of the block, to instantiate its templates
    <!-- not compiled: REASON -->
"""

import ast
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["host", "cuda"]  # translation units: most of their time is for LibTorch's headers
LANGUAGES = ["cpp", "sh", "cmake", "python", "fortran", "text"]
NEEDS_CUDA = re.compile(r"\b(StepCapture|Nccl|nccl\.hpp)\b|c10::cuda|\.execution\(\)")  # compiled in the part `cuda`
# Compiled only where the header is found.
NEEDS_HEADER = {"mpi.h": re.compile(r"\b(Mpi|MPI_\w+|mpi\.hpp)\b"), "nccl.h": re.compile(r"\b(Nccl|nccl\.hpp)\b")}

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<include>^\#include[^\n]*)|(?P<text>"(?:[^"\\\n]|\\.)*")"""
    r"""|(?P<word>\w(?:[\w.]|'(?=\d))*)|(?P<char>'(?:[^'\\\n]|\\.)*')|(?P<other>\S)""",
    re.DOTALL | re.MULTILINE,
)
DECLARATION = {"struct", "class", "enum", "template", "namespace", "using", "extern", "static_assert", "TORCH_MODULE"}
CONTROL = {"for", "if", "while", "do", "switch", "try", "{"}
GLOBAL = re.compile(r"BOOST_HANA_ADAPT_|struct hone::")  # valid in the global namespace only


class Block:
    def __init__(self, page, line, language, code, marks):
        """`line` is the number of the first line of code; `marks` has (text, line) by the name of the comment."""
        self.page, self.line, self.language, self.code, self.marks = page, line, language, code, marks
        self.is_program = language == "cpp" and bool(re.search(r"^int main\(", code, re.MULTILINE))
        self.runs = self.is_program and page == "README.md"
        self.is_compiled = language == "cpp" and not self.runs and not {"from", "not compiled"} & set(marks)

    def __str__(self):
        return f"{self.page}:{self.line}"


def pages():
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def marks_above(lines, fence):
    """The comments directly above the line with the fence."""
    marks, last = {}, fence - 1
    while last >= 0 and lines[last].rstrip().endswith("-->"):
        first = last
        while "<!--" not in lines[first]:
            first -= 1
        comment = "\n".join(lines[first : last + 1]).strip()
        if mark := re.match(r"<!-- (from|then|not compiled): (.*?) ?-->$", comment, re.DOTALL):
            marks[mark[1]] = (mark[2], first + 1)
        last = first - 1
    return marks


def blocks_of(page, problems):
    name, lines, found, i = str(page.relative_to(ROOT)), page.read_text().split("\n"), [], 0
    while i < len(lines):
        if fence := re.match(r"^( *)```(\w*)$", lines[i]):
            end = next(j for j in range(i + 1, len(lines)) if lines[j].strip() == "```")
            code = "\n".join(line.removeprefix(fence[1]) for line in lines[i + 1 : end])
            found.append(Block(name, i + 2, fence[2], code, marks_above(lines, i)))
            if fence[2] not in LANGUAGES:
                problems.append(f"{name}:{i + 1}: '{fence[2]}' is not the language of a block. Use {', '.join(LANGUAGES)}.")
            i = end
        elif lines[i].startswith("    ") and not lines[i - 1].strip() and not re.match(r" *([-*]|\d+\.) ", lines[i]):
            problems.append(f"{name}:{i + 1}: this block is indented. Put it between fences, with its language.")
            i = next((j for j in range(i, len(lines)) if lines[j].strip() and not lines[j].startswith("    ")), len(lines)) - 1
        i += 1
    return found


def all_blocks(problems):
    return [block for page in pages() for block in blocks_of(page, problems)]


# ---------------------------------------------------------------------------------------------------------------- C++


def tokens(code):
    return [match for match in TOKEN.finditer(code) if match.lastgroup != "comment"]


def depth_change(token):
    return (token[0] in "({[") - (token[0] in ")}]") if token.lastgroup == "other" else 0


def ends_item(text, following):
    """True if a token outside of brackets is the last one of a declaration or statement."""
    return text == ";" or (text == "}" and following not in ("else", "catch", "while") and following[:1] not in ";,.)=<>?:&|+-*/")


def kind_of(item):
    first = re.match(r"\w+|\S", item)[0]
    is_function = item[-1] == "}" and first not in CONTROL and re.match(r"[^={;]*\w\([^;]*\)( const)? \{", item)
    is_declaration = first in DECLARATION or first.startswith("BOOST_HANA_ADAPT_") or is_function
    return "declaration" if is_declaration else "statement"


def split(code):
    """The includes, declarations and statements of a block: (kind, position, text)."""
    includes = [("include", token.start(), token[0]) for token in tokens(code) if token.lastgroup == "include"]
    others = [token for token in tokens(code) if token.lastgroup != "include"]
    items, lines, depth, start, line = [], [], 0, None, None
    for token, following in zip(others, [*others[1:], None]):
        start = token.start() if start is None else start
        line = token.start() if line is None else line
        depth += depth_change(token)
        if depth == 0 and (following is None or ends_item(token[0], following[0])):
            text = code[start : token.end()]
            items.append((kind_of(text), start, text))
            start = None
        if depth == 0 and (following is None or "\n" in code[token.end() : following.start()]):
            lines.append(("statement", line, code[line : token.end()] + ";"))
            line = None
    is_plain = lambda kind, text: kind == "statement" and text[-1] != ";" and re.match(r"\w+|\S", text)[0] not in CONTROL
    if all(is_plain(kind, text) for kind, _, text in items):
        return includes + lines
    return includes + items


def condition_of(text):
    return " && ".join(f"__has_include(<{header}>)" for header, pattern in NEEDS_HEADER.items() if pattern.search(text))


def under_condition(condition, lines):
    return [f"#if {condition}", *lines, "#endif"] if condition else lines


def name_of(page):
    return re.sub(r"\W", "_", page.removeprefix("docs/").removesuffix(".md").lower())


def translated(block):
    """The includes of a block, and its code, with its declarations before the function of its statements."""
    includes, declarations, statements = [], [], []
    shown_files = re.findall(r"^// (\w+\.hpp)$", block.code, re.MULTILINE)  # of a block with several files
    for kind, start, text in split(block.code):
        line = block.line + block.code.count("\n", 0, start)
        indent = " " * (start - block.code.rfind("\n", 0, start) - 1)
        if kind != "include":
            (declarations if kind == "declaration" else statements).extend([f'#line {line} "{block.page}"', indent + text])
        elif not any(f'"{name}"' in text for name in shown_files):
            includes.append(text)
    if "then" in block.marks:
        text, line = block.marks["then"]
        statements += [f'#line {line} "{block.page}"', text]
    namespace, code = f"docs::{name_of(block.page)}", []
    if declarations and GLOBAL.search(block.code):
        code += declarations
    elif block.is_program:
        # Only the global `main` may end without a return.
        pragma = "#pragma GCC diagnostic"
        code += [f"namespace {namespace}::program_{block.line} {{", f"{pragma} push", f'{pragma} ignored "-Wreturn-type"']
        code += [*declarations, f"{pragma} pop", "}"]
    elif declarations:
        code += [f"namespace {namespace} {{", *declarations, "}"]
    if statements:
        code += [f"namespace {namespace} {{", f"void block_{block.line}() {{", *statements, "}", "}"]
    return includes, under_condition(condition_of(block.code), code)


def part_of(block):
    return "cuda" if NEEDS_CUDA.search(block.code) else "host"


def translation_unit(part, blocks):
    chosen = [block for block in blocks if block.is_compiled and part_of(block) == part]
    includes, code = {}, []
    for block in chosen:
        new, lines = translated(block)
        includes.update((text, condition_of(text)) for text in new)
        code += lines
    head = [f"#define DOCS_{name_of(page).upper()}" for page in dict.fromkeys(block.page for block in chosen)]
    for text, condition in includes.items():
        head += under_condition(condition, [text])
    return "\n".join([*head, '#include "context.hpp"', *code, ""]), chosen


def compile_part(part, folder, commands):
    source = Path(folder).resolve() / f"{part}.cpp"
    text, chosen = translation_unit(part, all_blocks([]))
    source.write_text(text)
    entry = next(entry for entry in json.loads(Path(commands).read_text()) if Path(entry["file"]) == source)
    command, words = [], iter(shlex.split(entry["command"]))
    for word in words:
        if word in ("-o", "-MT", "-MF", "-c"):
            next(words)
        elif word != "-MD":
            command.append(word)
    # The blocks do not use all of their variables, and hide names of the context.
    command += ["-fsyntax-only", "-Wno-shadow", *(f"-Wno-unused{kind}" for kind in ("", "-parameter", "-value", "-result"))]
    command += ["-I", str(ROOT / "tests/docs"), str(source)]
    done = subprocess.run(command, cwd=entry["directory"], check=False)
    print(f"{part}: {len(chosen)} blocks of {len({block.page for block in chosen})} pages.")
    return done.returncode


def code_alone(code):
    return "\0".join(token[0] for token in tokens(code))


def check_cut(block, problems):
    """Each paragraph of the block is in the file that its comment names."""
    path = block.marks["from"][0]
    file = ROOT / path
    if not file.exists():
        problems.append(f"{block}: there is no file {path}.")
        return
    text = file.read_text()
    if file.suffix == ".md":
        text = "\n".join(other.code for other in blocks_of(file, []) if other.is_compiled)
    text = code_alone(text)
    for paragraph in re.split(r"\n\s*\n", block.code):
        if code_alone(paragraph) not in text:
            problems.append(f"{block}: this is not in {path}:\n{paragraph}")


# ------------------------------------------------------------------------------------------------------ other languages


def help_of(script, arguments, known={}):
    """The help of a script; of a Python script its text, as its imports may be missing."""
    if script not in known and script.endswith(".py"):
        known[script] = (ROOT / script).read_text()
    elif script not in known:
        done = subprocess.run([ROOT / script, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        known[script] = done.stdout + done.stderr
    if script == "scripts/bench" and arguments:  # passes its options to the benchmark
        folders = (ROOT / "benchmarks" / arguments[0], ROOT / "benchmarks/support")
        return known[script] + "".join(file.read_text() for folder in folders for file in folder.glob("*.py"))
    return known[script]


def check_shell(block, problems):
    syntax = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True, check=False)
    if syntax.returncode:
        problems.append(f"{block}: {syntax.stderr.strip()}")
    presets = json.loads((ROOT / "CMakePresets.json").read_text())
    for line in block.code.replace("\\\n", " ").split("\n"):
        words = line.split("#")[0].split()
        for kind, preset in re.findall(r"cmake (--workflow )?--preset (\S+)", " ".join(words)):
            if preset not in {entry["name"] for entry in presets["workflowPresets" if kind else "configurePresets"]}:
                problems.append(f"{block}: CMakePresets.json has no preset {preset} for this.")
        for script in (word for word in words if word.startswith("scripts/")):
            arguments = words[words.index(script) + 1 :]
            if not (ROOT / script).exists():
                continue  # reported with the names of the page
            if script == "scripts/bench" and arguments and not (ROOT / "benchmarks" / arguments[0] / "run.py").exists():
                problems.append(f"{block}: there is no benchmark {arguments[0]}.")
            for argument in arguments:
                if argument.startswith("./") or argument == "bash":
                    break  # a program that the script starts
                if argument.startswith("--") and not re.search(rf"(?<![\w-]){argument}(?![\w-])", help_of(script, arguments)):
                    problems.append(f"{block}: the help of {script} does not have {argument}.")


def check_cmake(block, problems):
    """Each command is in a project that tests build, apart from the names of the user's targets."""
    projects = "\n".join(file.read_text() for file in (ROOT / "tests/install").rglob("CMakeLists.txt"))
    projects = re.sub(r"#.*", "", projects + projects.replace("hone::${PART}", "hone::hone"))
    for command in re.findall(r"^\s*(\w+\(.*?\))", re.sub(r"#.*", "", block.code), re.DOTALL | re.MULTILINE):
        if not re.search(re.sub(r"\b(app|tool)\b", r"\\w+", re.escape(command)), projects):
            problems.append(f"{block}: no project of tests/install has {command}.")


def check_python(block, problems):
    try:
        ast.parse(block.code)
    except SyntaxError as error:
        problems.append(f"{block.page}:{block.line + error.lineno - 1}: {error.msg}")


def check_fortran(block, problems):
    if shutil.which("gfortran"):
        code = f"program p\nuse iso_c_binding\nimplicit none\n{block.code}\nend program\n"
        command = ["gfortran", "-fsyntax-only", "-x", "f95", "-ffree-line-length-none", "-"]
        done = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
        if done.returncode:
            problems.append(f"{block}: {done.stderr.strip()}")


def check_names(problems):
    """Scripts, and options and variables that begin with HONE_, exist, also in prose and tables."""
    folders = ("include", "cmake", "scripts", "examples", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    code = "\n".join(f.read_text(errors="replace") for f in files if f.suffix in (".hpp", ".cpp", ".py", ".cmake", ""))
    for page in pages():
        name, text = page.relative_to(ROOT), page.read_text()
        for variable in sorted(set(re.findall(r"\bHONE_\w+", text))):
            if not re.search(rf"\b{variable}\b", code):
                problems.append(f"{name}: the code does not have {variable}.")
        for script in sorted(set(re.findall(r"(?<![\w./])scripts/\w[\w.]*\w", text))):
            if not (ROOT / script).exists():
                problems.append(f"{name}: there is no {script}.")


# ------------------------------------------------------------------------------------------------------------- messages


def words_of(text):
    return [word for word in (re.sub(r"^[('\"`\[]+|[)'\"`\].:,;]+$", "", word) for word in text.split()) if word]


class Literals:
    """The words between the placeholders of the headers' string literals, and of the messages in tests/compile_fail."""

    VALUE = re.compile(r"[\d_/.{]|^[A-Z]\w*[A-Z]|^-?-\w|^(Long|Float)$")

    def __init__(self):
        texts = [file.read_text().split("\n", 1)[0] for file in (ROOT / "tests/compile_fail").glob("*.cpp")]
        for file in (ROOT / "include").rglob("*.[hi]pp"):
            code = re.sub(r"^\s*//.*$", "", file.read_text(), flags=re.MULTILINE)
            for literal in re.findall(r'(?:"(?:[^"\\\n]|\\.)*"\s*)+', code):
                texts.append("".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', literal)))
        self.fragments = {" ".join(words_of(part)) for text in texts for part in text.split("{}")}
        self.all = "\n".join(f" {fragment} " for fragment in self.fragments)

    def missing(self, text):
        """The first words that are neither in a literal nor a value, or an empty string."""
        words, i = words_of(text), 0
        while i < len(words):
            end = next((j for j in range(len(words), i + 1, -1) if f" {' '.join(words[i:j])} " in self.all), i + 1)
            if end == i + 1 and words[i] not in self.fragments and not self.VALUE.search(words[i]):
                return " ".join(words[i : i + 3])
            i = end
        return ""

    def check(self, place, text, problems):
        for part in re.split(r"\n\s*\n|\[?\.\.\.\]?", text):
            if words := self.missing(part):
                problems.append(f"{place}: no message of the headers has '{words}'.")


def check_tables(literals, problems):
    """Checks the messages in the first column of tables, if it is headed `message`. Returns their number."""
    count = 0
    for page in pages():
        header = None
        for number, line in enumerate(page.read_text().split("\n"), 1):
            header = (header or line) if line.startswith("|") else None
            if header and header.startswith("| message |"):
                for message in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
                    count += 1
                    literals.check(f"{page.relative_to(ROOT)}:{number}", message, problems)
    return count


# --------------------------------------------------------------------------------------------------------------- output


def readme_program():
    """The program of the README, and the block with its output."""
    blocks = blocks_of(ROOT / "README.md", [])
    index = next(i for i, block in enumerate(blocks) if block.runs)
    return blocks[index], blocks[index + 1]


def output_on_a_terminal(program):
    """The exit code and the lines of a program, as they are when a terminal has printed them."""
    terminal, end_of_program = pty.openpty()
    with subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=end_of_program, stderr=end_of_program) as process:
        os.close(end_of_program)
        printed = b""
        try:
            while part := os.read(terminal, 4096):
                printed += part
        except OSError:  # Linux reports the end of the output as an error
            pass
    os.close(terminal)
    text = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", printed.decode())
    return process.returncode, [line.rstrip("\r").split("\r")[-1] for line in text.split("\n") if line.strip()]


def check_output(program):
    """A line `...` is any number of lines. Numbers may differ by 2 %, times and speeds by any amount."""
    shown = readme_program()[1]
    code, lines = output_on_a_terminal(program)
    if code:
        raise SystemExit(f"{program} failed:\n" + "\n".join(lines))
    number = re.compile(r"\d+(?:\.\d+)?")
    without_times = lambda line: re.sub(r"[\d.]+ (it/s|s\b)", r"\1", line)

    def is_same(line, expected):
        line, expected = without_times(line), without_times(expected)
        pairs = zip(map(float, number.findall(line)), map(float, number.findall(expected)))
        return number.sub("0", line) == number.sub("0", expected) and all(abs(a - b) <= 0.02 * b for a, b in pairs)

    place, may_skip = 0, False
    for expected in shown.code.split("\n"):
        if expected == "...":
            may_skip = True
            continue
        end = len(lines) if may_skip else place + 1
        place = next((i + 1 for i in range(place, min(end, len(lines))) if is_same(lines[i], expected)), None)
        if place is None:
            raise SystemExit(f"{shown}: the program does not print this line: {expected}\nIt prints:\n" + "\n".join(lines))
        may_skip = False
    if place != len(lines):
        raise SystemExit(f"{shown}: the program prints more:\n" + "\n".join(lines[place:]))


# ----------------------------------------------------------------------------------------------------------------- main


def check():
    problems, counts = [], {}
    blocks = all_blocks(problems)
    literals, output = Literals(), str(readme_program()[1])
    others = {"sh": check_shell, "cmake": check_cmake, "python": check_python, "fortran": check_fortran}
    for block in blocks:
        kind = block.language
        if kind == "cpp":
            marks = [mark for mark in ("from", "not compiled") if mark in block.marks]
            kind += ": " + ("runs" if block.runs else marks[0] if marks else part_of(block))
            if "from" in block.marks:
                check_cut(block, problems)
        elif kind == "text" and str(block) == output:
            kind += ": output"
        elif kind == "text":
            kind += ": messages"
            literals.check(block, block.code, problems)
        elif kind in others:
            others[kind](block, problems)
        counts[kind] = counts.get(kind, 0) + 1
    counts["messages in tables"] = check_tables(literals, problems)
    check_names(problems)
    print(*(f"{count:4} {kind}" for kind, count in sorted(counts.items())), sep="\n")
    if problems:
        raise SystemExit("\n".join(problems))


def main():
    task, *arguments = sys.argv[1:]
    if task == "check":
        check()
    elif task == "compile":
        sys.exit(compile_part(*arguments))
    elif task == "program":
        block = readme_program()[0]
        Path(arguments[0]).write_text(f'#line {block.line} "{ROOT / block.page}"\n{block.code}\n')
    elif task == "output":
        check_output(*arguments)


if __name__ == "__main__":
    main()
