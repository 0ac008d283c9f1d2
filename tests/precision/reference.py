#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints tests/precision/reference.hpp: the training of the network in tests/support/models.hpp with PyTorch's autocast and
GradScaler. Needs a Python with torch."""
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 5)
        self.second = torch.nn.Linear(5, 2)
        with torch.no_grad():
            for k, parameter in enumerate(self.parameters(), 1):
                values = (torch.arange(parameter.numel()) * 0.7 + float(k)).sin().mul_(0.5)
                parameter.copy_(values.reshape(parameter.shape))

    def forward(self, inputs):
        return self.second(torch.tanh(self.first(inputs)))


def batches(count, size=4):
    inputs = (torch.arange(count * size * 3) * 0.37).cos().reshape(count * size, 3)
    labels = torch.arange(count * size).remainder(2)
    return list(zip(inputs.split(size), labels.split(size)))


def train(dtype, scales, spoiled=()):
    """Returns the losses, the sums of the final weights, and the scale after each update."""
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.05, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3, enabled=scales)
    losses, history = [], []
    for update, (inputs, labels) in enumerate(batches(8)):
        with torch.autocast("cpu", dtype=dtype):
            loss = torch.nn.functional.cross_entropy(net(inputs), labels)
        if update in spoiled:
            loss = loss * torch.inf
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.2)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        losses.append(loss.item())
        history.append(scaler.get_scale())
    return losses, [p.double().sum().item() for p in net.parameters()], history, scaler.state_dict()


def row(name, numbers):
    text = ", ".join(repr(float(n)).replace("inf", "INFINITY") for n in numbers)
    print(f"inline const std::vector<double> {name}{{{text}}};")


torch.set_num_threads(1)
print("// SPDX-License-Identifier: Apache-2.0")
print(f"/// Reference values, written by reference.py with torch {torch.__version__}.")
print("#pragma once\n\n#include <cmath>\n#include <vector>\n\nnamespace reference {\n")
losses, weights, _, _ = train(torch.bfloat16, scales=False)
row("bf16_losses", losses)
row("bf16_weights", weights)
losses, weights, scales, state = train(torch.float16, scales=True, spoiled=(1, 2))
row("fp16_losses", losses)
row("fp16_weights", weights)
row("fp16_scales", scales)
print("// scale, growth_factor, backoff_factor, growth_interval, _growth_tracker")
row("fp16_state", [state[k] for k in ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")])
print("\n}  // namespace reference")
