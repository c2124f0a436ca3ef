"""Compare the answers of an exported file to the golden set with those of a server, or of the handler itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import requests
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.errors import UserError
from common.http import direct_session
from handlers.base_handler import ModelHandler
from handlers.response_encoding import Values
from model.config import ModelConfig

MAX_DIFFERENCE = 1e-4
BATCH_SIZES = (1, 7, 64)  # a file with a fixed batch size must not pass
TIMEOUT_S = 30.0
V2_DTYPES: dict[str, type] = {"FP32": np.float32, "INT64": np.int64, "UINT8": np.uint8, "BYTES": np.str_}

Answers = Mapping[str, Values]  # outputs of model.yaml by name, each [n, …]
Infer = Callable[[Tensor], Any]  # from [n, *shape] to the result of the handler's `inference`


class ParityError(UserError):
    """The answers to compare with cannot be had."""


class Comparison(NamedTuple):
    """The number of inputs, of those with the same answer, and the largest difference of two numbers."""

    inputs: int
    same: int
    difference: float

    @property
    def holds(self) -> bool:
        return self.same == self.inputs and self.difference < MAX_DIFFERENCE


def golden_inputs(handler: ModelHandler) -> NDArray[Any]:
    """Return the inputs of the golden set, [n, *shape]: uint8 or float32 pixels, float32 or int64 numbers."""
    with np.load(handler.config.golden_file) as golden:
        inputs: NDArray[Any] = golden["inputs"]
    return inputs if handler.config.input.type == "pixels" else inputs.astype(handler.parser.reader.dtype)


def answer(handler: ModelHandler, infer: Infer, inputs: NDArray[Any]) -> Answers:
    """Return the outputs of the handler's `postprocess` for inputs [n, *shape] that go through `infer` in batches."""
    collate = handler.parser.reader.collate
    with torch.inference_mode():
        outputs = (infer(torch.from_numpy(collate([batch]))) for batch in _batches(handler.config, inputs))
        return _concatenate([handler.postprocess(output) for output in outputs])


def ask(url: str, model: ModelConfig, inputs: NDArray[Any]) -> Answers:
    """Return the outputs that a server answers to inputs [n, *shape], by the Open Inference Protocol (V2).

    Raises ParityError when it does not answer, or the model does not offer the protocol.
    """
    if not model.protocols.v2:
        raise ParityError(f"{model.name} offers no V2 outputs in its model.yaml: name some, or leave out --url")
    datatype = {"uint8": "UINT8", "int64": "INT64"}.get(inputs.dtype.name, "FP32")
    tensor: dict[str, Any] = {"name": model.input.name, "datatype": datatype}
    address = f"{url.rstrip('/')}/v2/models/{model.name}/infer"
    batches: list[Answers] = []
    with direct_session() as session:
        for batch in _batches(model, inputs):
            tensor |= {"shape": batch.shape, "data": batch.ravel().tolist()}
            try:
                response = session.post(address, json={"inputs": [tensor]}, timeout=TIMEOUT_S)
                response.raise_for_status()
                outputs = {output["name"]: output for output in response.json()["outputs"]}
                batches.append({name: _to_array(model, outputs[name]) for name in model.protocols.v2})
            except requests.ConnectionError as error:
                raise ParityError(f"nothing answers at {address}: start the server with `make serve`") from error
            except (requests.RequestException, LookupError, TypeError, ValueError) as error:
                reason = str(error).partition("\n")[0]
                raise ParityError(f"{address} does not answer the golden set ({reason}): name another --url") from error
    return _concatenate(batches)


def compare(served: Answers, exported: Answers) -> Comparison:
    """Compare each served output with the exported one of its name.

    Answers are the same where integers and strings are equal, and numbers [n, …, k] have equal argmaxes.
    """
    count = len(next(iter(served.values())))
    same, difference = np.ones(count, bool), 0.0
    for name, values in served.items():
        expected, found = np.asarray(values), np.asarray(exported[name])
        if expected.dtype.kind == "f":
            difference = float(np.maximum(difference, np.abs(expected - found).max()))  # NaN stays
            if expected.ndim == 1:
                continue
            expected, found = expected.argmax(axis=-1), found.argmax(axis=-1)
        same &= (expected == found).reshape(count, -1).all(axis=1)
    return Comparison(count, int(same.sum()), difference)


def _batches(model: ModelConfig, inputs: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Split inputs into batches of the `BATCH_SIZES`, again and again, and of no more than a request may hold."""
    start = 0
    for size in itertools.cycle(BATCH_SIZES):
        if start >= len(inputs):
            return
        end = start + min(size, model.input.max_count)
        yield inputs[start:end]
        start = end


def _concatenate(batches: Sequence[Answers]) -> Answers:
    return {name: np.concatenate([np.asarray(batch[name]) for batch in batches]) for name in batches[0]}


def _to_array(model: ModelConfig, output: Mapping[str, Any]) -> NDArray[Any]:
    """Return one V2 output tensor as an array; its data is flat."""
    data: NDArray[Any] = np.array(output["data"], V2_DTYPES[model.outputs[output["name"]].datatype])
    return data.reshape(output["shape"])
