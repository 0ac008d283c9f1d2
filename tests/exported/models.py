# SPDX-License-Identifier: Apache-2.0
"""The models that the tests export."""
import torch
from torch import nn


class Plain(nn.Module):
    """A model with batch norm, a frozen layer, and a buffer that is not in checkpoints."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Tanh())
        self.frozen = nn.Linear(16, 16)
        self.head = nn.Linear(16, 3)
        self.register_buffer("scale", torch.full((16,), 1.5), persistent=False)
        self.frozen.requires_grad_(False)

    def forward(self, inputs):
        return self.head(self.frozen(self.body(inputs)) * self.scale)


def plain():
    torch.manual_seed(1)
    return Plain(), nn.CrossEntropyLoss(), (torch.randn(8, 6), torch.randint(0, 3, (8,)))


class TwoInputs(nn.Module):
    """A model with dropout, a layer with two names, an unused layer, and a tensor that is not registered."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 32)
        self.second = nn.Linear(2, 32, bias=False)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(32, 1)
        self.twin = self.last
        self.spare = nn.Linear(2, 2)
        self.weights = torch.linspace(1, 2, 32)

    def forward(self, left, right):
        return self.last(self.drop(torch.relu(self.first(left) + self.second(right)) * self.weights))


def dropout():
    torch.manual_seed(2)
    return TwoInputs(), nn.MSELoss(), (torch.randn(8, 4), torch.randn(8, 2), torch.randn(8, 1))


def refused():
    """A model with control flow that depends on values of tensors, which cannot be exported."""

    class Depends(nn.Linear):
        def forward(self, inputs):
            outputs = super().forward(inputs)
            return outputs if outputs.sum() > 0 else -outputs

    return Depends(2, 2), nn.MSELoss(), (torch.randn(8, 2), torch.randn(8, 2))
