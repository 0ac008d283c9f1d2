# SPDX-License-Identifier: Apache-2.0
"""Shared code of the benchmarks. Each `benchmarks/NAME/run.py` starts with

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from support import figures, machine, report

| module | contents |
|---|---|
| report | command-line options; writes build/bench/NAME.json and docs/benchmarks/NAME.md |
| figures | medians, ratios and tables |
| machine | description of the machine and the build |
| rounds | the order of the variants in each round |
| processes | runs programs, and measures the load of other programs |
| callgrind | instruction counts |
| chart | plots |

Only Python's standard library is needed.
"""
