"""Calibration: what is right as often as it says has no error, and temperature mends over-confidence."""

from __future__ import annotations

import torch

from training.calibration import expected_calibration_error, fit_temperature


def drawn(n: int, sharpness: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw labels from known probabilities; return logits `sharpness` times as sure as those, and the labels."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(n, 10, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    return sharpness * logits, labels


def test_true_probabilities_have_hardly_an_error() -> None:
    assert expected_calibration_error(*drawn(100_000, sharpness=1)) < 0.005


def test_over_confidence_is_seen_and_mended_by_the_fitted_temperature() -> None:
    logits, labels = drawn(100_000, sharpness=2)
    temperature = fit_temperature(logits, labels)
    assert expected_calibration_error(logits, labels) > 0.1
    assert abs(temperature - 2) < 0.05
    assert expected_calibration_error(logits, labels, temperature) < 0.01


def test_an_answer_that_is_sure_and_wrong_has_all_the_error_there_is() -> None:
    logits = torch.zeros(4, 10)
    logits[:, 3] = 100
    assert expected_calibration_error(logits, torch.full((4,), 5)) == 1
