// SPDX-License-Identifier: Apache-2.0
// What the theme leaves out: the current page in view in the sidebar, and a line about each result of a search. Sphinx reads that
// line from the pages themselves, which a browser does not allow for files.
"use strict";

const here = document.currentScript.src;

document.addEventListener("DOMContentLoaded", () => {
  const scroller = document.querySelector(".sidebar-scroll");
  const current = document.querySelector(".sidebar-tree .current-page > a");
  if (scroller && current) {
    const below = current.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    scroller.scrollTop += below - scroller.clientHeight / 2;
  }

  const results = document.getElementById("search-results");
  if (!results) return;
  const script = document.createElement("script");
  script.src = new URL("summaries.js", here).href;
  script.onload = () => {
    const seen = new Set();
    const describe = () => {
      for (const link of results.querySelectorAll("ul.search > li:not(.described) > a")) {
        const item = link.parentElement;
        item.classList.add("described");
        const page = link.getAttribute("href").replace(/[?#].*$/, "");
        const name = `${page} ${link.textContent}`;
        if (seen.has(name)) item.hidden = true;  // found by its text and by an entry of the index
        seen.add(name);
        const line = document.createElement("p");
        line.className = "context";
        line.textContent = pageSummaries[page] || "";
        item.append(line);
      }
    };
    new MutationObserver(describe).observe(results, { childList: true, subtree: true });
    describe();
  };
  document.head.append(script);
});
