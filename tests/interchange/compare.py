# SPDX-License-Identifier: Apache-2.0
"""Compares training that continues in the other framework: compare.py PROGRAM FOLDER.

Each case is trained for 3 updates in one framework, saved, and trained for 5 more updates in both. The losses of these
updates, and the loss of an evaluation after them, must agree.
"""
import collections
import pathlib
import subprocess
import sys
import traceback

import pytorch_accelerated
import safetensors.torch
import torch
from pytorch_accelerated import Trainer
from pytorch_accelerated.callbacks import TrainerCallback
from pytorch_accelerated.schedulers import CosineLrScheduler, WSDLrScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

PROGRAM, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
SAVED_AFTER, UPDATES, BATCH_SIZE = 3, 8, 4  # updates, updates, samples
TOTAL = 10  # updates of the schedules
TOLERANCE = 1e-6

torch.manual_seed(3)
x = torch.randn(UPDATES * BATCH_SIZE, 6)
y = torch.randint(3, (UPDATES * BATCH_SIZE,))
dataset = torch.utils.data.TensorDataset(x, y)
rest = torch.utils.data.Subset(dataset, range(SAVED_AFTER * BATCH_SIZE, len(dataset)))
torch.save({"x": x, "y": y, "batch_size": BATCH_SIZE, "saved_after": SAVED_AFTER, "total": TOTAL}, FOLDER / "data.pt")


def network():
    # No bias before the batch norm: its gradient would be a rounding error, which Adam would scale to a full step.
    layers = dict(fc1=torch.nn.Linear(6, 16, bias=False), norm=torch.nn.BatchNorm1d(16), act=torch.nn.Tanh(), fc2=torch.nn.Linear(16, 3))
    return torch.nn.Sequential(collections.OrderedDict(layers))


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=0.02, weight_decay=0.1)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3)


def cosine(optimizer):
    return CosineLrScheduler(optimizer, total_num_epochs=1, num_update_steps_per_epoch=TOTAL, lr_min=1e-3)


def wsd(optimizer):
    return WSDLrScheduler(optimizer, total_steps=TOTAL, decay_phase_ratio=0.6, lr_min=0.1)


CASES = {
    "adamw_cosine": (adamw, cosine),
    "sgd_lambda": (sgd, lambda optimizer: LambdaLR(optimizer, lambda n: 0.8**n)),
    "adamw_annealing": (adamw, lambda optimizer: CosineAnnealingLR(optimizer, T_max=TOTAL, eta_min=1e-3)),
    "sgd_wsd": (sgd, wsd),
    "sgd": (sgd, None),
}


class Watch(TrainerCallback):
    """Records the losses. Loads before the first update, or saves after SAVED_AFTER updates."""

    def __init__(self, load=None, save=None):
        self.load, self.save, self.losses, self.loaded = load, save, [], None

    def on_training_run_start(self, trainer, **kwargs):
        if self.load:
            self.loaded = trainer.load_checkpoint(self.load)

    def on_train_step_start(self, trainer, **kwargs):
        if self.save and len(self.losses) == SAVED_AFTER:
            trainer.save_checkpoint(self.save, checkpoint_kwargs={"note": "from Python", "best": 0.25, "epoch": 3})

    def on_train_step_end(self, trainer, batch_output, **kwargs):
        self.losses.append(batch_output["loss"].item())


def python_run(case, samples, **files):
    """Returns the losses of the updates followed by the loss of the evaluation, and the loaded checkpoint."""
    make_optimizer, make_scheduler = CASES[case]
    model = network()
    watch = Watch(**files)
    loader = {"num_workers": 0, "shuffle": False}
    trainer = Trainer(model, torch.nn.CrossEntropyLoss(), make_optimizer(model.parameters()), callbacks=[watch])
    trainer.train(samples, num_epochs=1, per_device_batch_size=BATCH_SIZE, train_dataloader_kwargs=loader,
                  create_scheduler_fn=make_scheduler)
    trainer.evaluate(dataset, per_device_batch_size=BATCH_SIZE, dataloader_kwargs=loader)
    return watch.losses + [trainer.run_history.get_latest_metric("evaluation_loss")], watch.loaded


def hone(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout.splitlines()


def hone_run(mode, case, file):
    return [float(line) for line in hone(mode, case, FOLDER / "data.pt", file)]


def agree(there, here):
    assert len(there) == len(here) == UPDATES - SAVED_AFTER + 1, f"{len(there)} and {len(here)} losses"
    worst = max(abs(a - b) for a, b in zip(there, here))
    assert worst <= TOLERANCE, f"losses differ by {worst:g}: {there} there, {here} here"
    assert len(set(there)) == len(there), "losses that stay the same tell nothing"
    return worst


def to_python(case):
    file = FOLDER / f"{case}_of_hone.pt"
    here = hone_run("train", case, file)[SAVED_AFTER:]
    there, loaded = python_run(case, rest, load=file)
    assert loaded["note"] == "from hone" and loaded["best"] == 0.25 and loaded["epoch"] == 3, loaded.keys()
    state = torch.load(f"{file}.state", weights_only=True)  # a training state is a checkpoint with one more entry
    assert set(loaded) - {"note", "best", "epoch"} == set(state) - {"training_state"}, state.keys()
    return agree(there, here)


def to_hone(case):
    file = FOLDER / f"{case}_of_python.pt"
    there = python_run(case, dataset, save=file)[0][SAVED_AFTER:]
    return agree(there, hone_run("resume", case, file))


def wsd_of_python():
    """The state of pytorch-accelerated's WSD scheduler has no counter; hone must throw an error that names it."""
    file = FOLDER / "sgd_wsd_of_python.pt"
    python_run("sgd_wsd", dataset, save=file)
    try:
        hone_run("resume", "sgd_wsd", file)
    except RuntimeError as error:
        assert "num_updates" in str(error), error
    else:
        raise AssertionError("a state without a count was taken")


class SaveState(TrainerCallback):
    def on_train_epoch_end(self, trainer, **kwargs):
        trainer.save_training_state(FOLDER / "state", checkpoint_kwargs={"note": "here"})


def folder_of_accelerate():
    """Reads a training state of Accelerate: bit-identical weights, and all other entries except generators."""
    model = network()
    trainer = Trainer(model, torch.nn.CrossEntropyLoss(), adamw(model.parameters()), callbacks=[SaveState])
    trainer.train(dataset, num_epochs=1, train_dataloader_kwargs={"num_workers": 0}, create_scheduler_fn=cosine)
    ours = FOLDER / "ours.safetensors"
    hone("safetensors", FOLDER / "state" / "model.safetensors", ours)
    back = safetensors.torch.load_file(ours)
    assert back.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert back[name].dtype == tensor.dtype and torch.equal(back[name], tensor), name
    keys = {file: hone("keys", FOLDER / "state" / file) for file in ("optimizer.bin", "trainer_metadata.pt", "custom_checkpoint_0.pkl")}
    assert keys["optimizer.bin"] == ["state", "param_groups"], keys
    assert keys["trainer_metadata.pt"] == ["current_epoch", "note"], keys
    assert "total_iterations" in keys["custom_checkpoint_0.pkl"], keys
    try:
        hone("keys", FOLDER / "state" / "random_states_0.pkl")
    except RuntimeError as error:
        assert "numpy" in str(error), error
    else:
        raise AssertionError("classes of NumPy were read")


def main():
    checks = [(f"{case}, hone to Python", to_python, case) for case in CASES]
    checks += [(f"{case}, Python to hone", to_hone, case) for case in CASES if case != "sgd_wsd"]
    checks += [("sgd_wsd, Python to hone, is refused", wsd_of_python), ("a folder of Accelerate", folder_of_accelerate)]
    print(f"pytorch-accelerated {pytorch_accelerated.__version__}, torch {torch.__version__}")
    failures = 0
    for name, check, *arguments in checks:
        try:
            worst = check(*arguments)
            print(f"{name}: " + ("passed" if worst is None else f"the same to {worst:.1g}"), flush=True)
        except Exception:  # continue with the other checks
            failures += 1
            print(f"{name}: FAILED\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failures else 0)


main()
