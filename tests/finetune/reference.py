#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the reference values of tests/finetune, which PyTorch computes. Run: tests/finetune/reference.py"""
import torch
from torch.optim import swa_utils

torch.set_default_dtype(torch.float64)


class Net(torch.nn.Module):
    """A model with a parameter, a floating-point buffer and a counter."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.register_buffer("running", torch.zeros(2))
        self.register_buffer("count", torch.tensor(0))


def move(net, k):
    """Sets the values of step k."""
    with torch.no_grad():
        net.weight.copy_((torch.arange(3.0) + 1.3 * k).sin())
        net.running.copy_((torch.arange(2.0) - 0.7 * k).cos())
        net.count.fill_(k)


def show(title, *tensors):
    print(title, *("{" + ", ".join(repr(x) for x in t.flatten().tolist()) + "}" for t in tensors))


def average(title, steps, **how):
    net = Net()
    move(net, 0)
    averaged = swa_utils.AveragedModel(net, **how)
    for k in range(steps + 1):
        move(net, k)
        averaged.update_parameters(net)
    show(title, averaged.module.weight, averaged.module.running)


average("ema", 5, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True)
average("swa", 3)

net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
with torch.no_grad():
    net[0].weight.copy_(torch.arange(6.0).sin().reshape(2, 3))
    net[0].bias.copy_(torch.tensor([0.5, -0.25]))
batches = [((torch.arange(3.0 * n) * (k + 1) * 0.37).cos().reshape(n, 3), None) for k, n in enumerate([4, 4, 2])]
net.eval()
swa_utils.update_bn(batches, net)
show("bn", net[1].running_mean, net[1].running_var)
print("batches", int(net[1].num_batches_tracked))
