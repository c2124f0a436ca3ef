"""The answers of the MNIST model, one form for each form of request."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from handlers.mnist.protocols.v2 import tensor


class Reasons(NamedTuple):
    """Each pixel's share in the answer, float32 [n, 28, 28], and what the net saw, uint8 [n, 28, 28]."""

    attribution: NDArray[np.float32]
    pixels: NDArray[np.uint8]


class Predictions(NamedTuple):
    """The likeliest digits [n], all probabilities, float32 [n, 10], and where asked for, the reasons."""

    digits: list[int]
    probabilities: NDArray[np.float32]
    reasons: Reasons | None = None


def encode_single(predictions: Predictions) -> bytes:
    return _dumps(_object(predictions, 0))


def encode_list(predictions: Predictions) -> bytes:
    return _dumps({"predictions": [_object(predictions, i) for i in range(len(predictions.digits))]})


def encode_npy(predictions: Predictions) -> bytes:
    """Write the probabilities alone as an .npy file of float32 [n, 10]."""
    stream = io.BytesIO()
    np.save(stream, predictions.probabilities)
    return stream.getvalue()


def encode_v2(predictions: Predictions, envelope: dict[str, str], wanted: Sequence[str]) -> bytes:
    """Write the output tensors that are wanted (none named: all) under the envelope of name, version and id."""
    probabilities = predictions.probabilities
    outputs = [tensor("probabilities", probabilities), tensor("digit", np.array(predictions.digits))]
    if predictions.reasons is not None:
        outputs += [tensor(name, values) for name, values in predictions.reasons._asdict().items()]
    return _dumps({**envelope, "outputs": [o for o in outputs if not wanted or o["name"] in wanted]})


def _object(predictions: Predictions, i: int) -> dict[str, Any]:
    """Describe one digit."""
    digit, probabilities = predictions.digits[i], predictions.probabilities[i]
    answer = {"digit": digit, "confidence": probabilities[digit], "probabilities": probabilities}
    if predictions.reasons is not None:
        answer |= {name: values[i] for name, values in predictions.reasons._asdict().items()}
    return answer


def _dumps(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)
