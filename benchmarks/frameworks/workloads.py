# SPDX-License-Identifier: Apache-2.0
"""The four workloads in PyTorch, with the module names of benchmarks/baseline/workloads.hpp. The data, the initial weights and
the order of the samples are read from a file that `bench_baseline --write` wrote."""

import math
from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
from torch import nn


class MnistMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(784, 128), nn.Linear(128, 64), nn.Linear(64, 10)

    def forward(self, x):
        return self.third(F.relu(self.second(F.relu(self.first(x.flatten(1))))))


class Surrogate(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(8, 64), nn.Linear(64, 64), nn.Linear(64, 64)
        self.last = nn.Linear(64, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.third(torch.tanh(self.second(torch.tanh(self.first(x)))))))


class MnistCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 10, 5), nn.Conv2d(10, 20, 5)
        self.fc1, self.fc2 = nn.Linear(320, 50), nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


WIDTH, HEADS, CONTEXT, VOCABULARY = 64, 4, 64, 76


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.qkv(self.norm1(x)).view(batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind()
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class CharGpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.first, self.second = Block(), Block()
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, text):
        x = self.token(text) + self.position.weight[: text.shape[1]]
        return self.head(self.norm(self.second(self.first(x)))).flatten(0, 1)


def character_loss(output, target):
    return F.cross_entropy(output, target.flatten())


@dataclass
class Task:
    """A workload with its data. `cosine`: cosine annealing of the learning rate to 0 within each epoch."""

    make_model: Callable
    loss: Callable
    make_optimizer: Callable
    settings: dict
    batch_size: int
    max_norm: float | None = None
    cosine: bool = False
    inputs: torch.Tensor = None
    targets: torch.Tensor = None
    weights: dict = None
    order: torch.Tensor = None

    @property
    def steps(self):
        """The steps of an epoch."""
        return len(self.inputs) // self.batch_size

    def model(self):
        model = self.make_model()
        model.load_state_dict(self.weights)
        return model

    def optimizer(self, parameters, **settings):
        return self.make_optimizer(parameters, **self.settings, **settings)

    def schedule(self, optimizer):
        """A scheduler to be stepped after each update, or None."""
        if not self.cosine:
            return None
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda update: 0.5 * (1 + math.cos(math.pi * (update % self.steps) / self.steps))
        )


TASKS = {
    "mnist_mlp": lambda: Task(MnistMlp, F.cross_entropy, torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9}, 32),
    "surrogate": lambda: Task(Surrogate, F.mse_loss, torch.optim.Adam, {"lr": 1e-3}, 256),
    "mnist_cnn": lambda: Task(MnistCnn, F.cross_entropy, torch.optim.Adam, {"lr": 1e-3}, 64),
    "char_gpt": lambda: Task(CharGpt, character_loss, torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 0.01}, 16,
                             max_norm=1.0, cosine=True),  # fmt: skip
}


def load(name, folder, steps):
    """Returns the task with this name. An epoch has `steps` steps."""
    task = TASKS[name]()
    written = torch.load(f"{folder}/{name}.pt")
    samples = steps * task.batch_size
    task.inputs, task.targets = written["inputs"][:samples].clone(), written["targets"][:samples].clone()
    task.weights, task.order = written["weights"], written["order"]
    if len(task.order) != samples:  # a shorter epoch, whose loss is not compared
        task.order = torch.arange(samples)
    return task
