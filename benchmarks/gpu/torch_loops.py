# SPDX-License-Identifier: Apache-2.0
"""Trains the workloads with the variants in Python. measure.py starts this program and sends it commands.

torch_loops.py [--device cuda|cpu] describe        prints versions and device as JSON
torch_loops.py [--device cuda|cpu] serve FOLDER    prints one line of JSON for each command on the standard input, as
                                                   `bench_gpu serve` does

FOLDER contains the data and the initial weights that `bench_gpu write` wrote. The data is on the device, optimizers are fused,
and the loops do not synchronize with the host within a run.
"""

import argparse
import contextlib
import json
import logging
import math
import os
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "frameworks"))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import workloads  # noqa: E402


class Gpt2Block(nn.Module):
    def __init__(self, width, heads, **_):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind()
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, layers, width, heads, context, vocabulary):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Gpt2Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, text):
        x = self.token(text) + self.position.weight[: text.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.token.weight).flatten(0, 1)


MODELS = {
    "mnist_mlp": (workloads.MnistMlp, F.cross_entropy),
    "surrogate": (workloads.Surrogate, F.mse_loss),
    "mnist_cnn": (workloads.MnistCnn, F.cross_entropy),
    "char_gpt": (workloads.CharGpt, workloads.character_loss),
    "gpt2": (Gpt2, workloads.character_loss),
}
SHAPE = ("layers", "width", "heads", "context", "vocabulary")


def load(folder, name, device):
    """Returns a workload that `bench_gpu write` wrote, with its data on the device."""
    task = SimpleNamespace(name=name, **torch.load(folder / f"{name}.pt"))
    task.device = device
    make_model, task.loss = MODELS[name]
    task.model = make_model(**{size: getattr(task, size) for size in SHAPE}) if name == "gpt2" else make_model()
    task.model.load_state_dict(task.weights)
    task.model.to(device)
    task.parameters = sum(parameter.numel() for parameter in task.model.parameters())
    task.inputs, task.targets = task.inputs.to(device), task.targets.to(device)
    task.indices = task.order.to(device).split(task.batch_size)
    del task.weights
    return task


def optimizer_of(task):
    parameters = task.model.parameters()
    if task.is_sgd:
        return torch.optim.SGD(parameters, lr=task.lr, momentum=task.momentum, fused=True)
    return torch.optim.AdamW(parameters, lr=task.lr, weight_decay=task.weight_decay, fused=True)


def learning_rate(task, step, steps):
    return task.lr * (0.5 * (1 + math.cos(math.pi * step / steps)) if task.cosine else 1.0)


def loss_of(task):
    """Returns a function that computes forward and loss of a batch."""
    model, loss, device = task.model, task.loss, task.device.type

    def in_float32(x, y):
        return loss(model(x), y)

    def in_bfloat16(x, y):
        with torch.autocast(device, torch.bfloat16):
            return loss(model(x), y)

    return in_bfloat16 if task.bf16 else in_float32


class Loop:
    """The loop that an expert writes. With `mode`, forward and loss are compiled with this mode of torch.compile."""

    def __init__(self, task, mode=None):
        self.task = task
        self.optimizer = optimizer_of(task)
        self.parameters = list(task.model.parameters())
        self.forward = torch.compile(loss_of(task), mode=mode) if mode else loss_of(task)

    def train(self, steps):
        """Trains `steps` steps and returns their mean loss."""
        task, optimizer = self.task, self.optimizer
        total = torch.zeros((), device=task.device)
        task.model.train()
        for step in range(steps):
            index = task.indices[step]
            x, y = task.inputs.index_select(0, index), task.targets.index_select(0, index)
            optimizer.zero_grad(set_to_none=True)
            loss = self.forward(x, y)
            loss.backward()
            if task.max_norm:
                nn.utils.clip_grad_norm_(self.parameters, task.max_norm)
            if task.cosine:
                optimizer.param_groups[0]["lr"] = learning_rate(task, step, steps)
            optimizer.step()
            total += loss.detach()
        return total.item() / steps


def torch_eager(task):
    return Loop(task)


def torch_compile(task):
    """Small networks are bound by kernel launches, which CUDA graphs reduce; gpt2 is not."""
    return Loop(task, "default" if task.name == "gpt2" else "reduce-overhead")


class Lightning:
    """Lightning's `Trainer` as its documentation shows, with batches that are on the device."""

    def __init__(self, task):
        try:
            import lightning as L
        except ImportError:
            import pytorch_lightning as L

        class Module(L.LightningModule):
            def __init__(self):
                super().__init__()
                self.model = task.model
                self.optimizer = optimizer_of(task)

            def training_step(self, batch, _):
                loss = task.loss(self.model(batch[0]), batch[1])
                self.log("loss", loss, on_step=False, on_epoch=True, batch_size=task.batch_size)
                return loss

            def configure_optimizers(self):
                if not task.cosine:
                    return self.optimizer
                steps = self.trainer.max_steps
                scheduler = torch.optim.lr_scheduler.LambdaLR(
                    self.optimizer, lambda step: learning_rate(task, step, steps) / task.lr)
                return {"optimizer": self.optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

        class Batches:
            def __init__(self, count):
                self.count = count

            def __len__(self):
                return self.count

            def __iter__(self):
                for index in task.indices[: self.count]:
                    yield task.inputs.index_select(0, index), task.targets.index_select(0, index)

        self.task, self.module, self.batches, self.trainer_type = task, Module(), Batches, L.Trainer

    def train(self, steps):
        for group in self.module.optimizer.param_groups:  # removes the changes of the previous run's scheduler
            group["lr"] = self.task.lr
            group.pop("initial_lr", None)
        trainer = self.trainer_type(
            max_epochs=1, max_steps=steps, devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, precision="bf16-mixed" if self.task.bf16 else "32-true",
            gradient_clip_val=self.task.max_norm or None,
            accelerator="gpu" if self.task.device.type == "cuda" else "cpu")  # fmt: skip
        trainer.fit(self.module, self.batches(steps))
        self.task.model.to(self.task.device)  # Lightning may have moved it to the CPU
        return trainer.callback_metrics["loss"].item()


VARIANTS = {"torch_eager": torch_eager, "torch_compile": torch_compile, "lightning": Lightning}


class Session:
    def __init__(self, folder, workload, variant, device):
        self.device = device
        self.task = load(folder, workload, device)
        self.loop = VARIANTS[variant](self.task)

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def release(self):
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def seconds_of(self, steps):
        self.synchronize()
        begin = time.perf_counter()
        self.loss = self.loop.train(steps)
        self.synchronize()
        return time.perf_counter() - begin

    def prepare(self):
        seconds = self.seconds_of(self.task.few)
        self.release()
        names = ("parameters", "batch_size", "few", "many", "layers", "width", "context")
        return {"loss": self.loss, "seconds": seconds, **{name: getattr(self.task, name) for name in names}}

    def turn(self):
        task, on_gpu = self.task, self.device.type == "cuda"
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        self.loop.train(task.few)
        few, many = self.seconds_of(task.few), self.seconds_of(task.many)
        peak = torch.cuda.max_memory_reserved() if on_gpu else 0
        self.release()
        return {"step_s": (many - few) / (task.many - task.few), "few_s": few, "many_s": many, "peak_bytes": peak,
                "loss": self.loss}  # fmt: skip


def describe(device):
    def version(name):
        from importlib import metadata

        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)

    known = ("torch", "triton", "lightning", "pytorch-lightning")
    return {"device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "python": sys.version.split()[0], "cuda": torch.version.cuda,
            "packages": {name: found for name in known if (found := version(name))}}  # fmt: skip


def serve(folder, device, out):
    sessions = {}
    for line in sys.stdin:
        command, workload, variant = line.split()
        try:
            if command == "prepare":
                sessions.pop((workload, variant), None)
                sessions[workload, variant] = Session(folder, workload, variant, device)
            answer = getattr(sessions[workload, variant], command)()
        except Exception as error:  # the remaining variants continue
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=out, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("mode", choices=("describe", "serve"))
    parser.add_argument("folder", type=Path, nargs="?")
    options = parser.parse_args()
    device = torch.device(options.device)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    out = os.fdopen(os.dup(1), "w")  # messages of packages go to the standard error
    os.dup2(2, 1)
    if options.mode == "describe":
        print(json.dumps(describe(device)), file=out, flush=True)
    else:
        serve(options.folder, device, out)


if __name__ == "__main__":
    main()
