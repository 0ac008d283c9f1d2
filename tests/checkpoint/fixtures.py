# SPDX-License-Identifier: Apache-2.0
"""Writes the files in data/, as PyTorch 2.11 in Python saves them. Run again only to add to them:  fixtures.py FOLDER"""
import collections
import sys

import torch

folder = sys.argv[1]


def ramp(*shape, dtype=torch.float32, start=0):
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) + start).to(dtype).reshape(shape)


def fill(module):
    with torch.no_grad():
        for k, parameter in enumerate(module.parameters()):
            parameter.copy_(ramp(*parameter.shape, start=k) / 8)
            parameter.grad = torch.ones_like(parameter) * (k + 1)


model = torch.nn.Sequential(collections.OrderedDict(fc=torch.nn.Linear(3, 2), norm=torch.nn.BatchNorm1d(2)))
fill(model)
sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, [1, 5])
sgd.step()
schedule.step()
torch.save(
    {
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": sgd.state_dict(),
        "scheduler_state_dict": schedule.state_dict(),
        "epoch": 3,
        "loss": 0.25,
    },
    f"{folder}/run.pt",
)

fill(model)
adamw = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1, amsgrad=True)
adamw.step()
torch.save(adamw.state_dict(), f"{folder}/adamw.pt")

base = ramp(3, 4)
shared = ["list", 1]
torch.save(
    {
        "types": {
            str(dtype).removeprefix("torch."): ramp(3, dtype=dtype)
            for dtype in (
                torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.complex64,
            )
        },
        "base": base,
        "view": base[1:, ::2],
        "transposed": base.t(),
        "empty": torch.empty(0, 5),
        "scalar": torch.tensor(7.0),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "ints": [0, 255, 256, 65535, 65536, -1, -(2**31), 2**31, -(2**63), 2**63 - 1],
        "floats": [0.5, -1e300, float("inf")],
        "strings": ["", "a", "ü", "x" * 300],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "none": None,
        "flags": [True, False],
        "keys": {1: "int", "1": "str", (1, 2): "tuple", None: "none"},
        "size": torch.Size([2, 3]),
        "dtype": torch.float16,
        "device": torch.device("cuda:1"),
        "shared": [shared, shared],
        "many": list(range(1001)),
    },
    f"{folder}/values.pt",
)
