"""Export a model to servers other than TorchServe: ONNX, torch.export, and a folder that Triton loads.

    python -m training.export mnist                                 # export/mnist/
    python -m training.export mnist --url http://127.0.0.1:8080     # compared with the running server

The files compute the handler's `inference`: the net and the steps on tensors after it. They take inputs as the handler
collates them, float32 or int64, [n, *shape]. `preprocess` and `postprocess` stay behind: docs/leaving-torchserve.md.
Nothing is written unless both files answer the golden set as it is served.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from common.cli import exit_on_error, parser_with_examples
from common.errors import UserError
from common.files import write_atomically
from handlers.base_handler import ModelHandler
from model import config
from model.config import ModelConfig
from training import weights
from training.parity import BATCH_SIZES, MAX_DIFFERENCE, Comparison, Infer, answer, ask, compare, golden_inputs

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
TRITON_TYPES = {
    torch.float32: "TYPE_FP32",
    torch.float64: "TYPE_FP64",
    torch.float16: "TYPE_FP16",
    torch.int64: "TYPE_INT64",
    torch.int32: "TYPE_INT32",
    torch.uint8: "TYPE_UINT8",
    torch.bool: "TYPE_BOOL",
}


class ExportError(UserError):
    """A model cannot be exported, or its exported files answer otherwise than the server."""


class Inference(nn.Module):
    """The handler's `inference` as a module: torch.export takes nothing else."""

    def __init__(self, handler: ModelHandler) -> None:
        super().__init__()
        self.net = handler.net  # so that its weights are this module's
        self.handler = handler

    def forward(self, inputs: Tensor) -> Any:
        return self.handler.inference(inputs)


class Tensors(NamedTuple):
    """The tensors of an `inference`: their names, one sample of each, [n, …], and the structure that holds them."""

    names: list[str]
    samples: list[Tensor]
    structure: Any


def load_handler(name: str, weights_path: Path) -> ModelHandler:
    """Load the one handler class of handlers/NAME/handler.py with the weights, on the CPU.

    Raises ModelConfigError, WeightsError, and ExportError when the module has another number of handlers.
    """
    config.check_files(config.load(name))
    report = weights.load_report(weights_path)
    weights.load_net(name, weights_path)  # its errors are sentences
    module = importlib.import_module(f"handlers.{name}.handler")
    classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    if len(classes) != 1 or not issubclass(classes[0], ModelHandler):
        raise ExportError(f"{module.__file__} must define exactly one class, a ModelHandler: move the rest elsewhere")
    handler: ModelHandler = classes[0]()
    handler.load(name, weights_path, report, torch.device("cpu"))
    return handler


def find_tensors(handler: ModelHandler, inputs: Tensor) -> Tensors:
    """Run `inference` on [n, *shape]; name each tensor as the output of `postprocess` that equals it, if one does.

    Raises ExportError for a tensor that has no row for each input, or a type that Triton does not have.
    """
    outputs = handler.inference(inputs)
    named = {name: np.asarray(values) for name, values in handler.postprocess(outputs).items()}
    samples, structure = pytree.tree_flatten(outputs)
    names: list[str] = []
    for i, sample in enumerate(samples):
        if not isinstance(sample, Tensor) or sample.shape[:1] != inputs.shape[:1] or sample.dtype not in TRITON_TYPES:
            kind = f"{sample.dtype} {list(sample.shape)}" if isinstance(sample, Tensor) else type(sample).__name__
            raise ExportError(f"inference returns {kind} for {len(inputs)} inputs: return tensors [n, …] from it")
        array = sample.numpy()
        equal = [n for n, v in named.items() if v.dtype == array.dtype and np.array_equal(v, array) and n not in names]
        names.append(equal[0] if equal else f"output_{i}")
    return Tensors(names, samples, structure)


def export_program(handler: ModelHandler) -> torch.export.ExportedProgram:
    """Trace the handler's `inference` with a free batch size. Raises ExportError when it cannot be traced."""
    reader = handler.parser.reader
    example = torch.from_numpy(reader.collate([np.zeros((2, *reader.spec.shape), reader.dtype)]))
    free_size = {"inputs": {0: torch.export.Dim("n", min=1)}}
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # on an error it prints the whole graph
            program = torch.export.export(Inference(handler).eval(), (example,), dynamic_shapes=free_size)
    except Exception as error:  # torch.export raises many types
        raise ExportError(
            f"inference of the {handler.config.name} handler cannot be exported ({_first_line(error)}): "
            "keep it to tensors, without NumPy and without branches on their values"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it has paths of this machine
    return program


def to_pt2(program: torch.export.ExportedProgram) -> bytes:
    """Return the content of the file that torch.export.save writes."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def to_onnx(program: torch.export.ExportedProgram, input_name: str, output_names: Sequence[str]) -> bytes:
    """Return the program as the content of an ONNX file. Raises ExportError for operators that ONNX does not have."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the exporter prints its progress
            exported: Any = torch.onnx.export(
                program, dynamo=True, input_names=[input_name], output_names=list(output_names), verbose=False
            )
        for node in exported.model.graph:
            node.metadata_props.clear()  # it has the source lines that torch.export recorded
        content: bytes = exported.model_proto.SerializeToString()
        return content
    except Exception as error:  # torch.onnx and protobuf raise many types
        raise ExportError(
            f"the exported program cannot be written as ONNX ({_first_line(error)}): "
            "use operators that ONNX has, and less than 2 GB of weights"
        ) from error


def load_pt2(content: bytes) -> Infer:
    """Load the content of model.pt2 as anyone would who has only the file."""
    module: Infer = torch.export.load(io.BytesIO(content)).module()
    return module


def load_onnx(content: bytes, tensors: Tensors) -> Infer:
    """Load the content of model.onnx into ONNX Runtime on the CPU."""
    import onnxruntime  # only here: an error's sentence, and not a traceback, when it is not installed

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: it warns of machines without a GPU
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()

    def infer(inputs: Tensor) -> Any:
        outputs = session.run(tensors.names, {entry.name: inputs.numpy()})
        return pytree.tree_unflatten([torch.from_numpy(output) for output in outputs], tensors.structure)

    return infer


def triton_config(model: ModelConfig, input_type: torch.dtype, tensors: Tensors) -> str:
    """Return the config.pbtxt of the model. Triton wants a dimension beside the batch's: [n] becomes [n, 1] there."""
    inputs = _triton_tensor("input", model.input.name, input_type, model.input.shape)
    outputs = [
        _triton_tensor("output", name, sample.dtype, sample.shape[1:])
        for name, sample in zip(tensors.names, tensors.samples, strict=True)
    ]
    return "\n".join(
        [
            f"# Written by training.export from model/{model.name}/model.yaml.",
            f'name: "{model.name}"',
            'backend: "onnxruntime"',
            f"max_batch_size: {model.input.max_count}",
            inputs,
            *outputs,
            "dynamic_batching { }",
            "",
        ]
    )


def export(name: str, weights_path: Path, url: str | None) -> tuple[dict[str, bytes], dict[str, Comparison]]:
    """Return the files by their path below the output folder, and the comparison of each format's file.

    Raises ExportError, besides the errors of `load_handler`, unless every file answers as `url`, or else the handler,
    does.
    """
    _check_packages()
    handler = load_handler(name, weights_path)
    model, inputs = handler.config, golden_inputs(handler)
    with torch.inference_mode():
        collated = torch.from_numpy(handler.parser.reader.collate([inputs]))
        tensors = find_tensors(handler, collated)
    served = ask(url, model, inputs) if url else answer(handler, handler.inference, inputs)
    program = export_program(handler)
    pt2, onnx = to_pt2(program), to_onnx(program, model.input.name, tensors.names)
    files = {"model.onnx": onnx, "model.pt2": pt2}
    loaded = {"model.onnx": load_onnx(onnx, tensors), "model.pt2": load_pt2(pt2)}
    comparisons: dict[str, Comparison] = {}
    for file, infer in loaded.items():
        try:
            comparisons[file] = compare(served, answer(handler, infer, inputs))
        except Exception as error:  # torch and ONNX Runtime raise many types
            raise ExportError(
                f"{file} fails on batches of {_listed(BATCH_SIZES)} inputs ({_first_line(error)}); nothing was "
                "written: let inference take any number of inputs"
            ) from error
    _check(comparisons, url)
    files[f"triton/{name}/1/model.onnx"] = onnx
    files[f"triton/{name}/config.pbtxt"] = triton_config(model, collated.dtype, tensors).encode()
    return files, comparisons


def _check(comparisons: Mapping[str, Comparison], url: str | None) -> None:
    """Raise ExportError unless each file answers as served."""
    for file, found in comparisons.items():
        if not found.holds:
            served, remedy = (
                (url, "give --weights those that it serves") if url else ("the handler", "keep inference to tensors")
            )
            raise ExportError(
                f"{file} answers {found.same} of {found.inputs} golden inputs like {served} and differs by up to "
                f"{found.difference:.1e}, where {MAX_DIFFERENCE:g} is allowed; nothing was written: {remedy}"
            )


def _check_packages() -> None:
    missing = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise ExportError(f"{_listed(missing)} cannot be imported: run `make export`, which installs what it needs")


def _triton_tensor(role: str, name: str, dtype: torch.dtype, shape: Sequence[int]) -> str:
    dims = ", ".join(map(str, shape)) or "1"
    reshape = "" if shape else ", reshape: { shape: [ ] }"
    return f'{role} [ {{ name: "{name}", data_type: {TRITON_TYPES[dtype]}, dims: [ {dims} ]{reshape} }} ]'


def _listed(values: Sequence[object]) -> str:
    *most, last = map(str, values)
    return f"{', '.join(most)} and {last}" if most else last


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Export a model as ONNX, torch.export and a folder for Triton, if the files answer the golden set as served.",
        "python -m training.export mnist",
        "python -m training.export mnist --url http://127.0.0.1:8080",
    )
    parser.add_argument("name", help="the model, a folder in model/")
    parser.add_argument("--weights", type=Path, help="state_dict with its report beside it (default: weights/NAME.pt)")
    parser.add_argument("--output", type=Path, help="folder of the files (default: export/NAME)")
    parser.add_argument("--url", help="compare with this running server (default: with the handler in this process)")
    arguments = parser.parse_args(argv)
    name = arguments.name
    output = arguments.output or Path("export", name)
    # Torch warns of its own code, and reports errors that are sentences here.
    torch._logging.set_logs(all=logging.CRITICAL)  # type: ignore[attr-defined]
    with exit_on_error(if_interrupted="nothing was written; run the same command again"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files, comparisons = export(name, arguments.weights or Path("weights", f"{name}.pt"), arguments.url)
        for file, content in files.items():
            write_atomically(output / file, content)
        print(f"{'file':<12}{'bytes':>12}{'inputs':>8}{'same answer':>13}{'largest |Δp|':>14}")
        for file, found in comparisons.items():
            print(f"{file:<12}{len(files[file]):>12,}{found.inputs:>8}{found.same:>13}{found.difference:>14.1e}")
        print(f"{output} holds both files, and {output / 'triton'} is a model repository of Triton.")


if __name__ == "__main__":
    main()
