# SPDX-License-Identifier: Apache-2.0
"""Variants take turns, so that whatever else the machine does weighs on all of them, and each comes early and late."""


def orders(names, count):
    """The order of each of `count` rounds: one place further each time, and every other round backwards."""
    names = list(names)
    for index in range(count):
        first = index % len(names)
        order = names[first:] + names[:first]
        yield order if index % 2 == 0 else order[::-1]
