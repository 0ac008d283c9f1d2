# SPDX-License-Identifier: Apache-2.0
"""Checks that each relative link in the README and the docs refers to an existing file and heading.

links.py ROOT
"""

import re
import sys
from pathlib import Path


def anchors(file):
    """Returns the anchors that GitHub generates for the headings of a Markdown file."""
    text = re.sub(r"```.*?```", "", file.read_text(), flags=re.S)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        while anchor in found:
            anchor += "-1"
        found.add(anchor)
    return found


def main():
    root = Path(sys.argv[1]).resolve()
    wrong, count = [], 0
    for file in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md")), *sorted((root / "benchmarks").rglob("*.md"))]:
        text = re.sub(r"```.*?```", "", file.read_text(), flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            count += 1
            path, _, anchor = link.partition("#")
            target = (file.parent / path).resolve() if path else file
            if not target.exists():
                wrong.append(f"{file.relative_to(root)}: {link}: there is no such file")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                wrong.append(f"{file.relative_to(root)}: {link}: there is no such heading")
    print(f"{count} links, {len(wrong)} of them broken.")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
