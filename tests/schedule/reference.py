# SPDX-License-Identifier: Apache-2.0
"""Prints values of PyTorch's, timm's and pytorch-accelerated's schedulers for the tests in this folder.

    python reference.py > reference_values.hpp

Needs torch 2.11, numpy, timm and pytorch-accelerated. Only the schedulers of the last two are imported.
"""
import importlib
import importlib.util
import math
import sys
import types
import warnings

import numpy
import torch
from torch.optim import lr_scheduler as pytorch

warnings.simplefilter("ignore")


def scheduler_module(package, name):
    """Imports a module of a package without the package's __init__ and its dependencies."""
    for part in (package, f"{package}.{name.split('.')[0]}"):
        stub = types.ModuleType(part)
        stub.__path__ = list(importlib.util.find_spec(part).submodule_search_locations)
        sys.modules[part] = stub
    return importlib.import_module(f"{package}.{name}")


timm_cosine = scheduler_module("timm", "scheduler.cosine_lr").CosineLRScheduler
trainer = types.ModuleType("pytorch_accelerated.trainer")
trainer.TrainerPlaceholderValues = types.SimpleNamespace(
    NUM_EPOCHS=0, NUM_UPDATE_STEPS_PER_EPOCH=0, PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH=0
)
sys.modules[trainer.__name__] = trainer
wsd = scheduler_module("pytorch_accelerated", "schedulers.wsd_scheduler").WSDLrScheduler

print("""// SPDX-License-Identifier: Apache-2.0
/// Reference values of PyTorch 2.11, timm, pytorch-accelerated and NumPy, written by reference.py.
#pragma once

// clang-format off
#include <array>

namespace hone::reference {
""")


def show(name, values):
    values = [float(value) for value in values]
    lines = [", ".join(repr(value) for value in values[i : i + 4]) for i in range(0, len(values), 4)]
    print(f"inline constexpr std::array<double, {len(values)}> {name}{{")
    print("    " + ",\n    ".join(lines) + "};\n")


def sgd(lr, momentum=0.0):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=momentum)


def rates(lr, count, make):
    """Returns the learning rates of the first updates."""
    optimizer = sgd(lr)
    schedule = make(optimizer)
    result = []
    for _ in range(count):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return result


show("polynomial", rates(0.2, 10, lambda o: pytorch.PolynomialLR(o, total_iters=8, power=0.9)))
show("polynomial_square", rates(0.05, 8, lambda o: pytorch.PolynomialLR(o, total_iters=6, power=2.0)))
show("exponential", rates(0.3, 20, lambda o: pytorch.ExponentialLR(o, gamma=0.87)))
show("linear", rates(0.05, 8, lambda o: pytorch.LinearLR(o, total_iters=5)))
show("linear_down", rates(0.4, 9, lambda o: pytorch.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=7)))
show("multi_step", rates(0.1, 12, lambda o: pytorch.MultiStepLR(o, milestones=[3, 7, 8], gamma=0.3)))
show("multi_step_double", rates(0.1, 6, lambda o: pytorch.MultiStepLR(o, milestones=[2, 4, 4], gamma=0.5)))

show(
    "sequence",
    rates(
        0.1,
        19,
        lambda o: pytorch.SequentialLR(
            o,
            [
                pytorch.LinearLR(o, start_factor=0.25, total_iters=4),
                pytorch.ExponentialLR(o, gamma=0.9),
                pytorch.CosineAnnealingLR(o, T_max=8, eta_min=1e-3),
            ],
            milestones=[4, 10],
        ),
    ),
)


def one_cycle(lr, count, **settings):
    optimizer = sgd(lr, momentum=0.9)
    schedule = pytorch.OneCycleLR(optimizer, max_lr=lr, **settings)
    rates, momenta = [], []
    for step in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if step + 1 < count:
            schedule.step()
    return rates, momenta


for name, settings in {
    "one_cycle": dict(total_steps=20),
    "one_cycle_linear": dict(total_steps=13, anneal_strategy="linear", pct_start=0.4, div_factor=10, final_div_factor=50),
    "one_cycle_three": dict(total_steps=25, three_phase=True, pct_start=0.35),
    "one_cycle_three_linear": dict(
        total_steps=17, three_phase=True, anneal_strategy="linear", base_momentum=0.8, max_momentum=0.99
    ),
    "one_cycle_no_rise": dict(total_steps=6, pct_start=0.0),
}.items():
    lrs, momenta = one_cycle(0.3, settings["total_steps"], **settings)
    show(name + "_lr", lrs)
    show(name + "_momentum", momenta)

show(
    "warm_restarts",
    rates(0.1, 40, lambda o: pytorch.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=1e-3)),
)


def timm_rates(lr, count, **settings):
    optimizer = sgd(lr)
    schedule = timm_cosine(optimizer, t_in_epochs=False, **settings)
    result = []
    for n in range(count):
        schedule.step_update(n)
        result.append(optimizer.param_groups[0]["lr"])
    return result


show("timm_cycles", timm_rates(0.1, 32, t_initial=10, cycle_decay=0.5, cycle_limit=3, lr_min=1e-3))
show("timm_growing_cycles", timm_rates(0.1, 40, t_initial=5, cycle_mul=2.0, cycle_decay=0.7, cycle_limit=3))
show("timm_bent_cycles", timm_rates(0.1, 24, t_initial=7, cycle_mul=1.5, cycle_limit=2, lr_min=1e-3, k_decay=1.5))
show(
    "timm_cycles_after_warmup",
    timm_rates(0.1, 28, t_initial=8, cycle_decay=0.5, cycle_limit=2, warmup_t=5, warmup_lr_init=1e-4, warmup_prefix=True),
)


def wsd_rates(lr, updates, **settings):
    optimizer = sgd(lr)
    schedule = wsd(optimizer, **settings)
    result = []
    for n in updates:
        schedule.step_update(n)
        result.append(optimizer.param_groups[0]["lr"])
    return result


plain = dict(total_steps=100, lr_min=0.1)
show("wsd_sqrt", wsd_rates(1.0, range(104), **plain))
show("wsd_inverse", wsd_rates(1.0, range(104), use_inverse_sqrt_decay=False, **plain))
show(
    "wsd_three_checkpoints",
    wsd_rates(0.02, range(204), total_steps=200, lr_min=0.05, num_checkpoints=3, num_warmup_steps=None, warmup_starting_lr=1e-3),
)
show("wsd_two_checkpoints", wsd_rates(1.0, range(0, 500), total_steps=1000, lr_min=0.1, num_checkpoints=2))
show(
    "wsd_continuation",
    wsd_rates(0.1, range(52), total_steps=50, num_warmup_steps=20, lr_min=0.1, is_continuation_from_checkpoint=True),
)
show("wsd_all_warmup", wsd_rates(0.1, range(22), total_steps=20, num_warmup_steps=20, lr_min=0.1))

# A. Vaswani et al., section 5.3, with d_model = 512 and 4000 steps of warm-up. Steps are counted from 1.
paper = lambda step: 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
show("vaswani", (paper(step) for step in (1, 2, 1000, 3999, 4000, 4001, 16000, 100000)))
show("vaswani_lambda", rates(1.0, 12, lambda o: pytorch.LambdaLR(o, lambda n: paper(n + 1))))

show("interpolated", 0.2 * numpy.interp(range(16), [2, 5, 9, 14], [0.1, 1.0, 0.4, 0.0]))


def plateau(lr, metrics, **settings):
    optimizer = sgd(lr)
    schedule = pytorch.ReduceLROnPlateau(optimizer, **settings)
    result = []
    for metric in metrics:
        schedule.step(metric)
        result.append(optimizer.param_groups[0]["lr"])
    return result


losses = [1.0, 0.8, 0.81, 0.8, 0.79995, 0.9, 0.85, 0.7, 0.71, 0.72, math.nan, 0.69, 0.6999, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]
scores = [-2.0, -1.5, -1.5, -1.49999, -1.4, -1.4, -1.4, 0.1, 0.2, 0.2, 0.2, 0.2, 0.25, 0.25, 0.25, 0.25, 0.25, 0.3, 0.3, 0.3]
odd = [math.inf, math.inf, math.nan, 0.0, 0.0, -1.0, -1.0, -0.99995, -0.9999, -0.9998, -2.0, -2.0]
show("plateau", plateau(0.1, losses, patience=1))
show("plateau_absolute", plateau(0.1, losses, patience=0, factor=0.5, threshold=0.01, threshold_mode="abs", min_lr=0.02))
show("plateau_cooldown", plateau(0.1, losses, patience=1, factor=0.5, cooldown=3))
show("plateau_max", plateau(0.1, [3.0 + s for s in scores], mode="max", patience=1, factor=0.3))
show("plateau_max_absolute", plateau(0.1, scores, mode="max", patience=1, threshold=0.05, threshold_mode="abs"))
# For negative values, PyTorch's relative threshold has the wrong sign, so the reference uses the negated values.
show("plateau_odd", plateau(0.1, [-x for x in odd], mode="max", patience=0, factor=0.5))
show("plateau_eps", plateau(1e-7, losses, patience=0, factor=0.5))

print("}  // namespace hone::reference")
