"""Measure imaginary fruit: mass in g, length in cm, width in cm, hue in degrees (0 red, 60 yellow, 120 green)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model import config

LABELS = config.load("new_model").labels


class Spread(NamedTuple):
    """The mean and the standard deviation of a normal distribution."""

    mean: float
    deviation: float


class Fruit(NamedTuple):
    """How one kind of fruit varies; its mass follows from its size and its density."""

    length_cm: Spread
    width_cm: Spread
    hue: Spread
    density: Spread  # of the ellipsoid, g/cm³


FRUIT = {
    "apple": Fruit(Spread(7.0, 0.7), Spread(7.4, 0.7), Spread(50, 40), Spread(0.85, 0.05)),
    "banana": Fruit(Spread(18.0, 2.0), Spread(3.6, 0.3), Spread(55, 10), Spread(0.95, 0.05)),
    "lemon": Fruit(Spread(8.5, 0.8), Spread(5.8, 0.5), Spread(56, 6), Spread(0.95, 0.05)),
}


def make_dataset(n: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return n fruit, float32 [n, 4], and their labels [n], indices into `LABELS`. Equal seeds give equal fruit."""
    random = np.random.default_rng(seed)
    labels = random.integers(len(LABELS), size=n)
    return np.stack([measure(LABELS[label], random) for label in labels]), labels


def measure(label: str, random: np.random.Generator) -> NDArray[np.float32]:
    """Measure one fruit, float32 [4]."""
    length, width, hue, density = (abs(random.normal(*spread)) for spread in FRUIT[label])
    mass = density * np.pi / 6 * length * width**2
    return np.array([mass, length, width, hue], np.float32).round(1)
