# SPDX-License-Identifier: Apache-2.0
"""Writes the pages from which Sphinx builds the site: pages.py ROOT FOLDER

The guides are copied; links to files that are not pages lead to generated pages with their source. The pages of the reference
are generated from the comments of the headers.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from headers import TYPES, Reference, is_special, module_of  # noqa: E402

# Page names without .md; `*` stands for the remaining pages of a folder. A guide that is not listed is an error of the build.
NAVIGATION = {
    "Get started": ["installation", "quick_start", "docs/guide", "examples/README"],
    "Guides": [f"docs/{name}" for name in (
        "data", "policies", "callbacks", "overrides", "schedules", "checkpoints", "finetuning", "metrics", "evaluation",
        "devices", "capture", "memory", "distributed", "debugging_ranks", "exported", "optimizers", "finders", "embedding")],
    "How it works": ["docs/architecture", "docs/performance", "docs/compile_time", "docs/soak", "docs/scaling", "docs/benchmarks/*"],
    "Reference": ["reference/index"],
    "Migration": ["docs/migration/README", "docs/migration/*"],
    "More": ["docs/glossary", "docs/faq", "CHANGELOG", "CONTRIBUTING"],
}
# Sections of the README that are also pages.
SECTIONS = {"installation": "Installation", "quick_start": "Quick start"}
# Words that a page is found by in a search although it has others for the same.
WORDS = {
    "docs/debugging_ranks": ["deadlock", "hang"],
    "docs/distributed": ["AllReduce", "all_reduce", "DistributedDataParallel", "data parallel", "multi-GPU"],
    "docs/schedules": ["learning rate", "learning rate scheduler", "LR scheduler", "warmup"],
    "docs/checkpoints": ["checkpoint", "save and load a model", "state_dict"],
    "docs/callbacks": ["early stopping"],
    "docs/policies": ["mixed precision", "AMP", "gradient accumulation", "gradient clipping"],
    "docs/evaluation": ["validation", "inference"],
    "docs/data": ["DataLoader", "dataset"],
    "docs/memory": ["activation checkpointing", "out of memory"],
}
LANGUAGES = {".cpp": "cpp", ".hpp": "cpp", ".ipp": "cpp", ".py": "python", ".cmake": "cmake", ".txt": "text"}
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
HOOK = re.compile(r"\bX\((on_\w+), *(\w+)\)")


class Site:
    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.sources = set()  # files and folders whose source is shown
        self.guides = []  # Markdown files to copy
        self.pages = {}  # page -> text

    def write(self, page, text):
        self.pages[page] = text

    def save(self):
        """Writes what has changed, so that the next build has less to do, and removes old pages."""
        for page, text in self.pages.items():
            file = self.folder / f"{page}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists() or file.read_text() != text:
                file.write_text(text)
        for file in self.folder.rglob("*.md"):
            if file.relative_to(self.folder).with_suffix("").as_posix() not in self.pages:
                file.unlink()

    # ------------------------------------------------------------------------------------------------------------ guides

    def target(self, file, page):
        """The page, relative to `page`, for a link to a file or folder of the repository."""
        name = file.relative_to(self.root).as_posix()
        if file.is_dir() and (file / "README.md").exists():
            file, name = file / "README.md", f"{name}/README.md"
        if name == "README.md":
            goal = "index"
        elif file.suffix == ".md":
            goal = name.removesuffix(".md")
            if file not in self.guides:
                self.guides.append(file)
        elif name.startswith("include/") and file.is_dir():
            goal = "reference/index"
        else:
            self.sources.add(file)
            goal = f"source/{name}" + ("/index" if file.is_dir() else "")
        return os.path.relpath(f"{goal}.md", os.path.dirname(page) or ".")

    def relinked(self, text, file, page):
        """The text of a Markdown file with links that work from `page`."""

        def relink(match):
            path, hash, anchor = match[2].partition("#")
            if re.match(r"[a-z]+:", path) or path.endswith((".svg", ".png")):
                return match[0]
            goal = (file.parent / path).resolve() if path else file
            if not goal.exists() or not goal.is_relative_to(self.root):
                return match[0]  # Sphinx reports it
            if not path and page != "index" and file.name != "README.md":
                return match[0]
            return match[1] + self.target(goal, page) + hash + anchor + match[3]

        parts = re.split(r"(^```.*?^```|`[^`\n]+`)", text, flags=re.S | re.M)
        return "".join(part if part.startswith("`") else LINK.sub(relink, part) for part in parts)

    def add_guides(self):
        readme = (self.root / "README.md").read_text()
        self.navigation = []
        for caption, pages in NAVIGATION.items():
            listed = [page for page in pages if not page.endswith("*")]
            for page in pages:
                if page.endswith("*"):
                    found = sorted(file.relative_to(self.root).with_suffix("").as_posix() for file in self.root.glob(page + ".md"))
                    listed += [name for name in found if name not in listed]
            self.navigation.append((caption, listed))
        listed = [page for _, pages in self.navigation for page in pages]
        self.write("index", "---\nnosearch: true\n---\n" + self.relinked(readme, self.root / "README.md", "index") +
                   "\n```{toctree}\n:hidden:\n\n" + "\n".join(listed) + "\n```\n")
        for page, heading in SECTIONS.items():
            match = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", readme, re.S | re.M)
            if not match:
                raise SystemExit(f"README.md has no section {heading}, which is to be a page of the site.")
            self.write(page, self.relinked(f"# {heading}\n{match[1]}", self.root / "README.md", page))
        self.guides += [self.root / "CHANGELOG.md", self.root / "CONTRIBUTING.md", *sorted((self.root / "docs").rglob("*.md"))]
        for file in self.guides:  # grows by the pages that others link to
            page = file.relative_to(self.root).with_suffix("").as_posix()
            head = "" if page in listed or page.startswith("docs/") else "---\norphan: true\n---\n"
            text = self.relinked(file.read_text(), file, page)
            if page in WORDS:
                text = re.sub(r"\A(# .*\n)", lambda match: match[1] + index_of(WORDS[page]), text)
            self.write(page, head + text)
        for image in (self.root / "docs").rglob("*.svg"):
            copy = self.folder / image.relative_to(self.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image, copy)

    # ----------------------------------------------------------------------------------------------------------- sources

    def add_sources(self):
        head = "---\norphan: true\nnosearch: true\n---\n"
        for item in sorted(self.sources):
            if item.is_dir():
                rows = []
                for file in sorted(path for path in item.iterdir() if path.is_file() and path.suffix in LANGUAGES):
                    self.sources.add(file)
                    rows.append(f"| [`{file.name}`]({file.name}.md) | {first_comment(file)} |\n")
                name = item.relative_to(self.root).as_posix()
                self.write(f"source/{name}/index", f"{head}# {item.name.capitalize()}\n\n"
                           f"The files of `{name}`.\n\n| file | contents |\n|---|---|\n" + "".join(rows))
        for file in sorted(path for path in self.sources if path.is_file()):
            name = file.relative_to(self.root).as_posix()
            text = file.read_text()
            language = LANGUAGES.get(file.suffix, "bash" if text.startswith("#!") else "text")
            self.write(f"source/{name}", f"{head}# `{name.removeprefix('include/')}`\n\n"
                       f"~~~~~~{{code-block}} {language}\n:linenos:\n\n{text}~~~~~~\n")

    # --------------------------------------------------------------------------------------------------------- reference

    def add_reference(self):
        reference = Reference(self.root / "include")
        hooks = dict(HOOK.findall("\n".join(path.read_text() for path in (self.root / "include").rglob("*.hpp"))))
        self.names = {}  # name -> [page, anchor]
        modules = {}
        types, others = {}, {}
        for each in reference.top:
            kind = types if each.kind in (*TYPES, "concept") else others
            kind.setdefault(each.path, []).append(each)
        for path, found in types.items():
            found.sort(key=lambda each: (not each.is_definition, not each.doc, each.is_specialization))
            modules.setdefault(module_of(found[0]), []).append(found)
        for path, found in others.items():
            found = [each for each in found if not each.is_specialization or each.doc]
            if found and module_of(found[0]):
                modules.setdefault(module_of(found[0]), []).append(found)
        contents = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", (self.root / "CONTRIBUTING.md").read_text(), re.M))
        rows = ""
        names = sorted((module for module in modules if module), key=lambda name: (list(contents) + [name]).index(name))
        for module in names:
            rows += f"| [`{module}`]({module}/index.md) | {contents.get(module, '')} |\n"
        for module in names:
            for found in modules[module]:
                first = found[0]
                name = "::".join(first.path[1:])
                if first.kind in (*TYPES, "concept"):
                    self.names[name] = [f"reference/{module}/{name.replace('::', '.')}", ""]
                else:
                    self.names[name] = [f"reference/{module}/index", anchor(first)]
        for module in names:
            self.add_module(reference, module, contents.get(module, ""), modules[module], hooks)
        everything = "\n".join(f"{module}/index" for module in names)
        self.children = {"reference/index": [f"reference/{module}/index" for module in names]}
        for module in names:
            self.children[f"reference/{module}/index"] = sorted(
                (page for page in self.pages if page.startswith(f"reference/{module}/") and not page.endswith("/index")), key=str.lower)
        self.write("reference/index", "# Reference\n\nThe public names of hone by module. A module is a folder of `include/hone`.\n\n"
                   f"| module | contents |\n|---|---|\n{rows}\n```{{toctree}}\n:hidden:\n\n{everything}\n```\n")
        (self.folder / "site.json").write_text(json.dumps({"names": self.names, "navigation": self.navigation, "children": self.children}))

    def add_module(self, reference, module, contents, found, hooks):
        text = f"# {module}\n\n{sentence_case(contents)}\n"
        headers = {}
        for each in found:
            headers.setdefault(each[0].header, []).append(each)
        for header, entries in sorted(headers.items()):
            self.sources.add(self.root / "include" / header)
            text += f"\n## {header.split('/')[-1]}\n\n{include_line(header, 2)}\n\n{reference.docs[header].strip()}\n"
            rows = ""
            for declarations in entries:
                first = declarations[0]
                name = "::".join(first.path[1:])
                if first.kind in (*TYPES, "concept"):
                    page = name.replace("::", ".")
                    rows += f"| [`{name}`]({page}.md) | {cell(brief(doc_of(declarations)))} |\n"
                    self.write(f"reference/{module}/{page}", self.type_page(reference, module, declarations, hooks))
            if rows:
                text += f"\n| type | |\n|---|---|\n{rows}"
            for declarations in entries:
                if declarations[0].kind not in (*TYPES, "concept"):
                    name = "::".join(declarations[0].path[1:])
                    text += f"\n({anchor(declarations[0])})=\n### {escaped(name)}\n\n{described(declarations)}"
        self.write(f"reference/{module}/index", text)

    def type_page(self, reference, module, declarations, hooks):
        first = declarations[0]
        name = "::".join(first.path[1:])
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", first.name).lower()  # EarlyStopping is found as "early stopping"
        index = index_of([words]) if " " in words else ""
        text = f"---\norphan: true\n---\n# {name}\n{index}\n[{module}](index.md) · {include_line(first.header, 2)}\n\n"
        definitions = [each for each in declarations if each.is_definition] or declarations
        text += described([first] if first.kind != "concept" else definitions)
        if first.scope[-1] == "slots":
            fills = sorted("::".join(owner.path[1:]) for owner in reference.top
                           if any(member.name == "slot" and member.text.endswith(f"slots::{first.name};") for member in owner.members))
            fills = [f"[`{fill}`](/{self.names[fill][0]}.md)" for fill in dict.fromkeys(fills) if fill in self.names]
            if fills:
                text += "\nPolicies: " + ", ".join(fills) + ".\n"
        text += self.members(reference, first, "##", hooks)
        for other in definitions[1:]:
            if other.kind != "concept" and other.doc:
                special = re.search(rf"\b{first.name}<.*", other.text, re.S)
                title = " ".join(special[0].split(" : ")[0].split()) if special else other.name
                text += f"\n## {escaped(title)}\n\n{described([other])}" + self.members(reference, other, "###", hooks)
        return text

    def members(self, reference, owner, level, hooks):
        members = [each for each in owner.members if each.access == "public" and not each.is_implicit
                   and not each.name.startswith("~") and (each.doc or not is_special(each, owner))]
        if owner.kind == "enum":
            return "\n" + "".join(entry(code(each.text), each.doc) for each in owner.members)
        text = ""
        groups = {
            "Types": [each for each in members if (each.is_type or each.kind == "alias") and not each.is_specialization],
            "Data members": [each for each in members if each.kind == "variable"],
            "Constructors": [each for each in members if each.name == owner.name and each.kind == "function"],
            "Functions": [each for each in members if each.kind == "function" and each.name != owner.name
                          and not each.name.startswith("on_")],
        }
        handlers = [each for each in members if each.kind == "function" and each.name.startswith("on_")]
        for title, group in groups.items():
            if not group:
                continue
            text += f"\n{level} {title}\n\n"
            by_name = {}
            for each in group:
                by_name.setdefault(each.name, []).append(each)
            for name, each in by_name.items():
                if title in ("Types", "Data members"):
                    shown = "" if each[0].text in text else self.shortened(each[0])  # int a, b; is shown once
                    text += entry(code(shown), doc_of(each) or unit_of(name, owner) or self.asked_by(reference, each[0], owner)) if shown else ""
                    continue
                note = "" if doc_of(each) else self.asked_by(reference, each[0], owner)
                heading = f"{level}# {escaped(name)}\n\n" if title == "Functions" else ""
                text += heading + described(each) + (f"{note}\n\n" if note else "")
        if handlers:
            text += f"\n{level} Hooks\n\n"
            for each in handlers:
                event = re.search(r"const (\w+)&", each.text)
                event = hooks.get(each.name) or (event[1] if event else "")
                link = f"[`{event}`](/{self.names[event][0]}.md)" if event in self.names else ""
                text += f"- `{each.name}`{', on ' + link if link else ''}{'. ' + flat(each.doc) if each.doc else ''}\n"
        return text

    def shortened(self, each):
        text = " ".join(each.text.split())
        return text if len(text) < 160 else re.split(r" = | : |\{", text)[0] + ";"

    def asked_by(self, reference, member, owner):
        concepts = [each for each in reference.asking(member, owner) if each.kind == "concept" and each.name in self.names]
        if not concepts or (member.kind == "variable" and "static" not in member.text):
            return ""
        return f"See [`{concepts[0].name}`](/{self.names[concepts[0].name][0]}.md)."


# ---------------------------------------------------------------------------------------------------------------- texts


def anchor(each):
    return re.sub(r"[\W_]+", "-", "-".join(each.path) + ("-function" if each.kind == "function" else "")).lower()


def index_of(words):
    """Entries of the index that a search prefers."""
    return "\n```{index} " + ", ".join(f"! {word}" for word in words) + "\n```\n"


def escaped(text):
    return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def code(text):
    return f"`{text}`" if "`" not in text else f"`` {text} ``"


def flat(text):
    return " ".join(text.split())


def cell(text):
    return flat(text).replace("|", "\\|")


def sentence_case(text):
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def doc_of(declarations):
    return next((each.doc for each in declarations if each.doc), "")


def brief(doc):
    """The first sentence of a comment."""
    first = flat(doc.split("\n\n")[0].split("\n**")[0])
    masked = re.sub(r"`[^`]*`", lambda match: "x" * len(match[0]), first)
    end = re.search(r"[.:](?=\s|$)", masked)
    return first[: end.start()] + "." if end else first


def include_line(header, depth):
    return f"`#include <{header}>` · [source]({'../' * depth}source/include/{header}.md)"


def with_headings(doc):
    """A comment as Markdown: **Units** and the other headings at the start of a line become a list of definitions."""
    parts = re.split(r"^\*\*([A-Z][\w ]*)\*\*[ \n]?", doc, flags=re.M)
    text = parts[0].strip() + "\n"
    for heading, body in zip(parts[1::2], parts[2::2]):
        lines = body.strip().split("\n")
        text += f"\n{heading}\n: {lines[0]}\n" + "".join(f"  {line}\n" if line else "\n" for line in lines[1:])
    return text


def unit_of(name, owner):
    """What the heading **Units** of a type says about one of its members."""
    units = re.search(r"^\*\*Units\*\* (.*?)(?=^\*\*|\Z)", owner.doc, re.S | re.M)
    found = units and re.search(rf"(?:^|[;,.] )`?{re.escape(name)}`?(?:, `?\w+`?)*: (.*?)(?:[;.](?= |$)|$)", flat(units[1]))
    return sentence_case(found[1]) if found else ""


def entry(term, doc):
    """One member as a definition."""
    lines = with_headings(doc).strip().split("\n")
    return f"{term}\n: {lines[0] or '&nbsp;'}\n" + "".join(f"  {line}\n" if line else "\n" for line in lines[1:]) + "\n"


def described(declarations):
    """The declarations, each documented one followed by its comment. One that is declared and then defined is shown once."""
    unique = {}
    for each in declarations:
        key = re.sub(r"\[\[.*?\]\]|\binline\b|\s|= ?[^,()]*(\(\))?(?=[,)])", "", each.text)
        known = unique.get(key)
        if not known:
            unique[key] = [signature(each), each.doc]
        else:
            known[:] = [max(known[0], signature(each), key=len), known[1] or each.doc]
    text, shown = "", []
    entries = list(unique.values())
    for position, (line, doc) in enumerate(entries):
        shown.append(line)
        rest = entries[position + 1 :]
        if doc and not (rest and not rest[0][1]) or not rest:
            doc = doc or next((other for _, other in reversed(entries[:position]) if other), "")
            text += "```cpp\n" + "\n".join(shown) + f"\n```\n\n{with_headings(doc)}\n"
            shown = []
    return text


def signature(each):
    text = each.text
    if each.kind == "variable" and (len(text) > 240 or " = [" in text):
        text = text.split(" = ")[0] + ";"
    return text if text.endswith(";") else text + ";"


def first_comment(file):
    """The first sentence of the comment at the top of a source file."""
    lines = [line.strip("/#! ").strip() for line in file.read_text().splitlines()[:12] if re.match(r"\s*(//|#(?!include))", line)]
    text = " ".join(line for line in lines if line and "SPDX" not in line and not line.startswith("/usr"))
    return cell(brief(text))


def main():
    root, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(root, folder)
    site.add_guides()
    site.add_reference()
    site.add_sources()
    site.save()
    print(f"{len(site.pages)} pages")


if __name__ == "__main__":
    main()
