"""Pictures as people send them, over HTTP: every kind is read, and no digit is taken for none."""

from __future__ import annotations

import numpy as np
import pytest

from training.wild.kinds import KINDS
from training.wild.negatives import negatives_of
from training.wild.samples import wild_set
from training.wild.scores import accuracy_by_kind, refused
from training.wild.service import ask_server

pytestmark = pytest.mark.server
COUNT = 20  # of each kind; one picture is 5 %


def test_digits_are_read_in_every_kind_of_picture(server, mnist_test):
    samples = list(wild_set(COUNT, mnist_test))
    answers = ask_server(server.inference, samples)
    accuracy = accuracy_by_kind(samples, answers)
    assert set(accuracy) == set(KINDS)
    assert np.mean(list(accuracy.values())) >= 0.96, accuracy
    assert min(accuracy.values()) >= 0.85, accuracy
    assert refused(answers).sum() <= 1


@pytest.mark.parametrize(
    ("kind", "share"),
    [("blank", 1), ("empty_page", 1), ("gradient", 1), ("noise", 1), ("empty_ruled_page", 0.95), ("photo", 0.5)],
)
def test_pictures_without_a_digit_are_refused(server, kind, share):
    assert refused(ask_server(server.inference, negatives_of(kind, COUNT))).mean() >= share
