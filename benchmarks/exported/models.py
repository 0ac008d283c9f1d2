# SPDX-License-Identifier: Apache-2.0
"""The networks of the benchmark, with the layers and module names of main.cpp."""

import torch
from torch import nn
from torch.nn import functional as F


def _network(model, loss, *batch):
    return model, loss, batch


def tanh_small():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
    return _network(model, nn.MSELoss(), torch.randn(32, 8), torch.randn(32, 4))


def tanh_deep():
    model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    return _network(model, nn.MSELoss(), torch.randn(256, 8), torch.randn(256, 1))


def digits_mlp():
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    return _network(model, nn.CrossEntropyLoss(), torch.randn(32, 784), torch.randint(0, 10, (32,)))


def digits_cnn():
    model = nn.Sequential(nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(),
                          nn.Flatten(), nn.Linear(320, 50), nn.ReLU(), nn.Linear(50, 10))  # fmt: skip
    return _network(model, nn.CrossEntropyLoss(), torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, -1))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class CharGpt(nn.Module):
    """Returns [batch, characters, length], the layout that cross entropy expects."""

    def __init__(self, characters=65, length=64, width=64, heads=4, layers=2):
        super().__init__()
        self.token = nn.Embedding(characters, width)
        self.position = nn.Parameter(torch.zeros(length, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters, bias=False)

    def forward(self, characters):
        return self.head(self.norm(self.blocks(self.token(characters) + self.position))).transpose(1, 2)


def char_gpt():
    return _network(CharGpt(), nn.CrossEntropyLoss(), torch.randint(0, 65, (16, 64)), torch.randint(0, 65, (16, 64)))
