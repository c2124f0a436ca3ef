"""Encode request bodies and check responses."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels losslessly."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    """Encode an array as an .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def assert_is_prediction(answer: Mapping[str, Any], digit: int) -> None:
    """Check all fields of one prediction object."""
    assert set(answer) == {"digit", "confidence", "probabilities"}
    assert answer["digit"] == digit
    assert len(answer["probabilities"]) == 10
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert answer["confidence"] == max(answer["probabilities"]) == answer["probabilities"][digit]


def assert_same_predictions(answers: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> None:
    """Check that predictions are equal but for the last bits, which depend on the size of the micro-batch."""
    assert [answer["digit"] for answer in answers] == [answer["digit"] for answer in expected]
    np.testing.assert_allclose(
        [answer["probabilities"] for answer in answers],
        [answer["probabilities"] for answer in expected],
        rtol=1e-4,
        atol=1e-7,
    )
