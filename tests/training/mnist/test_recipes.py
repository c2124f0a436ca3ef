"""The schedule of a recipe, and the distortion of digits."""

from __future__ import annotations

import pytest
import torch

from training.mnist.augmentation import SIDE, Augment, Distortion
from training.mnist.recipes import FAST, STUDY
from training.schedule import learning_rate

NOTHING = Distortion(rotation_deg=0, scale=0, shear=0, shift_px=0, elastic_px=0, elastic_sigma_px=4, thickness=0)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def bars() -> torch.Tensor:
    """Return five images of one upright bar, float32 [5, 784]."""
    images = torch.zeros(5, SIDE, SIDE)
    images[:, 6:22, 12:16] = 1
    return images.flatten(1)


def test_a_constant_rate_is_constant_and_warmup_cosine_rises_and_falls_to_0() -> None:
    assert {learning_rate(STUDY.schedule, STUDY.lr, progress / 10) for progress in range(10)} == {1e-3}
    rates = [learning_rate(FAST.schedule, FAST.lr, progress / 100) for progress in range(101)]
    peak = rates.index(max(rates))
    assert (rates[0], rates[peak], peak) == (0, FAST.lr, 10)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_no_distortion_leaves_images_as_they_are(bars: torch.Tensor) -> None:
    torch.testing.assert_close(Augment(NOTHING, random())(bars), bars, atol=1e-5, rtol=0)


def test_each_image_is_distorted_in_its_own_way_and_stays_an_image(bars: torch.Tensor) -> None:
    distorted = Augment(Distortion(), random())(bars)
    assert distorted.shape == bars.shape
    assert distorted.min() >= 0
    assert distorted.max() <= 1
    assert not any(torch.allclose(distorted[0], other) for other in distorted[1:])
    assert 0.5 < distorted.sum() / bars.sum() < 1.7


def test_the_same_seed_distorts_alike(bars: torch.Tensor) -> None:
    one, again, other = (Augment(Distortion(), random(seed))(bars) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_turn_goes_as_far_as_it_is_told(bars: torch.Tensor) -> None:
    turned = Augment(Distortion(**{**vars(NOTHING), "rotation_deg": 10}), random())(bars).view(-1, SIDE, SIDE)
    middles = (turned * torch.arange(SIDE)).sum(2) / turned.sum(2).clamp(
        min=1e-6
    )  # [5, 28]: the bar's place in each row
    slants = (middles[:, 18] - middles[:, 9]) / 9
    assert slants.abs().max() <= 0.18, "tan 10°"
    assert slants.abs().max() > 0.05
