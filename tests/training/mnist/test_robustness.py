"""The evaluation set is reproducible, holds the digits it names, and preprocessing earns its cost on it."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from handlers.errors import ClientError
from handlers.mnist.preprocessing.normalize import read_digit
from training.mnist.robustness.__main__ import accuracy_by_corruption, auroc
from training.mnist.robustness.ablation import resize
from training.mnist.robustness.corruptions import CORRUPTIONS
from training.mnist.robustness.out_of_distribution import OUT_OF_DISTRIBUTION, generate_out_of_distribution
from training.mnist.robustness.predictors import local_predictor
from training.mnist.robustness.samples import generate_evaluation_set, generate_samples
from training.mnist.robustness.synthetic_digits import SKELETONS

Mnist = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
QUICK = [name for name in CORRUPTIONS if name not in ("phone_12mp", "small_in_large")]


def test_the_same_seed_gives_the_same_bytes(mnist_test: Mnist) -> None:
    first, second = (list(generate_samples("scan", CORRUPTIONS["scan"], 4, mnist_test)) for _ in range(2))
    assert first == second


def test_half_of_each_corruption_is_mnist_and_half_strokes(mnist_test: Mnist) -> None:
    samples = list(generate_samples("canvas_28", CORRUPTIONS["canvas_28"], 20, mnist_test))
    assert [s.source for s in samples] == ["mnist", "strokes"] * 10
    assert {s.label for s in samples} <= set(range(10))
    assert all(Image.open(io.BytesIO(s.data)).size == (28, 28) for s in samples)


def test_every_digit_has_its_skeletons() -> None:
    assert sorted(SKELETONS) == list("0123456789")
    assert all(len(variants) >= 2 for variants in SKELETONS.values())


def test_every_corruption_is_an_image_file_and_a_digit_is_found_in_it(mnist_test: Mnist) -> None:
    for sample in generate_evaluation_set(1, mnist_test):
        assert read_digit(sample.data).max() == 255


def test_preprocessing_beats_a_plain_resize(mnist_test: Mnist) -> None:
    """The classifier is the nearest neighbour among MNIST's pixels."""
    images, labels = mnist_test
    known = images[:2000].reshape(2000, -1).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)

    def predict(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.eye(10, dtype=np.float32)[labels[(pixels.reshape(len(pixels), -1) @ known.T).argmax(axis=1)]]

    samples = [s for name in QUICK[:8] for s in generate_samples(name, CORRUPTIONS[name], 6, mnist_test)]
    plain, read = (
        np.mean(list(accuracy_by_corruption(samples, local_predictor(step, predict)(samples)).values()))
        for step in (resize, read_digit)
    )
    assert read > 0.75
    assert read > plain + 0.4


@pytest.mark.parametrize("kind", ["blank", "gradient", "noise"])
def test_pictures_without_a_digit_are_refused(kind: str) -> None:
    for sample in generate_out_of_distribution(kind, 5):
        with pytest.raises(ClientError, match="no digit found"):
            read_digit(sample.data)


def test_every_out_of_distribution_picture_is_an_image_file() -> None:
    for name, render in OUT_OF_DISTRIBUTION.items():
        assert Image.open(io.BytesIO(render(np.random.default_rng(1)))).size[0] >= 28, name


def test_auroc_is_one_for_parted_and_half_for_equal_scores() -> None:
    high, low = np.array([0.8, 0.9], np.float32), np.array([0.1, 0.2], np.float32)
    assert auroc(high, low) == 1
    assert auroc(high, high) == 0.5
