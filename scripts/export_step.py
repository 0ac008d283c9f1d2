#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports a model's training step from Python, for `hone::ExportedModel` to train in C++ without Python.

    export_step.py WHERE:FUNCTION MODEL.pt2 [--no-outputs] [--threads N] [--cpu AVX2]

WHERE is a file or a package.module. FUNCTION has no parameters and returns (model, loss, example_batch):

    def step():
        model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
        return model, torch.nn.MSELoss(), (torch.randn(32, 8), torch.randn(32, 4))

The batch is a tuple of tensors [batch, ...]: the inputs of `model(*inputs)`, which returns one tensor, and last the target of
`loss(outputs, target)`, which returns the mean over the batch. In C++ a batch may have any number of samples.

Needs torch 2.11 or newer and a C++ compiler (CXX, else g++). In Python: `export_step(model, loss, example_batch, path)`.
Exit code 2, with one line of explanation, if the step cannot be exported.
"""

import argparse
import ctypes
import importlib
import importlib.util
import inspect
import json
import logging
import os
import platform
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from unittest import mock

import torch

FORMAT_VERSION = 1
TENSORS = "extra/hone/tensors"
# LibTorch's name of a CPU capability -> Inductor's class of vectors, and the compiler's name for -march.
LEVELS = {"AVX512": ("VecAVX512", "x86-64-v4"), "AVX2": ("VecAVX2", "x86-64-v3")}


class CannotExport(Exception):
    """An error with the reason and the remedy in its message."""


def export_step(model, loss, example_batch, path, *, outputs=True, num_threads=1, cpu=None):
    """Writes a file with the training step, the evaluation step, and the current tensors of the model.

    The training step computes the loss and the gradients of the parameters that require one, and updates buffers, such as
    the statistics of batch norms. It is traced with the modes of the model's modules: a module in evaluation mode stays in
    that mode. With `outputs` it also returns the outputs, which metrics of training need. `num_threads` is the number of
    threads of the generated code; LibTorch's operators use `at::set_num_threads`. `cpu` is the capability that the CPU that
    trains must have, AVX512 or AVX2; by default the capability of this CPU.

    Compares the compiled steps with PyTorch's before it creates the file. Raises CannotExport.
    """
    try:
        return _export(model, loss, example_batch, Path(path), outputs, num_threads, cpu)
    except CannotExport:
        raise
    except Exception as error:
        raise CannotExport(f"The step cannot be exported: {_reason(error)}") from error


def _reason(error):
    lines = [line.strip() for line in f"{error}".splitlines() if line.strip()]
    name = type(error).__name__
    if "Compiler" in name or "No working C++ compiler" in f"{error}":
        return "it needs a C++ compiler. Install g++, or set CXX to one."
    if isinstance(error, ModuleNotFoundError) or "ModuleNotFoundError" in f"{error}":
        return f"torch needs a Python package that is missing: {lines[0].removeprefix('ModuleNotFoundError: ')}. Install it."
    if "DataDependent" in name or "data-dependent" in f"{error}":
        return ("its control flow depends on values in tensors, as in `if x.sum() > 0`. Use torch.where. "
                f"({lines[0] if lines else name})")  # fmt: skip
    return f"{name}: {lines[0] if lines else 'no reason given'}"


def _export(model, loss, example_batch, path, outputs, num_threads, cpu):
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 11):
        raise CannotExport(f"Exporting needs torch 2.11 or newer, and this is {torch.__version__}. Update it.")
    batch = _checked_batch(example_batch)
    modes = {module: module.training for module in model.modules()}
    try:
        return _write(model, loss, batch, path, outputs, num_threads, _level(cpu))
    finally:
        for module, training in modes.items():
            module.training = training


def _level(cpu):
    here = torch.backends.cpu.get_cpu_capability()
    if platform.machine() != "x86_64" or (here not in LEVELS and not cpu):
        return here
    if cpu and cpu not in LEVELS:
        raise CannotExport(f"'{cpu}' is not a CPU capability. Use one of: {', '.join(LEVELS)}.")
    if cpu == "AVX512" and here != "AVX512":
        raise CannotExport(f"This CPU has {here} and cannot run a step for {cpu}. Export it on a CPU with {cpu}.")
    return cpu or here


def _checked_batch(batch):
    if not isinstance(batch, (tuple, list)) or len(batch) < 2 or not all(isinstance(part, torch.Tensor) for part in batch):
        raise CannotExport("The example batch is not a tuple of two or more tensors. Pass the model's inputs, then the target.")
    sizes = {part.shape[0] if part.dim() else None for part in batch}
    if None in sizes or 0 in sizes or len(sizes) > 1:
        shapes = ", ".join(str(list(part.shape)) for part in batch)
        raise CannotExport(f"The tensors of the example batch have the shapes {shapes}. Pass tensors of shape [batch, ...].")
    if any(part.device.type != "cpu" for part in batch):
        raise CannotExport("The example batch is not on the CPU, and steps are exported for the CPU. Move it to the CPU.")
    return tuple(part.detach() for part in batch)


def _resized(batch, size):
    """The example batch with another number of samples."""
    rows = torch.arange(size) % batch[0].shape[0]
    return tuple(part[rows].contiguous() for part in batch)


def _input_names(model, count):
    try:
        names = list(inspect.signature(model.forward).parameters)
    except ValueError:
        names = []
    return [*(names[i] if i < len(names) else f"input {i + 1}" for i in range(count)), "target"]


class _Tensors:
    """A model's parameters and buffers, each once, with the trained parameters first."""

    def __init__(self, model):
        parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
        self.trained = {name: p for name, p in parameters.items() if p.requires_grad}
        self.frozen = {name: p for name, p in parameters.items() if not p.requires_grad}
        self.buffers = buffers
        self.all = {**self.trained, **self.frozen, **self.buffers}
        places = {id(tensor): i for i, tensor in enumerate(self.all.values())}
        # All names of each tensor, but each module once: functional_call does not restore a module that has two names.
        self.names = {f"{path}.{key}" if path else key: places[id(tensor)] for path, module in model.named_modules()
                      for key, tensor in {**module._parameters, **module._buffers}.items() if tensor is not None}  # fmt: skip
        if not self.trained:
            raise CannotExport("The model has no parameter that requires a gradient. Unfreeze one with requires_grad_().")
        for name, tensor in self.all.items():
            if tensor.device.type != "cpu" or tensor.layout != torch.strided:
                raise CannotExport(f"'{name}' is not a dense tensor on the CPU. Move the model there: model.cpu().")
            if name in parameters and tensor.dtype not in (torch.float32, torch.float64):
                raise CannotExport(f"'{name}' is {tensor.dtype}. Export the model in float32.")

    def values(self):
        return [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in self.all.values()]


class _Step(torch.nn.Module):
    def __init__(self, graph):
        super().__init__()
        self.traced = graph

    def forward(self, tensors, batch):
        return self.traced(tensors, batch)


def _loss_and_outputs(model, loss, names, tensors, batch):
    named = {name: tensors[place] for name, place in names.items()}
    out = torch.func.functional_call(model, named, tuple(batch[:-1]), tie_weights=False)
    if not isinstance(out, torch.Tensor):
        raise CannotExport(f"The model returns a {type(out).__name__}. Return one tensor.")
    value = loss(out, batch[-1])
    if not isinstance(value, torch.Tensor) or value.dim() != 0:
        raise CannotExport("The loss is not one number. Return the mean over the batch.")
    return value, out


def _functions(model, loss, tensors, outputs):
    """The two steps as functions of (tensors, batch). The first sets `has_gradient` for each trained parameter."""
    names, num_trained = tensors.names, len(tensors.trained)
    has_gradient = []

    def train(values, batch):
        leaves = [value.detach().requires_grad_() for value in values[:num_trained]]
        with torch.enable_grad():
            value, out = _loss_and_outputs(model, loss, names, [*leaves, *values[num_trained:]], batch)
            if not value.requires_grad:
                raise CannotExport("The loss does not depend on a trained parameter. Look for detach() or no_grad().")
            gradients = torch.autograd.grad(value, leaves, allow_unused=True)
        has_gradient[:] = [gradient is not None for gradient in gradients]
        gradients = [gradient.contiguous() for gradient in gradients if gradient is not None]
        return [value.detach(), *gradients, *([out.detach().contiguous()] if outputs else [])]

    def evaluate(values, batch):
        with torch.no_grad():
            value, out = _loss_and_outputs(model, loss, names, values, batch)
            return [value, out.contiguous()]

    return train, evaluate, has_gradient


def _trace(function, tensors, batch):
    """The function as an exported program whose only dynamic size is the batch size."""
    from torch.fx.experimental.proxy_tensor import make_fx

    values = tensors.values()
    taken = {size for tensor in [*values, *batch] for size in tensor.shape[tensor.dim() and 0 :]}
    size = next(size for size in range(11, 10_000) if size not in taken)  # not equal to a layer's size
    batch = list(_resized(batch, size))
    graph = make_fx(function, tracing_mode="symbolic", _allow_non_fake_inputs=True)(values, batch)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    own = {tensor.untyped_storage().data_ptr(): name for name, tensor in tensors.all.items() if tensor.numel()}
    for node in graph.graph.find_nodes(op="get_attr"):
        constant = getattr(graph, node.target)
        if constant.requires_grad or (constant.numel() and constant.untyped_storage().data_ptr() in own):
            raise CannotExport(f"A trained tensor of shape {list(constant.shape)} is not a parameter of the model (it may belong to "
                               "the loss or to a list). Register it in the model as a parameter.")  # fmt: skip
    dynamic = {0: torch.export.Dim("batch", min=1)}
    with torch.no_grad():
        return torch.export.export(_Step(graph), (values, batch), strict=False,
                                   dynamic_shapes=([None] * len(values), [dynamic] * len(batch)))  # fmt: skip


def _compile(program, name, folder, num_threads, level):
    """The files of the compiled step, by their names in a package."""
    from torch._inductor import config, cpp_builder, cpu_vec_isa

    patches = [config.patch({"aot_inductor.link_libtorch": False, "cpp.threads": num_threads,
                             "cpp.vec_isa_ok": True if level in LEVELS else None})]  # fmt: skip
    asked = []
    if level in LEVELS:
        # Otherwise the step is compiled with -march=native, and runs on few other CPUs.
        isa, march = getattr(cpu_vec_isa, LEVELS[level][0])(), LEVELS[level][1]
        original = cpp_builder._get_optimization_cflags

        def flags(*arguments, **options):
            compiler, linker = original(*arguments, **options)
            asked.append("march=native" in compiler)
            return [f"march={march}" if flag == "march=native" else flag for flag in compiler], linker

        patches += [mock.patch.object(cpp_builder, "_get_optimization_cflags", flags),
                    mock.patch.object(cpu_vec_isa, "valid_vec_isa_list", lambda: [isa]),
                    mock.patch.dict(os.environ, {"ATEN_CPU_CAPABILITY": level.lower()})]  # fmt: skip
    with patches[0]:
        for patch in patches[1:]:
            patch.start()
        try:
            package = torch._inductor.aoti_compile_and_package(program, package_path=str(folder / f"{name}.pt2"))
        finally:
            for patch in patches[1:]:
                patch.stop()
    if level in LEVELS and not (asked and all(asked)):
        raise CannotExport(f"torch {torch.__version__} compiles steps in a way that this script does not support. Use torch 2.11.")
    with zipfile.ZipFile(package) as archive:
        files = {f"data/aotinductor/{name}/{Path(entry).name}": archive.read(entry) for entry in archive.namelist()
                 if entry.endswith((".so", "wrapper_metadata.json"))}  # fmt: skip
    # The loader derives the library's name from the name of the source, and does not read the source.
    source = next(entry for entry in files if entry.endswith(".so")).removesuffix(".so") + ".cpp"
    return {**files, source: b"// compiled\n"}


def _load(path, name):
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)  # the compiled step needs LibTorch's symbols
    return torch._C._aoti.AOTIModelPackageLoader(str(path), name, True, 1, -1)


def _agree(mine, reference):
    return all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max()) + 1e-6, equal_nan=True)
               for a, b in zip(mine, reference, strict=True) if b.numel())  # fmt: skip


class _Trial:
    """Compares the compiled steps with PyTorch's."""

    def __init__(self, path, tensors, functions):
        self.tensors = tensors
        self.steps = {"train": (_load(path, "train"), functions[0]), "eval": (_load(path, "eval"), functions[1])}

    def compiled(self, name, batch, seed):
        values = self.tensors.values()
        torch.manual_seed(seed)
        with torch.no_grad():
            results = self.steps[name][0].run([*values, *batch])
        return results, values

    def eager(self, name, batch, seed):
        values = self.tensors.values()
        torch.manual_seed(seed)
        return self.steps[name][1](values, list(batch)), values

    def is_right(self, name, batch):
        expected, expected_values = self.eager(name, batch, 1)
        got, got_values = self.compiled(name, batch, 1)
        return _agree([*got, *got_values], [*expected, *expected_values])


def _write(model, loss, batch, path, outputs, num_threads, level):
    tensors = _Tensors(model)
    train, evaluate, has_gradient = _functions(model, loss, tensors, outputs)
    if not model.training:
        model.train()
    training = {module: module.training for module in model.modules()}

    def modes(on):
        for module, mode in training.items():
            module.training = mode and on

    _refuse_lost_buffers(model, tensors, train, batch)
    description = {
        "format": FORMAT_VERSION,
        "torch": torch.__version__.split("+")[0],
        "machine": platform.machine(),
        "cpu": level,
        "inputs": [{"name": name, "dtype": str(part.dtype).removeprefix("torch."), "shape": list(part.shape[1:])}
                   for name, part in zip(_input_names(model, len(batch) - 1), batch)],
        "outputs": outputs,
    }
    with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".export-") as folder:
        folder = Path(folder)
        files = _compile(_trace(train, tensors, batch), "train", folder, num_threads, level)
        modes(False)
        files |= _compile(_trace(evaluate, tensors, batch), "eval", folder, num_threads, level)
        modes(True)
        whole = folder / "model.pt2"
        _write_package(whole, files, {}, [])
        trial = _Trial(whole, tensors, (train, evaluate))
        description |= _try_out(trial, batch, modes)
        del trial  # also removes the folders with its unpacked code
        description |= _describe(model, tensors, has_gradient, description.pop("aliased"))
        _write_package(whole, files, description, tensors.values())
        os.replace(whole, path)
    return path


def _refuse_lost_buffers(model, tensors, train, batch):
    """Raises CannotExport if training changes a buffer that is not in the state_dict: it would be lost when resuming."""
    kept = model.state_dict().keys()
    values = tensors.values()
    before = [value.clone() for value in values]
    train(values, [part.clone() for part in batch])
    for name, a, b in zip(tensors.all, values, before):
        if name in tensors.buffers and name not in kept and not torch.equal(a, b):
            raise CannotExport(f"Training changes the buffer '{name}', which is not in the state_dict. Make it persistent.")


def _try_out(trial, batch, modes):
    size = batch[0].shape[0]
    modes(True)
    first, second = (trial.eager("train", batch, seed)[0][0] for seed in (1, 2))
    is_random = not torch.equal(first, second)
    least = 2
    for size in (1, 2, 3, size, 2 * size + 1):
        some = _resized(batch, size)
        for name in ("train", "eval"):
            modes(name == "train")
            try:
                if name == "train" and is_random:
                    trial.eager(name, some, 1)
                    a, b, c = (trial.compiled(name, some, seed)[0] for seed in (1, 1, 2))
                    # With few elements, two dropout masks may be equal.
                    right = _agree(a, b) and (size < 8 or not torch.equal(a[0], c[0]))
                else:
                    right = trial.is_right(name, some)
            except Exception:
                if size > 1:
                    raise
                right = False
            if right:
                continue
            if size > 1:
                raise CannotExport(f"The results of the compiled {name} step differ from PyTorch's for a batch of {size} samples. "
                                   "Look for code that depends on the size of the batch or on random numbers.")  # fmt: skip
            break
        else:
            least = min(least, size)
    modes(True)
    results, values = trial.compiled("train", _resized(batch, 3), 1)
    taken, aliased = {value.untyped_storage().data_ptr() for value in values}, []
    for i, result in enumerate(results):
        place = result.untyped_storage().data_ptr()
        aliased.append(place in taken)
        taken.add(place)
    return {"min_batch": least, "random": is_random, "aliased": aliased}


def _describe(model, tensors, has_gradient, aliased):
    places = {name: i for i, name in enumerate(tensors.all)}
    place_of = {id(tensor): places[name] for name, tensor in tensors.all.items()}
    modules = []
    for path, module in model.named_modules(remove_duplicate=False):
        lost = module._non_persistent_buffers_set
        modules.append({
            "path": path,
            "type": type(module).__name__,
            "parameters": [[key, place_of[id(p)]] for key, p in module._parameters.items() if p is not None],
            "buffers": [[key, place_of[id(b)]] for key, b in module._buffers.items() if b is not None and key not in lost],
        })  # fmt: skip
    listed, next_output = [], 1
    for i, (name, tensor) in enumerate(tensors.all.items()):
        entry = {"name": name, "dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape),
                 "kind": "buffer" if name in tensors.buffers else "parameter"}  # fmt: skip
        if i < len(has_gradient):
            entry["gradient"] = next_output if has_gradient[i] else 0
            entry["copy"] = has_gradient[i] and aliased[next_output]
            next_output += has_gradient[i]
        listed.append(entry)
    return {"tensors": listed, "modules": modules}


def _write_package(path, files, description, values):
    from torch.export.pt2_archive._package import PT2ArchiveWriter

    with PT2ArchiveWriter(str(path)) as archive:
        for name, contents in files.items():
            archive.write_bytes(name, contents)
        if description:
            archive.write_string("extra/hone/step.json", json.dumps(description, indent=1))
        for i, value in enumerate(values):
            raw = (ctypes.c_char * value.nbytes).from_address(value.data_ptr()).raw if value.nbytes else b""
            archive.write_bytes(f"{TENSORS}/{i}", raw)


def _find(where):
    place, _, name = where.rpartition(":")
    if not place or not name:
        raise CannotExport(f"'{where}' is not the name of a function. Write file.py:function or package.module:function.")
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise CannotExport(f"The file {place} does not exist.")
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        sys.path.insert(0, str(Path(place).resolve().parent))
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, os.getcwd())
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            raise CannotExport(f"The module {error.name} does not exist.") from error
    if not callable(getattr(module, name, None)):
        raise CannotExport(f"{place} has no function {name}.")
    return getattr(module, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", metavar="WHERE:FUNCTION")
    parser.add_argument("path", metavar="MODEL.pt2", type=Path)
    parser.add_argument("--no-outputs", action="store_true", help="the training step returns only loss and gradients")
    parser.add_argument("--threads", type=int, default=1, help="number of threads of the generated code (default: 1)")
    parser.add_argument("--cpu", choices=LEVELS, help="required capability of the CPU that trains (default: this CPU's)")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    try:
        made = _find(arguments.where)()
        if not isinstance(made, tuple) or len(made) != 3:
            raise CannotExport(f"{arguments.where} does not return (model, loss, example_batch).")
        export_step(*made, arguments.path, outputs=not arguments.no_outputs, num_threads=arguments.threads, cpu=arguments.cpu)
    except CannotExport as error:
        print(f"export_step: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
