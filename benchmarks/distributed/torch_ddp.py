# SPDX-License-Identifier: Apache-2.0
"""One rank that trains a workload with PyTorch's DistributedDataParallel. Rank 0 prints JSON.

torch_ddp.py WORKLOAD BATCH STEPS
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "frameworks"))
import workloads  # noqa: E402


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(784, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(),
                                    nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 10))  # fmt: skip

    def forward(self, x):
        return self.layers(x)


def task_of(name):
    if name == "wide":
        return workloads.Task(Wide, torch.nn.functional.cross_entropy, torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9}, 64)
    return workloads.TASKS[name]()


def batch_of(name, size):
    if name == "char_gpt":
        text = torch.randint(workloads.VOCABULARY, (size, workloads.CONTEXT + 1))
        return text[:, :-1].contiguous(), text[:, 1:].contiguous()
    if name == "surrogate":
        return torch.rand(size, 8), torch.rand(size, 1)
    shape = (size, 1, 28, 28) if name == "mnist_cnn" else (size, 784)
    return torch.rand(shape), torch.randint(10, (size,))


def main(name, size, steps):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    dist.init_process_group("gloo")
    task = task_of(name)
    model = task.make_model()
    network = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    optimizer = task.optimizer(model.parameters(), fused=True)
    x, y = batch_of(name, size)

    def step():
        task.loss(network(x), y).backward()
        if task.max_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), task.max_norm)
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(5 + steps // 10):
        step()
    dist.barrier()
    times, begin = [], time.perf_counter()
    for _ in range(steps):
        step_begin = time.perf_counter()
        step()
        times.append(1e6 * (time.perf_counter() - step_begin))
    mean = 1e6 * (time.perf_counter() - begin) / steps
    if dist.get_rank() == 0:
        print(json.dumps({"median_us": statistics.median(times), "mean_us": mean}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
