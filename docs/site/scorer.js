// SPDX-License-Identifier: Apache-2.0
// The order of search results: guides before the reference, the reference before records of changes and measurements.
"use strict";

var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
  score: ([page, , anchor, , score, , kind]) => {
    if (kind === "index" && page.startsWith("reference/")) return score - 50;
    if (/^(CHANGELOG|docs\/(benchmarks|soak))/.test(page)) return score - 10;
    if (/^docs\/[^/]*$/.test(page)) return score + (anchor ? 4 : 8);
    return score;
  },
};
