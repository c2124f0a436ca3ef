"""The evaluation set is the same every time, holds what it says, and digits are read in it as well as they were."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from handlers.errors import ClientError
from handlers.mnist.preprocessing.pipeline import preprocess_image
from training.mnist.robustness import __main__ as wild
from training.mnist.robustness.ablation import resized
from training.mnist.robustness.corruptions import KINDS
from training.mnist.robustness.out_of_distribution import NEGATIVES, negatives_of
from training.mnist.robustness.predictors import on_this_machine
from training.mnist.robustness.samples import samples_of, wild_set
from training.mnist.robustness.synthetic_digits import SKELETONS

Mnist = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
QUICK = [kind for kind in KINDS if kind not in ("phone_12mp", "small_in_large")]


def test_the_same_seed_gives_the_same_bytes(mnist_test: Mnist) -> None:
    first, second = (list(samples_of("scan", KINDS["scan"], 4, mnist_test)) for _ in range(2))
    assert first == second


def test_half_of_each_kind_is_mnist_and_half_strokes(mnist_test: Mnist) -> None:
    samples = list(samples_of("canvas_28", KINDS["canvas_28"], 20, mnist_test))
    assert [s.source for s in samples] == ["mnist", "strokes"] * 10
    assert {s.label for s in samples} <= set(range(10))
    assert all(Image.open(io.BytesIO(s.data)).size == (28, 28) for s in samples)


def test_every_digit_has_its_skeletons() -> None:
    assert sorted(SKELETONS) == list("0123456789")
    assert all(len(variants) >= 2 for variants in SKELETONS.values())


def test_every_kind_is_an_image_file_and_a_digit_is_found_in_it(mnist_test: Mnist) -> None:
    for sample in wild_set(1, mnist_test):
        assert preprocess_image(sample.data).max() == 255


def test_the_way_to_mnist_form_earns_what_it_costs(mnist_test: Mnist) -> None:
    """Nearest neighbours among MNIST's pixels are enough of a classifier to see the steps help."""
    images, labels = mnist_test
    known = images[:2000].reshape(2000, -1).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)

    def predict(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.eye(10, dtype=np.float32)[labels[(pixels.reshape(len(pixels), -1) @ known.T).argmax(axis=1)]]

    samples = [s for kind in QUICK[:8] for s in samples_of(kind, KINDS[kind], 6, mnist_test)]
    plain, read = (
        np.mean(list(wild.accuracy_by_kind(samples, on_this_machine(step, predict)(samples)).values()))
        for step in (resized, preprocess_image)
    )
    assert read > 0.75
    assert read > plain + 0.4


@pytest.mark.parametrize("kind", ["blank", "gradient", "noise"])
def test_what_plainly_holds_no_digit_is_refused(kind: str) -> None:
    for sample in negatives_of(kind, 5):
        with pytest.raises(ClientError, match="no digit found"):
            preprocess_image(sample.data)


def test_every_negative_is_an_image_file() -> None:
    for name, render in NEGATIVES.items():
        assert Image.open(io.BytesIO(render(np.random.default_rng(1)))).size[0] >= 28, name


def test_auroc_is_one_for_parted_and_half_for_equal_scores() -> None:
    high, low = np.array([0.8, 0.9], np.float32), np.array([0.1, 0.2], np.float32)
    assert wild.auroc(high, low) == 1
    assert wild.auroc(high, high) == 0.5
