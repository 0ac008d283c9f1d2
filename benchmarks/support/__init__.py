# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share. Each `benchmarks/NAME/run.py` begins with

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from support import figures, machine, report

`report` takes the options and writes build/bench/NAME.json and docs/benchmarks/NAME.md, `machine` says on what was
measured, `figures` makes medians, ratios and tables, `rounds` lets variants take turns, `processes` runs programs and
watches what others do meanwhile, `callgrind` counts instructions. Nothing beside Python's own library is needed.
"""
