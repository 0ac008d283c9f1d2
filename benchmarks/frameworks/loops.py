# SPDX-License-Identifier: Apache-2.0
"""The variants in Python: hand-written loops, and each framework as its documentation shows.

Each function trains `epochs` epochs of a task with data in memory, and calls `clock.begin()` and `clock.end(mean loss)` around
each epoch. All functions visit the samples in the order of the task and compute the mean loss of an epoch. Progress bars,
loggers, checkpoints and worker processes are disabled. Each function imports its framework, so that other variants do not
load it.
"""

import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset


class FixedOrder(Sampler):
    """The sampler that replaces the `RandomSampler` of `shuffle=True`, with a given order."""

    def __init__(self, order):
        self.order = order

    def __iter__(self):
        yield from self.order.tolist()

    def __len__(self):
        return len(self.order)


class Mean:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def add(self, loss, samples):
        self.sum += loss * samples
        self.count += samples

    def value(self):
        return self.sum / self.count


def dataset(task):
    return TensorDataset(task.inputs, task.targets)


def loader(task):
    return DataLoader(dataset(task), batch_size=task.batch_size, sampler=FixedOrder(task.order), num_workers=0)


def indexed(task):
    """Yields batches by indexing the tensors."""
    for index in task.order.split(task.batch_size):
        yield task.inputs[index], task.targets[index]


def handwritten(task, epochs, clock, batches, fused=False, compiled=False):
    model = task.model()
    model.train()
    optimizer = task.optimizer(model.parameters(), **({"fused": True} if fused else {}))
    scheduler = task.schedule(optimizer)
    parameters = list(model.parameters())

    def forward(x, y):
        return task.loss(model(x), y)

    def update():
        if task.max_norm:
            torch.nn.utils.clip_grad_norm_(parameters, task.max_norm)
        optimizer.step()

    if compiled:  # two graphs, because `backward` cannot be part of one
        forward, update = torch.compile(forward), torch.compile(update)
        if scheduler:  # a changing float would cause recompilations
            for group in optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"])
    for _ in range(epochs):
        mean = Mean()
        clock.begin()
        for x, y in batches(task):
            optimizer.zero_grad()
            loss = forward(x, y)
            loss.backward()
            update()
            if scheduler:
                scheduler.step()
            mean.add(loss.item(), len(x))
        clock.end(mean.value())


def torch_loader(task, epochs, clock):
    batches = loader(task)
    handwritten(task, epochs, clock, lambda _: batches)


def torch_vector(task, epochs, clock):
    handwritten(task, epochs, clock, indexed)


def torch_fused(task, epochs, clock):
    handwritten(task, epochs, clock, indexed, fused=True)


def torch_compile(task, epochs, clock):
    handwritten(task, epochs, clock, indexed, compiled=True)


def pytorch_accelerated(task, epochs, clock):
    from pytorch_accelerated import Trainer
    from pytorch_accelerated.callbacks import TrainerCallback
    from pytorch_accelerated.trainer import DEFAULT_CALLBACKS

    class Clocked(TrainerCallback):
        def on_train_epoch_start(self, trainer, **_):
            clock.begin()

        def on_train_epoch_end(self, trainer, **_):
            clock.end(trainer.run_history.get_latest_metric("train_loss_epoch"))

    class Clipping(Trainer):
        def _clip_gradients(self):  # the default clips by value
            self._accelerator.clip_grad_norm_(self.model.parameters(), task.max_norm)

    model = task.model()
    trainer_type = Clipping if task.max_norm else Trainer
    trainer = trainer_type(model, task.loss, task.optimizer(model.parameters()), callbacks=(*DEFAULT_CALLBACKS, Clocked))
    trainer.train(
        dataset(task), epochs, per_device_batch_size=task.batch_size, gradient_clip_value=task.max_norm,
        create_scheduler_fn=task.schedule if task.cosine else None,
        train_dataloader_kwargs={"num_workers": 0, "shuffle": False, "sampler": FixedOrder(task.order)})  # fmt: skip


def torchtnt(task, epochs, clock):
    from torchtnt.framework.auto_unit import AutoUnit
    from torchtnt.framework.train import train

    class Unit(AutoUnit):
        def configure_optimizers_and_lr_scheduler(self, module):
            optimizer = task.optimizer(module.parameters())
            return optimizer, task.schedule(optimizer)

        def compute_loss(self, state, data):
            outputs = self.module(data[0])
            return task.loss(outputs, data[1]), outputs

        def on_train_epoch_start(self, state):
            super().on_train_epoch_start(state)
            self.mean = Mean()
            clock.begin()

        def on_train_step_end(self, state, data, step, results):
            self.mean.add(results.loss.item(), len(data[1]))

        def on_train_epoch_end(self, state):
            clock.end(self.mean.value())
            super().on_train_epoch_end(state)

    unit = Unit(module=task.model(), device=torch.device("cpu"), clip_grad_norm=task.max_norm, step_lr_interval="step")
    train(unit, loader(task), max_epochs=epochs)


def lightning(task, epochs, clock):
    import lightning as L

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = task.model()

        def training_step(self, batch, _):
            loss = task.loss(self.model(batch[0]), batch[1])
            self.log("loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]))
            return loss

        def configure_optimizers(self):
            optimizer = task.optimizer(self.parameters())
            if not task.cosine:
                return optimizer
            scheduler = {"scheduler": task.schedule(optimizer), "interval": "step"}
            return {"optimizer": optimizer, "lr_scheduler": scheduler}

        def on_train_epoch_start(self):
            clock.begin()

    class Clocked(L.Callback):
        def on_train_epoch_end(self, trainer, module):
            clock.end(trainer.callback_metrics["loss"].item())

    trainer = L.Trainer(
        max_epochs=epochs, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, callbacks=[Clocked()],
        enable_progress_bar=False, enable_model_summary=False, gradient_clip_val=task.max_norm)  # fmt: skip
    trainer.fit(Module(), loader(task))


def accelerate(task, epochs, clock):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = task.model()
    optimizer = task.optimizer(model.parameters())
    model, optimizer, scheduler, batches = accelerator.prepare(model, optimizer, task.schedule(optimizer), loader(task))
    model.train()
    for _ in range(epochs):
        mean = Mean()
        clock.begin()
        for x, y in batches:
            optimizer.zero_grad()
            loss = task.loss(model(x), y)
            accelerator.backward(loss)
            if task.max_norm:
                accelerator.clip_grad_norm_(model.parameters(), task.max_norm)
            optimizer.step()
            if scheduler:
                scheduler.step()
            mean.add(loss.item(), len(x))
        clock.end(mean.value())


def ignite(task, epochs, clock):
    from ignite.engine import Engine, Events, create_supervised_trainer

    model = task.model()
    optimizer = task.optimizer(model.parameters())
    scheduler = task.schedule(optimizer)
    mean = Mean()

    def clipped_step(_, batch):  # `create_supervised_trainer` does not support clipping
        model.train()
        optimizer.zero_grad()
        loss = task.loss(model(batch[0]), batch[1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), task.max_norm)
        optimizer.step()
        return loss.item()

    trainer = Engine(clipped_step) if task.max_norm else create_supervised_trainer(model, optimizer, task.loss)

    @trainer.on(Events.EPOCH_STARTED)
    def begin():
        mean.__init__()
        clock.begin()

    @trainer.on(Events.ITERATION_COMPLETED)
    def keep(engine):
        mean.add(engine.state.output, len(engine.state.batch[0]))
        if scheduler:
            scheduler.step()

    @trainer.on(Events.EPOCH_COMPLETED)
    def end():
        clock.end(mean.value())

    trainer.run(loader(task), max_epochs=epochs)


LOOPS = {
    loop.__name__: loop
    for loop in (torch_loader, torch_vector, torch_fused, torch_compile, pytorch_accelerated, torchtnt, lightning,
                 accelerate, ignite)  # fmt: skip
}
