"""The golden set's file decides how many predictions must be correct."""

from __future__ import annotations

import numpy as np
import pytest

from serving.client import Prediction
from serving.deployment.golden_set import GoldenError, GoldenSet


class StandIn:
    """Predicts the digit `digit` for each image."""

    def __init__(self, digit, probabilities):
        self.prediction = Prediction(digit, max(probabilities), probabilities)

    def predict(self, _image, _version):
        return self.prediction


@pytest.fixture
def golden(tmp_path):
    """Return a golden set of 50 sevens and 50 ones."""
    labels = np.repeat(np.array([7, 1], np.uint8), 50)
    np.savez(tmp_path / "golden.npz", images=np.zeros((100, 28, 28), np.uint8), labels=labels)
    return GoldenSet(tmp_path / "golden.npz")


def test_the_projects_set_asks_for_194_of_200():
    golden = GoldenSet()
    assert (len(golden), golden.min_correct, golden.max_regression) == (200, 194, 2)


def test_another_number_of_images_gives_another_threshold_and_sentence(golden):
    assert (len(golden), golden.min_correct, golden.max_regression) == (100, 97, 1)
    assert golden.describe(98) == "98 of 100 golden digits right"
    golden.check("2.0", 97, 98)
    with pytest.raises(GoldenError, match=r"^2\.0 reads 96 of 100 golden digits right, fewer than 97$"):
        golden.check("2.0", 96, None)
    with pytest.raises(GoldenError, match=r"^2\.0 reads 97 of 100 golden digits right, and the version before it 99$"):
        golden.check("2.0", 97, 99)


def test_correct_predictions_are_counted(golden):
    assert golden.count_correct(StandIn(7, [0.1] * 10), "2.0") == 50


@pytest.mark.parametrize("probabilities", [[0.1] * 9, [0.2] * 10, [0.5, 0.5]])
def test_invalid_probabilities_are_an_error(golden, probabilities):
    with pytest.raises(GoldenError, match=r"^2\.0 returned invalid probabilities for golden digit 7$"):
        golden.count_correct(StandIn(7, probabilities), "2.0")
