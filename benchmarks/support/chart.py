# SPDX-License-Identifier: Apache-2.0
"""Plots curves with logarithmic axes as small SVG files."""

import math

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 36, 52
COLORS = ["#1f6f8b", "#c8553d", "#5b8e7d", "#8d6a9f"]


def _decades(values):
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _label(exponent):
    if -3 <= exponent <= 4:
        return f"{10.0**exponent:g}"
    return f'10<tspan dy="-4" font-size="9">{exponent}</tspan>'


def curves(title, x_label, y_label, series, positions=None):
    """Returns the SVG text. `series`: name -> [(x, y)], all above 0. `positions`: x -> position in 0..1, for an x axis that
    is not logarithmic."""
    points = [point for line in series.values() for point in line]
    x_low, x_high = _decades([x for x, _ in points if x > 0] or [1])
    y_low, y_high = _decades([y for _, y in points])

    def x_position(x):
        fraction = positions[x] if positions else (math.log10(x) - x_low) / (x_high - x_low)
        return LEFT + fraction * (WIDTH - LEFT - RIGHT)

    def y_position(y):
        return HEIGHT - BOTTOM - (math.log10(y) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{title}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{x_label}</text>',
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{y_label}</text>',
    ]

    def grid(x1, y1, x2, y2):
        out.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#ddd"/>')

    for exponent in range(y_low, y_high + 1):
        y = y_position(10.0**exponent)
        grid(LEFT, y, WIDTH - RIGHT, y)
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_label(exponent)}</text>')
    ticks = positions if positions else [10.0**exponent for exponent in range(x_low, x_high + 1)]
    for tick in ticks:
        x = x_position(tick)
        grid(x, TOP, x, HEIGHT - BOTTOM)
        text = f"{tick:g}" if positions else _label(round(math.log10(tick)))
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text}</text>')
    for number, (name, line) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        path = "L".join(f"{x_position(x):.1f} {y_position(y):.1f}" for x, y in line)
        out.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x_position(x):.1f}" cy="{y_position(y):.1f}" r="3" fill="{color}"/>' for x, y in line]
        if len(series) > 1:
            out.append(f'<text x="{LEFT + 10}" y="{TOP + 16 + 16 * number}" fill="{color}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])
