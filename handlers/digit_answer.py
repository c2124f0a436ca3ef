"""The answers of the MNIST model, one form for each form of request."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from digit_image import SIDE
from open_inference import tensor


class Predictions(NamedTuple):
    """The likeliest digits [n] and all probabilities, float32 [n, 10].

    Where asked for, each pixel's share in the answer, float32 [n, 784].
    """

    digits: list[int]
    probabilities: NDArray[np.float32]
    attributions: NDArray[np.float32] | None = None


def one(predictions: Predictions) -> bytes:
    return _dumps(_objects(predictions)[0])


def many(predictions: Predictions) -> bytes:
    return _dumps({"predictions": _objects(predictions)})


def npy(predictions: Predictions) -> bytes:
    """Write the probabilities alone as an .npy file of float32 [n, 10]."""
    stream = io.BytesIO()
    np.save(stream, predictions.probabilities)
    return stream.getvalue()


def v2(predictions: Predictions, envelope: dict[str, str], wanted: Sequence[str]) -> bytes:
    """Write the output tensors that are wanted (none named: all) under the envelope of name, version and id."""
    probabilities = predictions.probabilities
    outputs = [tensor("probabilities", probabilities), tensor("digit", np.array(predictions.digits))]
    if predictions.attributions is not None:
        outputs.append(tensor("attribution", predictions.attributions.reshape(-1, SIDE, SIDE)))
    return _dumps({**envelope, "outputs": [o for o in outputs if not wanted or o["name"] in wanted]})


def _objects(predictions: Predictions) -> list[dict[str, Any]]:
    """Describe each digit in an object of its own."""
    answers = []
    for i, (digit, probabilities) in enumerate(zip(predictions.digits, predictions.probabilities, strict=True)):
        answer = {"digit": digit, "confidence": probabilities[digit], "probabilities": probabilities}
        if predictions.attributions is not None:
            answer["attribution"] = predictions.attributions[i].reshape(SIDE, SIDE)
        answers.append(answer)
    return answers


def _dumps(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)
