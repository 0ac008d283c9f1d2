# SPDX-License-Identifier: Apache-2.0
"""Prints the results of PyTorch's optimizers for the tests in this folder.

Reads cases from standard input, one per line:  NAME RULE SKIP LATE_LR [FIELD=VALUE,...] [FIELD=VALUE,...]
(a list of settings for each parameter group), and prints for each case and parameter:  NAME INDEX VALUE...
The parameters, gradients and gaps are the same as in trajectory.hpp.
"""
import math
import sys

try:
    import torch
except ImportError as error:
    sys.exit(f"{sys.executable} has no torch: {error}")

SHAPES = [(7, 5), (5,), (3, 2, 2)]
STEPS = 100


def filled(shape, value):
    count = math.prod(shape)
    return torch.tensor([value(j) for j in range(count)], dtype=torch.float64).float().reshape(shape)


def gradient(k, step):
    return filled(SHAPES[k], lambda j: math.cos(0.3 * j + 0.17 * step + k) + 0.1 * math.sin(1.3 * step * (j + 1)))


def settings(text):
    fields = {}
    for item in text.split(","):
        name, value = item.split("=")
        fields[name] = bool(int(value)) if name in ("nesterov", "amsgrad", "maximize") else float(value)
    if "beta1" in fields:
        fields["betas"] = (fields.pop("beta1"), fields.pop("beta2"))
    return fields


for line in sys.stdin:
    name, rule, skip, late_lr, *groups = line.split()
    parameters = [filled(shape, lambda j: math.sin(0.7 * j + k)).requires_grad_() for k, shape in enumerate(SHAPES)]
    members = [parameters] if len(groups) == 1 else [parameters[:2], parameters[2:]]
    optimizer = getattr(torch.optim, {"Sgd": "SGD"}.get(rule, rule))(
        [{"params": p, **settings(g)} for p, g in zip(members, groups)]
    )
    for step in range(STEPS):
        if step == STEPS // 2 and float(late_lr) > 0:
            for group in optimizer.param_groups:
                group["lr"] = float(late_lr)
        for k, parameter in enumerate(parameters):
            missing = int(skip) and k == 1 and (step < 4 or step % 3 == 1)
            parameter.grad = None if missing else gradient(k, step)
        optimizer.step()
    for k, parameter in enumerate(parameters):
        print(name, k, *(f"{v:.9g}" for v in parameter.detach().flatten().tolist()))
