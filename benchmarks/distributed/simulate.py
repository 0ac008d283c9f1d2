# SPDX-License-Identifier: Apache-2.0
"""What a step takes on many ranks: latency, bandwidth, and when each gradient is ready.

A step is forward, backward and update, as measured on one rank. Each bucket is sent when its last gradient is ready and
the bucket before it is through, as LibTorch's reducer fills buckets; the update begins when backward is over and the last
bucket has arrived."""

import math
from dataclasses import dataclass


@dataclass
class Network:
    """`latency_us` of one message; `bytes_per_us` out of one rank."""

    name: str
    latency_us: float
    bytes_per_us: float

    def ring(self, ranks, size):
        """An all-reduce around the ring: 2 (n - 1) messages one after the other, each of size / n."""
        return 2 * (ranks - 1) * (self.latency_us + size / ranks / self.bytes_per_us) if ranks > 1 else 0.0

    def halving(self, ranks, size):
        """By recursive halving and doubling: 2 log2(n) messages, of 2 (n - 1) / n times the size together.

        Source: R. Thakur et al., Optimization of collective communication operations in MPICH, 2005."""
        if ranks == 1:
            return 0.0
        return 2 * math.log2(ranks) * self.latency_us + 2 * (ranks - 1) / ranks * size / self.bytes_per_us


def fit(points):
    """Latency and bandwidth by least squares in relative error: `points` are (messages, bytes, microseconds), with
    t = messages * latency + bytes / bandwidth."""
    a = b = c = d = e = 0.0
    for messages, size, t in points:
        m, s = messages / t, size / t
        a, b, c, d, e = a + m * m, b + m * s, c + s * s, d + m, e + s
    determinant = a * c - b * b
    return (d * c - e * b) / determinant, determinant / (a * e - b * d)


def buckets(parameters, first_bytes, bucket_bytes):
    """[(when ready, bytes)] of parameters [(when ready, bytes)]: in the order of becoming ready, each bucket closed by
    the gradient with which it reaches its size."""
    filled, size, limit = [], 0, first_bytes
    for ready, more in sorted(parameters):
        size += more
        if size >= limit:
            filled.append((ready, size))
            size, limit = 0, bucket_bytes
        last = ready
    if size:
        filled.append((last, size))
    return filled


def step_us(schedule, ranks, reduce, first_bytes=1 << 20, bucket_bytes=25 << 20, overlap=True):
    """`reduce(ranks, bytes)` in microseconds. `schedule`: what `bench_distributed schedule` prints."""
    if ranks == 1:
        return schedule["step_us"]
    through = 0.0
    for ready, size in buckets(schedule["parameters"], first_bytes, bucket_bytes):
        through = max(through, ready if overlap else schedule["backward_us"]) + reduce(ranks, size)
    waits = max(0.0, through - schedule["backward_us"])
    agreement = max(0.0, reduce(ranks, 24) - schedule["backward_us"])  # on its way during backward
    return schedule["step_us"] + max(waits, agreement)
