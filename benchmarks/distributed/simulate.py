# SPDX-License-Identifier: Apache-2.0
"""What a step takes on many ranks: latency, bandwidth, and when each gradient is ready.

A step is forward, backward and update, as measured on one rank. Each bucket is sent when its last gradient is ready and
one of gloo's threads is free, as LibTorch's reducer fills buckets; the update begins when backward is over and the last
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
        """An all-reduce around the ring, as (waiting, sending) in microseconds: 2 (n - 1) messages one after the other, each of
        size / n."""
        if ranks == 1:
            return 0.0, 0.0
        return 2 * (ranks - 1) * self.latency_us, 2 * (ranks - 1) / ranks * size / self.bytes_per_us

    def halving(self, ranks, size):
        """The same by recursive halving and doubling: 2 log2(n) messages.

        Source: R. Thakur et al., Optimization of collective communication operations in MPICH, 2005."""
        if ranks == 1:
            return 0.0, 0.0
        return 2 * math.log2(ranks) * self.latency_us, 2 * (ranks - 1) / ranks * size / self.bytes_per_us


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


def step_us(schedule, ranks, reduce, first_bytes=1 << 20, bucket_bytes=25 << 20, overlap=True, lanes=2):
    """`schedule`: what `bench_distributed schedule` prints. `reduce(ranks, bytes)` is (waiting, sending). As many collectives as
    there are lanes wait at once, and share what the network can send; the message by which the ranks agree on the update is the
    first of them."""
    if ranks == 1:
        return schedule["step_us"]
    free, line = [0.0] * lanes, 0.0
    for ready, size in [(0.0, 24), *buckets(schedule["parameters"], first_bytes, bucket_bytes)]:
        waiting, sending = reduce(ranks, size)
        lane = min(range(lanes), key=free.__getitem__)
        begin = max(free[lane], ready if overlap or size == 24 else schedule["backward_us"])
        line = max(begin + waiting, line) + sending
        free[lane] = line
    return schedule["step_us"] + max(0.0, max(free) - schedule["backward_us"])
