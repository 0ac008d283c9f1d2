# SPDX-License-Identifier: Apache-2.0
"""Measures data parallel training with several ranks on this machine, and simulates it for more ranks.

scaling.py [--repeats N] [--quick]

If HONE_PYTHON is a Python with torch, also measures DistributedDataParallel.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import chart, figures, machine, report, rounds  # noqa: E402

import simulate  # noqa: E402
from network import Network, is_possible  # noqa: E402

HERE = Path(__file__).resolve().parent
MIB = 1 << 20
STEPS = {"mnist_mlp": 1500, "surrogate": 1000, "mnist_cnn": 150, "char_gpt": 60, "wide": 25}
BATCH = {"mnist_mlp": 32, "surrogate": 256, "mnist_cnn": 64, "char_gpt": 16, "wide": 256}
FOUR = ["mnist_mlp", "surrogate", "mnist_cnn", "char_gpt"]
SIZES = [8, 4 << 10, 64 << 10, MIB, 10 * MIB]
RANKS = [2**k for k in range(13)]
ASSUMED = [
    simulate.Network("10 Gbit/s Ethernet, 30 us", 30.0, 1250.0),
    simulate.Network("200 Gbit/s InfiniBand, 2 us", 2.0, 25000.0),
]


def free_port():
    with socket.socket() as s:
        s.bind(("", 0))
        return s.getsockname()[1]


def ranks(command, count, network=None):
    """Runs a command on `count` ranks and returns the output of rank 0."""
    port = free_port()
    started = []
    for rank in range(count):
        environment = {
            **os.environ, "OMP_NUM_THREADS": "1", "RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_PORT": str(port),
            "LOCAL_RANK": "0" if network else str(rank), "LOCAL_WORLD_SIZE": "1" if network else str(count),
            "MASTER_ADDR": network.address(0) if network else "127.0.0.1", "TORCH_CPP_LOG_LEVEL": "ERROR",
        }  # fmt: skip
        words = [str(word) for word in (network.within(rank) if network else []) + command]
        started.append(subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True))
    out = [process.communicate(timeout=300)[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"{command} failed on {count} ranks")
    return json.loads(out[0])


class Measurement:
    def __init__(self, options):
        self.program = report.program(options)
        self.repeats = options.repeats
        self.divisor = 10 if options.quick else 1
        self.python = os.environ.get("HONE_PYTHON")

    def steps(self, name, count, mode="overlap", bucket=25 * MIB, network=None, share=1.0):
        size = max(1, int(BATCH[name] * share))
        count_of_steps = max(5, STEPS[name] // self.divisor // (1 if network is None else 5))
        return ranks([self.program, "step", name, size, count_of_steps, mode, bucket], count, network)["mean_us"]

    def torch_ddp(self, name, count):
        steps = max(5, STEPS[name] // self.divisor)
        return ranks([self.python, HERE / "torch_ddp.py", name, BATCH[name], steps], count)["mean_us"]

    def collective(self, size, count, network=None):
        return ranks([self.program, "collective", size, 10 if size > MIB or network else 50], count, network)["us"]

    def schedule(self, name):
        return ranks([self.program, "schedule", name, BATCH[name], max(10, STEPS[name] // self.divisor // 2)], 1)

    def medians(self, tasks):
        """Runs each task once a round. tasks: name -> function; returns name -> median over the rounds."""
        found = {name: [] for name in tasks}
        for order in rounds.orders(list(tasks), self.repeats):
            for name in order:
                found[name].append(tasks[name]())
        return {name: statistics.median(values) for name, values in found.items()}


def measure(m):
    results = {}
    log = lambda text: print(text, file=sys.stderr)  # noqa: E731
    log("ranks")
    results["ranks"] = {
        name: m.medians({count: lambda n=name, c=count: m.steps(n, c) for count in (1, 2, 4)}) for name in STEPS
    }
    log("modes")
    results["modes"] = {
        name: m.medians({mode: lambda n=name, o=mode: m.steps(n, 2, o) for mode in ("overlap", "after", "tensors")})
        for name in ("mnist_cnn", "char_gpt", "wide")
    }
    log("buckets")
    results["buckets"] = m.medians(
        {size: lambda s=size: m.steps("wide", 2, "overlap", s * MIB) for size in (1, 4, 10, 25, 100)}
    )
    log("collectives")
    results["collective"] = {
        count: {size: m.collective(size, count) for size in SIZES} for count in (2, 4)
    }
    log("schedules")
    results["schedule"] = {name: m.schedule(name) for name in STEPS}
    if m.python:
        log("DistributedDataParallel")
        results["torch_ddp"] = {
            name: m.medians({"hone": lambda n=name: m.steps(n, 2), "ddp": lambda n=name: m.torch_ddp(n, 2)}) for name in STEPS
        }
    if is_possible():
        results["networks"] = {}
        for latency, rate in ((20.0, 0), (0.2, 1000)):
            log(f"network {latency} ms {rate} Mbit/s")
            with Network(2, latency, rate) as network:
                results["networks"][f"{latency:g} ms" + (f", {rate / 1000:g} Gbit/s" if rate else "")] = {
                    "modes": m.medians(
                        {mode: lambda o=mode: m.steps("wide", 2, o, network=network) for mode in ("overlap", "after", "tensors")}
                    ),
                    "buckets": {size: m.steps("wide", 2, "overlap", size * MIB, network) for size in (1, 4, 10, 25)},
                    "collective": {size: m.collective(size, 2, network) for size in SIZES},
                }
    return results


def fitted(collectives):
    """Fits latency and bandwidth to all-reduces of two ranks, which are two messages of half the bytes."""
    return simulate.fit([(2, size, us) for size, us in collectives.items()])


def simulated(results, reduce_of):
    """workload -> [(ranks, efficiency)]."""
    return {
        name: [(n, schedule["step_us"] / simulate.step_us(schedule, n, reduce_of)) for n in RANKS]
        for name, schedule in results["schedule"].items()
    }


def page(results, options, folder):
    ms = lambda us: f"{us / 1000:,.3g}"  # noqa: E731
    out = [f"""# Scaling

Throughput of data parallel training with several ranks: measured on one machine with {os.cpu_count()} cores, where 2 ranks have a
core each, and simulated for up to {RANKS[-1]:,} ranks with a model that is fitted to the measurements.

| condition | value |
| --- | --- |
| machine | {machine.processor()}, {machine.system()} |
| communicator | `Gloo` |
| threads of each rank | 1 |
| batches | a fixed size on each rank (weak scaling) |
| `wide` | 784-2048-2048-2048-10, 10 million parameters, batches of 256 |

## Measured

### Throughput

Samples per second of all ranks, relative to one rank. Four ranks share two cores.
"""]
    out.append(figures.table(
        ["workload", "step on 1 rank, ms", "2 ranks", "4 ranks"],
        [[name, ms(line[1]), f"{2 * line[1] / line[2]:.2f}", f"{4 * line[1] / line[4]:.2f}"]
         for name, line in results["ranks"].items()]))  # fmt: skip
    out.append("""
### Overlap

Time of a step on two ranks. The gradients are all-reduced in one of three ways:

| column | all-reduce |
| --- | --- |
| overlapped | in buckets, during backward: the default of `Ddp` |
| after backward | in the same buckets, after backward: `.overlap = false` |
| by tensor | tensor by tensor, after backward, as in a simple hand-written loop |
""")
    rows = [[name, "this machine", ms(line["overlap"]), f"{line['after'] / line['overlap']:.2f}", f"{line['tensors'] / line['overlap']:.2f}"]
            for name, line in results["modes"].items()]  # fmt: skip
    rows += [["wide", name, ms(line["modes"]["overlap"]), f"{line['modes']['after'] / line['modes']['overlap']:.2f}",
              f"{line['modes']['tensors'] / line['modes']['overlap']:.2f}"]
             for name, line in results.get("networks", {}).items()]  # fmt: skip
    out.append(figures.table(["workload", "network", "overlapped, ms", "after backward / overlapped", "by tensor / overlapped"], rows))
    out.append("""
The networks are network namespaces on this machine. A process between them delays every packet: `20 ms` is added to each message.
A TCP window that is still growing adds more, as does the process, which shares the cores with the ranks.

### Bucket sizes

Time of a step of `wide` on two ranks, ms.
""")
    sizes = [1, 4, 10, 25]
    out.append(figures.table(
        ["network", *[f"{size} MiB" for size in sizes]],
        [["this machine", *[ms(results["buckets"][size]) for size in sizes]],
         *[[name, *[ms(line["buckets"][size]) for size in sizes]] for name, line in results.get("networks", {}).items()]]))  # fmt: skip
    if "torch_ddp" in results:
        out.append("""
### Comparison with PyTorch's DistributedDataParallel

Two ranks, gloo, the same models and batches, `gradient_as_bucket_view` and fused optimizers in both. The programs alternate in one
run.
""")
        out.append(figures.table(
            ["workload", "hone, ms", "DistributedDataParallel, ms", "DistributedDataParallel / hone"],
            [[name, ms(line["hone"]), ms(line["ddp"]), f"{line['ddp'] / line['hone']:.2f}"]
             for name, line in results["torch_ddp"].items()]))  # fmt: skip
    out.append("""
## The model

- A ring all-reduce of s bytes over n ranks, as in gloo, takes 2 (n - 1) (l + s / (n b)). l is the latency of a message, b the
  bandwidth.
- A bucket is sent when its last gradient is ready and one of two threads is free. The threads share the bandwidth.
- The times at which gradients are ready are measured on one rank.
- The update waits for backward and for the last bucket.

Latency and bandwidth are fitted to all-reduces of 8 bytes to 10 MiB between two ranks. The table compares the model with measured
steps that are not part of the fit:
""")
    rows = []
    networks = {"this machine": (results["collective"][2], results["ranks"]["wide"][2])}
    for name, line in results.get("networks", {}).items():
        networks[name] = (line["collective"], line["modes"]["overlap"])
    for name, (collectives, measured) in networks.items():
        latency, bandwidth = fitted(collectives)
        model = simulate.Network(name, latency, bandwidth)
        predicted = simulate.step_us(results["schedule"]["wide"], 2, model.ring)
        rows.append([name, f"{latency:,.0f}", f"{bandwidth / 1000:,.2f}", ms(predicted), ms(measured), f"{predicted / measured:.2f}"])
    out.append(figures.table(
        ["network", "latency, us", "bandwidth, GB/s", "step of `wide`, simulated, ms", "measured, ms", "simulated / measured"], rows))  # fmt: skip
    if any(row[0].startswith("20 ms") and float(row[-1]) > 1.3 for row in rows):
        out.append("""
At 20 ms, the fit is too pessimistic: a single all-reduce waits for the TCP window to grow; concurrent ones do not.
""")
    out.append(f"""
## Simulated

Efficiency: the time of a step on one rank, divided by the time on n ranks. The compute times are measured on this machine, and the
buckets have the default sizes of `Ddp`. The networks are **assumed**: nothing was measured on more than four ranks. With a faster
core, a step is shorter and the network takes a larger share of it.
""")
    folder.mkdir(parents=True, exist_ok=True)
    for number, network in enumerate(ASSUMED):
        for kind, reduce_of in (("ring", network.ring), ("halving and doubling", network.halving)):
            lines = simulated(results, reduce_of)
            title = f"{network.name}, {kind}"
            file = folder / f"{number}_{kind.split()[0]}.svg"
            shown = {name: [(n, max(e, 1e-3)) for n, e in line] for name, line in lines.items() if name in FOUR}
            file.write_text(chart.curves(title, "ranks", "efficiency", shown))
            out.append(f"\n### {title}\n\n![{title}](scaling/{file.name})\n")
            some = [2, 8, 64, 512, 4096]
            out.append(figures.table(
                ["workload", *[f"{n:,} ranks" for n in some]],
                [[name, *[f"{dict(line)[n]:.2f}" for n in some]] for name, line in lines.items()]))  # fmt: skip
    out.append("""
Small models are bound by latency, which grows with the number of ranks in a ring. Beyond some tens of ranks:

- use `Mpi`, whose all-reduce grows with the logarithm of the number of ranks;
- use larger batches on each rank;
- accumulate gradients (`GradAccum`), which divides the number of messages by the length of the window.
""")
    out.append("\n## Reproduce the measurements\n\n```sh\nscripts/scaling" + (f" --repeats {options.repeats}" if options.repeats != 3 else "") + "\n```\n")
    return "\n".join(out)


def main():
    options = report.parser("distributed", __doc__, script="scripts/scaling")
    options.add_argument("--repeats", type=int, default=3, help="rounds")
    options.add_argument("--quick", action="store_true", help="run a tenth of the steps, for a test")
    options.set_defaults(page=report.ROOT / "docs/scaling.md")
    options = options.parse_args()
    results = measure(Measurement(options))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    text = page(results, options, options.page.parent / "scaling")
    options.page.write_text(f"<!-- Made by scripts/scaling. Do not edit. -->\n{text.strip()}\n")
    print("\n".join(line for line in text.splitlines() if line.startswith("|")))


if __name__ == "__main__":
    main()
