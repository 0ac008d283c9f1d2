# SPDX-License-Identifier: Apache-2.0
"""Counts words and constructions that the style guide (CONTRIBUTING.md, "Language") rejects, per 10,000 words of prose.

words.py ROOT [--list NAME] [--only PREFIX]

Prose is comments of headers, sources and examples; the README and docs without code blocks and code spans; error messages, which are
the string literals of headers and sources with four or more words; and in tests and benchmarks the names of test cases and the comments.
`--list NAME` prints the matches of one construction, `--list all` of all; `--only include/hone/core` reads only the files there. Exit
code 1: a rate exceeds its limit.
"""

import re
import sys
from pathlib import Path

CONSTRUCTIONS = {
    "headless clause": r"(?:^|(?<=[.:;] ))(?:What|Whether|Who|Whose|Whoever)\b(?! (?:is|are|does|do|to)\b)[^?]*?[.;]",
    "code that tells, hears, says": r"\b(?:tells?|told|hears?|heard|says?|said)\b",
    "those of, that of, the others": r"\b(?:those of|that of|the others)\b|\bthe other\b(?! [a-z])",
    "at hand, in force, under way": r"\b(?:at hand|in force|under way|on (?:its|their) way)\b",
    "lies, stands": r"\b(?:lies|lie|stands|stand)\b",
    "goes on": r"\b(?:go|goes|going|went) on\b",
    "whoever, nobody, somebody": r"\b(?:[Ww]hoever|[Nn]obody|[Ss]omebody|who (?:is|are|has|have|asks|wants))\b",
    "so many, as many": r"\b(?:so|as) (?:many|much)\b",
    "of its own": r"\bof (?:its|your|their|our|the user's) own\b",
    "is no": r"\b(?:is|are|was|were) no [a-z]+",
    "anew": r"\banew\b",
    "save for except": r"\bsave (?:for|that)\b",
}
KINDS = ("comments", "docs", "messages", "tests")
# Per 10,000 words: what the documentation of {fmt}, Kokkos and EnTT has, or less than it had.
LIMIT = 3.0


def comments(text):
    """The comments of a C++ file, a paragraph each."""
    paragraph = []
    for line in text.splitlines():
        match = re.search(r"(?:^|\s)//[/<!]*\s?(.*)$", line)
        if match and "SPDX" not in line and "clang-format" not in line:
            paragraph.append(match[1])
        elif paragraph:
            yield " ".join(paragraph)
            paragraph = []
    if paragraph:
        yield " ".join(paragraph)


def paragraphs(text):
    """The prose of a Markdown file, without code blocks."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = re.sub(r"^ {4}.*$", "", text, flags=re.M)
    for paragraph in re.split(r"\n\s*\n", text):
        yield " ".join(paragraph.split())


LITERAL = r'"(?:[^"\\\n]|\\.)*"'


def without_comments(text):
    return re.sub(rf"({LITERAL})|//[^\n]*", lambda match: match[1] or "", text)


def messages(text):
    """The string literals of a C++ file with four or more words."""
    for match in re.finditer(rf"{LITERAL}(?:\s*{LITERAL})*", without_comments(text)):
        literal = "".join(part[1:-1] for part in re.findall(LITERAL, match[0]))
        if len(re.findall(r"[A-Za-z]{2,}", literal)) >= 4:
            yield literal.replace("\\n", " ").replace('\\"', '"')


def of_tests(text):
    """The names of test cases and sections, and the comments."""
    yield from comments(text)
    for match in re.finditer(rf"\b(?:TEST_CASE|SECTION)\(\s*((?:{LITERAL}\s*)+)", text):
        yield "".join(part[1:-1] for part in re.findall(LITERAL, match[1]))


def sources(root, *folders):
    return sorted(file for folder in folders for file in (root / folder).rglob("*.[hic]pp") if "corpus" not in file.parts)


def prose(root):
    """(kind, file, text) of each paragraph, without code."""
    places = {
        "comments": ((f, comments) for f in sources(root, "include", "src", "examples")),
        "docs": ((f, paragraphs) for f in [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]),
        "messages": ((f, messages) for f in sources(root, "include", "src")),
        "tests": ((f, of_tests) for f in sources(root, "tests", "benchmarks")),
    }
    for kind, files in places.items():
        for file, split in files:
            if file.name == "typos.hpp":
                continue
            for text in split(file.read_text()):
                text = re.sub(r"```.*?```", "", text)
                yield kind, file.relative_to(root), re.sub(r"`[^`]*`", "x", text)


def main():
    root = Path(sys.argv[1])
    option = lambda name: sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None
    listed, only = option("--list"), option("--only") or ""
    words = dict.fromkeys(KINDS, 0)
    counts = {name: dict.fromkeys(KINDS, 0) for name in CONSTRUCTIONS}
    for kind, file, text in prose(root):
        if not str(file).startswith(only):
            continue
        words[kind] += len(re.findall(r"[A-Za-z][A-Za-z'-]*", text))
        for name, pattern in CONSTRUCTIONS.items():
            for match in re.finditer(pattern, text):
                counts[name][kind] += 1
                if listed in (name, "all"):
                    print(f"{file}: [{name}] ...{text[max(0, match.start() - 40) : match.end() + 40]}...")
    print(f"{'per 10,000 words':34}" + "".join(f" {kind:>9}" for kind in KINDS))
    failed = False
    for name, of in counts.items():
        rates = [1e4 * of[kind] / max(words[kind], 1) for kind in KINDS]
        failed |= any(rate > LIMIT for rate in rates)
        print(f"{name:34}" + "".join(f" {rate:9.1f}" for rate in rates))
    print(f"{'words':34}" + "".join(f" {words[kind]:9}" for kind in KINDS))
    return failed


if __name__ == "__main__":
    sys.exit(main())
