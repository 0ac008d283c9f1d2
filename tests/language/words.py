# SPDX-License-Identifier: Apache-2.0
"""Counts words and constructions that the style guide (CONTRIBUTING.md, "Language") rejects, per 10,000 words of prose.

words.py ROOT [--list NAME] [--only PREFIX]

Prose is the comments of headers, and the README and docs without code blocks and code spans. `--list NAME` prints each
place of one construction, `all` those of every one; `--only include/hone/core` looks at files below that alone. Exit code 1: a count is above its limit.
"""

import re
import sys
from pathlib import Path

CONSTRUCTIONS = {
    "headless clause": r"(?:^|(?<=[.:;] ))(?:What|Whether|Who|Whose|Whoever)\b(?! (?:is|are|does|do|to)\b)[^?]*?[.;]",
    "code that tells, handles, says": r"\b(?:tells?|told|handles?|heard|says?|said)\b",
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


def prose(root):
    """(file, text) of each paragraph, without code."""
    places = {
        "comments": ((f, comments) for f in sorted((root / "include").rglob("*.[hi]pp"))),
        "docs": ((f, paragraphs) for f in [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]),
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
    words = {"comments": 0, "docs": 0}
    counts = {name: {"comments": 0, "docs": 0} for name in CONSTRUCTIONS}
    for kind, file, text in prose(root):
        if not str(file).startswith(only):
            continue
        words[kind] += len(re.findall(r"[A-Za-z][A-Za-z'-]*", text))
        for name, pattern in CONSTRUCTIONS.items():
            for match in re.finditer(pattern, text):
                counts[name][kind] += 1
                if listed in (name, "all"):
                    print(f"{file}: [{name}] ...{text[max(0, match.start() - 40) : match.end() + 40]}...")
    print(f"{'per 10,000 words':34} {'comments':>9} {'docs':>9}")
    failed = False
    for name, of in counts.items():
        rates = {kind: 1e4 * of[kind] / max(words[kind], 1) for kind in words}
        failed |= any(rate > LIMIT for rate in rates.values())
        print(f"{name:34} {rates['comments']:9.1f} {rates['docs']:9.1f}")
    print(f"{'words':34} {words['comments']:9} {words['docs']:9}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
