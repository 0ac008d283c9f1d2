# SPDX-License-Identifier: Apache-2.0
"""Interleaves the variants, so that changes in the load of the machine affect all of them."""


def orders(names, count):
    """Yields the order of each of `count` rounds: rotated by one name each round, and reversed every other round."""
    names = list(names)
    for index in range(count):
        first = index % len(names)
        order = names[first:] + names[:first]
        yield order if index % 2 == 0 else order[::-1]
