"""Draw images of one shape each. Colour, size, place, rotation, background and noise vary."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model import config

LABELS = config.load("new_model").labels
CORNERS = {"circle": 60, "square": 4, "triangle": 3}  # 60 corners look round
SIZE = 32
OVERSAMPLING = 4  # drawn larger and reduced, so that edges are smooth
MIN_CONTRAST = 80  # between shape and background, in the colour that differs most
MAX_NOISE = 16.0


def make_dataset(n: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return n images, uint8 [n, 32, 32, 3], and their labels [n], indices into `LABELS`. Equal seeds, equal images."""
    random = np.random.default_rng(seed)
    labels = random.integers(len(LABELS), size=n)
    return np.stack([draw(LABELS[label], random) for label in labels]), labels


def draw(label: str, random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one image, uint8 [32, 32, 3]."""
    shape_colour, background = _colours(random)
    large = SIZE * OVERSAMPLING
    radius = random.uniform(0.2, 0.45) * large
    x, y = random.uniform(radius, large - radius, size=2)
    turn = random.uniform(0, 2 * math.pi)
    angles = [turn + 2 * math.pi * i / CORNERS[label] for i in range(CORNERS[label])]
    image = Image.new("RGB", (large, large), background)
    corners = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
    ImageDraw.Draw(image).polygon(corners, fill=shape_colour)
    pixels = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX), np.float64)
    noise = random.normal(0, random.uniform(0, MAX_NOISE), size=pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _colours(random: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return two colours that differ enough to be told apart."""
    while True:
        colours = random.integers(0, 256, size=(2, 3))
        if abs(colours[0] - colours[1]).max() >= MIN_CONTRAST:
            first, second = colours.tolist()
            return tuple(first), tuple(second)
