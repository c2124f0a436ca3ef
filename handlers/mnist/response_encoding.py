"""Encode the responses of the MNIST model, one form for each form of request."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from handlers.mnist.protocols.v2 import encode_tensor


class Explanation(NamedTuple):
    """Each pixel's attribution, float32 [n, 28, 28], and the pixels that the net saw, uint8 [n, 28, 28]."""

    attribution: NDArray[np.float32]
    pixels: NDArray[np.uint8]


class Predictions(NamedTuple):
    """The most probable digits [n], all probabilities, float32 [n, 10], and the explanation if requested."""

    digits: list[int]
    probabilities: NDArray[np.float32]
    explanation: Explanation | None = None


def encode_single(predictions: Predictions) -> bytes:
    """Encode one prediction as an object."""
    return _dumps(_to_object(predictions, 0))


def encode_list(predictions: Predictions) -> bytes:
    """Encode any number of predictions as {"predictions": [...]}."""
    return _dumps({"predictions": [_to_object(predictions, i) for i in range(len(predictions.digits))]})


def encode_npy(predictions: Predictions) -> bytes:
    """Encode the probabilities alone as an .npy file of float32 [n, 10]."""
    stream = io.BytesIO()
    np.save(stream, predictions.probabilities)
    return stream.getvalue()


def encode_v2(predictions: Predictions, envelope: dict[str, str], requested: Sequence[str]) -> bytes:
    """Encode the requested output tensors (none named: all) with the envelope: model name, version and id."""
    probabilities = predictions.probabilities
    outputs = [encode_tensor("probabilities", probabilities), encode_tensor("digit", np.array(predictions.digits))]
    if predictions.explanation is not None:
        outputs += [encode_tensor(name, values) for name, values in predictions.explanation._asdict().items()]
    return _dumps({**envelope, "outputs": [o for o in outputs if not requested or o["name"] in requested]})


def _to_object(predictions: Predictions, i: int) -> dict[str, Any]:
    """Return the JSON object of one digit."""
    digit, probabilities = predictions.digits[i], predictions.probabilities[i]
    answer = {"digit": digit, "confidence": probabilities[digit], "probabilities": probabilities}
    if predictions.explanation is not None:
        answer |= {name: values[i] for name, values in predictions.explanation._asdict().items()}
    return answer


def _dumps(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)
