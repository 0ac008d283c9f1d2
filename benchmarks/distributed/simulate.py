# SPDX-License-Identifier: Apache-2.0
"""Simulates the time of a step on many ranks from latency, bandwidth and the times at which gradients are ready.

A step consists of forward, backward and update, as measured on one rank. Buckets are filled as LibTorch's reducer fills them. A
bucket is sent when its last gradient is ready and a thread of gloo is free. The update starts when backward and the last bucket
are complete."""

import math
from dataclasses import dataclass


@dataclass
class Network:
    """`latency_us` is the latency of a message, `bytes_per_us` the bandwidth out of a rank."""

    name: str
    latency_us: float
    bytes_per_us: float

    def ring(self, ranks, size):
        """The (latency, transfer) times of a ring all-reduce in microseconds: 2 (n - 1) consecutive messages of size / n."""
        if ranks == 1:
            return 0.0, 0.0
        return 2 * (ranks - 1) * self.latency_us, 2 * (ranks - 1) / ranks * size / self.bytes_per_us

    def halving(self, ranks, size):
        """The same with recursive halving and doubling: 2 log2(n) messages.

        Source: R. Thakur et al., Optimization of collective communication operations in MPICH, 2005."""
        if ranks == 1:
            return 0.0, 0.0
        return 2 * math.log2(ranks) * self.latency_us, 2 * (ranks - 1) / ranks * size / self.bytes_per_us


def fit(points):
    """Fits latency and bandwidth by least squares of the relative error. `points` are (messages, bytes, microseconds) of the
    model t = messages * latency + bytes / bandwidth."""
    a = b = c = d = e = 0.0
    for messages, size, t in points:
        m, s = messages / t, size / t
        a, b, c, d, e = a + m * m, b + m * s, c + s * s, d + m, e + s
    determinant = a * c - b * b
    return (d * c - e * b) / determinant, determinant / (a * e - b * d)


def buckets(parameters, first_bytes, bucket_bytes):
    """Returns the buckets [(time when ready, bytes)] of parameters [(time when ready, bytes)]. Parameters are added in the order
    in which they are ready. The gradient that reaches the size limit completes a bucket."""
    filled, size, limit = [], 0, first_bytes
    for ready, gradient_bytes in sorted(parameters):
        size += gradient_bytes
        if size >= limit:
            filled.append((ready, size))
            size, limit = 0, bucket_bytes
        last = ready
    if size:
        filled.append((last, size))
    return filled


def step_us(schedule, ranks, reduce, first_bytes=1 << 20, bucket_bytes=25 << 20, overlap=True, lanes=2):
    """`schedule` is the output of `bench_distributed schedule`. `reduce(ranks, bytes)` returns (latency, transfer). Up to `lanes`
    collectives run concurrently and share the bandwidth. The first one is the all-reduce of the flags of the update."""
    if ranks == 1:
        return schedule["step_us"]
    free, network_free = [0.0] * lanes, 0.0
    for ready, size in [(0.0, 24), *buckets(schedule["parameters"], first_bytes, bucket_bytes)]:
        latency, transfer = reduce(ranks, size)
        lane = min(range(lanes), key=free.__getitem__)
        begin = max(free[lane], ready if overlap or size == 24 else schedule["backward_us"])
        network_free = max(begin + latency, network_free) + transfer
        free[lane] = network_free
    return schedule["step_us"] + max(0.0, max(free) - schedule["backward_us"])
