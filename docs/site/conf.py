# SPDX-License-Identifier: Apache-2.0
"""Settings of Sphinx, and links from code in the text to the reference."""

import html
import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

project = "hone"
html_title = "hone"
extensions = ["myst_parser"]
exclude_patterns = []
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
highlight_language = "cpp"
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_show_copyright = False
html_show_search_summary = False  # static/site.js shows one
html_scaled_image_link = False
html_search_language = "en"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
nitpicky = True


class LinkCode(SphinxPostTransform):
    """Makes links to the reference of names in `code`: types everywhere, functions as `f()` and `hone::f`."""

    default_priority = 300
    builders = ("html",)

    def run(self):
        page = self.env.docname
        names = self.config.site["names"]
        seen = {}
        for node in list(self.document.findall(nodes.literal)):
            if isinstance(node.parent, nodes.reference) or any(isinstance(up, nodes.title) for up in ancestors(node)):
                continue
            match = re.match(r"(hone::)?((?:\w+::)*\w+)(?:<.*>)?(\(.*\)|\{.*\})?$", node.astext(), re.S)
            if not match:
                continue
            name = match[2]
            while name not in names and "::" in name:  # a member: the page of its type
                name = name.rpartition("::")[0]
            if name not in names:
                if match[1] and name[0].isupper():
                    logger.warning("the reference has no %s", node.astext(), location=node, type="reference")
                continue
            if not (match[1] or match[3] or name.split("::")[-1][0].isupper()):
                continue
            goal, anchor = names[name]
            section = next((up for up in ancestors(node) if isinstance(up, nodes.section)), None)
            if goal == page or goal in seen.setdefault(id(section), set()):
                continue
            seen[id(section)].add(goal)
            uri = self.app.builder.get_relative_uri(page, goal) + (f"#{anchor}" if anchor else "")
            link = nodes.reference("", "", internal=True, refuri=uri)
            node.replace_self(link)
            link += node


def ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


def navigation(app, page, template, context, doctree):
    """Makes the tree of the sidebar: every page of the site's navigation, and the types of the current module.

    Sphinx creates it again for each page from all pages, which takes minutes.
    """
    del template, doctree
    children, titles = app.config.site["children"], app.env.titles

    def items(pages, level):
        text = ""
        for each in pages:
            is_current = each == page
            inner = children.get(each, [])
            is_open = is_current or page in inner or any(page in children.get(one, []) for one in inner)
            inner = items(inner, level + 1) if inner and (is_open or level == 1) else ""
            current = " current" if is_open else ""
            text += (f'<li class="toctree-l{level}{current}"><a class="reference internal{current}" href="{context["pathto"](each)}">'
                     f"{html.escape(titles[each].astext())}</a>{inner}</li>")
        return f"<ul>{text}</ul>"

    context["toctree"] = lambda **options: "".join(
        f'<p class="caption"><span class="caption-text">{caption}</span></p>{items(pages, 1)}' for caption, pages in app.config.site["navigation"])


def write_summaries(app, exception):
    """Writes the first paragraph of each page, which the page of search results shows."""
    if exception:
        return
    summaries = {}
    for page in sorted(app.env.found_docs):
        doctree = app.env.get_doctree(page)
        texts = (node.astext() for node in doctree.findall(nodes.paragraph) if isinstance(node.parent, nodes.section))
        text = " ".join(next((text for text in texts if "#include <" not in text[:60]), "").split())
        summaries[app.builder.get_target_uri(page)] = text if len(text) < 240 else text[:240].rsplit(" ", 1)[0] + " ..."
    (Path(app.outdir) / "_static/summaries.js").write_text(f"var pageSummaries = {json.dumps(summaries)};\n")


def setup(app):
    site = json.loads((Path(app.srcdir) / "site.json").read_text())
    app.add_config_value("site", site, "env")
    app.add_post_transform(LinkCode)
    app.connect("html-page-context", navigation, priority=400)  # before the theme's
    app.connect("build-finished", write_summaries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
