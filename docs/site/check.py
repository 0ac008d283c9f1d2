# SPDX-License-Identifier: Apache-2.0
"""Checks the finished site: check.py SITE

Each link inside of the site leads to a page and to an anchor that are there, and no page loads anything from another host.
"""

import html
import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit


TAG = re.compile(r"<([a-z]+)\b([^>]*\s(?:id|name|href|src)=[^>]*)>")
ATTRIBUTE = re.compile(r'\s(id|name|href|src|rel)="([^"]*)"')


class Page:
    def __init__(self, text):
        self.links, self.anchors, self.loaded = set(), set(), set()
        for tag, rest in TAG.findall(text):
            values = dict(ATTRIBUTE.findall(rest))
            self.anchors.update(values[name] for name in ("id", "name") if name in values)
            if tag == "a" and "href" in values:
                self.links.add(html.unescape(values["href"]))
            elif tag in ("link", "image") and "href" in values and values.get("rel") != "canonical":
                self.loaded.add(html.unescape(values["href"]))
            elif "src" in values:
                self.loaded.add(html.unescape(values["src"]))


def main():
    site = Path(sys.argv[1]).resolve()
    pages = {file: Page(file.read_text()) for file in sorted(site.rglob("*.html"))}
    files = {str(file) for file in site.rglob("*")}
    anchors = {str(file): page.anchors for file, page in pages.items()}
    wrong, count = [], 0
    for file, page in pages.items():
        name = file.relative_to(site)
        for link in sorted(page.links | page.loaded):
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                if link in page.loaded:
                    wrong.append(f"{name}: loads {link}")
                continue
            count += 1
            target = os.path.normpath(file.parent / unquote(parts.path)) if parts.path else str(file)
            if target not in files:
                wrong.append(f"{name}: {link}: there is no such file")
            elif parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]:
                wrong.append(f"{name}: {link}: there is no such anchor")
    for file in sorted(site.rglob("*.css")):
        for url in re.findall(r"(?:@import\s+|url\()[\"']?((?:https?:)?//[^\"')]+)", file.read_text()):
            wrong.append(f"{file.relative_to(site)}: loads {url}")
    print(f"{len(pages)} pages, {count} links, {len(wrong)} problems.")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
