# SPDX-License-Identifier: Apache-2.0
"""Prints the table of decisions in early_stopping.cpp by TorchTNT's EarlyStopChecker.

    pip install torch torchtnt==0.2.4 && python reference.py

All numbers are sums of few powers of two, so that the checker, which uses single precision, decides as with double.
"""
from torchtnt.utils.early_stop_checker import EarlyStopChecker

INF = float("inf")
NAN = float("nan")

SERIES = {
    "falls, then stays": [4.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.5],
    "falls by halves": [8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125],
    "falls slowly": [4.0, 3.75, 3.5, 3.25, 3.0, 2.75, 2.5],
    "rises": [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
    "rises slowly": [2.0, 2.125, 2.25, 2.375, 2.5, 2.625, 2.75],
    "swings": [2.0, 4.0, 1.0, 4.0, 0.5, 4.0, 0.25],
    "NaN in the middle": [4.0, 2.0, NAN, 1.0, NAN, NAN, 0.5],
    "infinity in the middle": [4.0, 2.0, INF, 1.0, -INF, 1.0, 0.5],
    "below zero": [-1.0, -2.0, -2.0, -4.0, -4.0, -4.0, -3.0],
}

SETTINGS = [
    dict(patience=1),
    dict(patience=2),
    dict(patience=2, min_delta=0.25),
    dict(patience=1, min_delta=0.125),
    dict(patience=2, min_delta=0.5, threshold_mode="rel"),
    dict(patience=3, min_delta=0.0625, threshold_mode="rel"),
    dict(patience=3, check_finite=False),
    dict(patience=4, stopping_threshold=1.0),
    dict(patience=4, divergence_threshold=3.0),
    dict(patience=2, min_delta=0.25, stopping_threshold=0.5, divergence_threshold=4.0),
    dict(patience=4, check_finite=False, stopping_threshold=-3.0, divergence_threshold=0.0),
]


def number(value):
    return {INF: "infinity", -INF: "-infinity"}.get(value, "no_number" if value != value else repr(value))


def optional(value):
    return "std::nullopt" if value is None else number(value)


print("const double series[][7] = {")
for name, values in SERIES.items():
    print("    {" + ", ".join(number(v) for v in values) + "},  // " + name)
print("};")
print("const Row rows[] = {")
for mode in ("min", "max"):
    for settings in SETTINGS:
        stops = []
        for values in SERIES.values():
            # For a negative best value, the checker's relative threshold accepts a worse value as an improvement.
            if settings.get("threshold_mode") == "rel" and values[0] < 0:
                stops.append("not_asked")
                continue
            checker = EarlyStopChecker(mode, **settings)
            stops.append(str(next((i for i, v in enumerate(values, 1) if checker.check(v)), 0)))
        fields = [
            str(mode == "max").lower(),
            str(settings["patience"]),
            repr(settings.get("min_delta", 0.0)),
            str(settings.get("check_finite", True)).lower(),
            str(settings.get("threshold_mode") == "rel").lower(),
            optional(settings.get("stopping_threshold")),
            optional(settings.get("divergence_threshold")),
        ]
        print("    {" + ", ".join(fields) + ", {" + ", ".join(stops) + "}},")
print("};")
