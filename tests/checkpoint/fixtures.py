# SPDX-License-Identifier: Apache-2.0
"""Writes the files in data/ with PyTorch 2.11 in Python. Run it again only to add files: fixtures.py FOLDER"""
import collections
import copy
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

# States of optimizers as older versions of PyTorch saved them, without the settings that were added later. "after" has the
# parameter after torch 2.11 loaded the state and made a step. PyTorch fills in the settings in the optimizer's
# `__setstate__`.
added_later = (
    "nesterov", "maximize", "amsgrad", "foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay",
)
old = {}
for name, make in {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.99), weight_decay=0.01),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.9),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
}.items():
    parameter = torch.nn.Parameter(ramp(3) / 8)
    optimizer = make([parameter])
    for step in range(3):
        parameter.grad = (parameter.detach() * 0.7 + step).cos()
        optimizer.step()
    state = optimizer.state_dict()
    removed = added_later + (("momentum", "centered") if name == "RMSprop" else ())
    for group in state["param_groups"]:
        for key in removed:
            group.pop(key, None)
    for entry in state["state"].values():
        if "step" in entry:
            entry["step"] = int(entry["step"])  # an int before PyTorch 1.12
    before = parameter.detach().clone()
    again = torch.nn.Parameter(before.clone())
    loaded = make([again])
    loaded.load_state_dict(copy.deepcopy(state))  # the optimizer may keep and change the tensors
    again.grad = (again.detach() * 0.7 + 3).cos()
    loaded.step()
    old[name] = {"state": state, "before": before, "after": again.detach().clone()}
torch.save(old, f"{folder}/old_optimizers.pt")

# Features of tensors that torch.load(weights_only=True) reads and plain tensors do not need.
with_attribute = ramp(3)
with_attribute.note = "passed over"
parameter_with_attribute = torch.nn.Parameter(ramp(2))
parameter_with_attribute.note = "passed over"
numbers = torch.tensor([1 + 2j, 3 - 4j])
torch.save(
    {
        "attribute": with_attribute,
        "parameter": parameter_with_attribute,
        "buffer": torch.nn.Buffer(ramp(2)),
        "conj": numbers.conj(),
        "neg": numbers.clone().conj().imag,
        "float4": torch.tensor([0x12, 0x34], dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        "float8": ramp(2).to(torch.float8_e8m0fnu),
    },
    f"{folder}/marks.pt",
)
