"""Render digits on paper, boards and screens, with the light, perspective and noise of phones and scanners.

Ink is coverage float32 [h, w], 0 background to 1 foreground; pictures are float32 [h, w, 3], RGB from 0 to 1, until
they are encoded.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from training.mnist.robustness.synthetic_digits import Coverage

Rng = np.random.Generator
Colour = tuple[float, float, float]
Picture = npt.NDArray[np.float32]  # [h, w, 3]
Writer = Callable[[int, float], Coverage]  # (size_px, pen width of the digit's height) -> [size, size]

INKS: list[Colour] = [(0.05, 0.05, 0.08), (0.1, 0.15, 0.55), (0.7, 0.1, 0.12), (0.05, 0.4, 0.2)]


def smooth_noise(shape: tuple[int, int], cells: int, rng: Rng) -> npt.NDArray[np.float32]:
    """Return smooth noise float32 [h, w] from 0 to 1, with about `cells` bumps across."""
    grid = rng.random((cells + 1, cells + 1)).astype(np.float32)
    return np.clip(cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


def render_paper(shape: tuple[int, int], rng: Rng, colour: Colour = (0.93, 0.92, 0.88)) -> Picture:
    """Return paper [h, w, 3] with fibres and low-frequency unevenness."""
    fibres = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), rng.uniform(0.6, 1.5))
    tone = 1 + 0.02 * fibres + 0.06 * (smooth_noise(shape, 3, rng) - 0.5)
    return (np.array(colour, np.float32) * tone[..., None]).astype(np.float32)


def place_ink(ink: Coverage, shape: tuple[int, int], at: tuple[float, float]) -> Coverage:
    """Place the ink on an empty [h, w] with its centre at `at`, (x, y) from 0 to 1, moved inside if needed."""
    page = np.zeros(shape, np.float32)
    x = int(np.clip(at[0] * shape[1] - ink.shape[1] / 2, 0, shape[1] - ink.shape[1]))
    y = int(np.clip(at[1] * shape[0] - ink.shape[0] / 2, 0, shape[0] - ink.shape[0]))
    page[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return page


def rotate(ink: Coverage, degrees: float) -> Coverage:
    """Rotate square ink [n, n] about its centre; the corners are cut off, so writers leave a margin."""
    n = ink.shape[0]
    return cv2.warpAffine(ink, cv2.getRotationMatrix2D((n / 2, n / 2), degrees, 1), (n, n)).astype(np.float32)


def blend(page: Picture, ink: Coverage, colour: Colour) -> Picture:
    """Blend `colour` into the page, weighted by the ink."""
    return (page * (1 - ink[..., None]) + np.array(colour, np.float32) * ink[..., None]).astype(np.float32)


def draw_rules(shape: tuple[int, int], pitch: float, both: bool, rng: Rng) -> Coverage:
    """Return horizontal lines [h, w] every `pitch` pixels, and vertical ones if `both`."""
    lines = np.zeros(shape, np.float32)
    width, start = max(1, round(pitch / 28)), rng.uniform(0, pitch)
    for y in np.arange(start, shape[0], pitch):
        lines[int(y) : int(y) + width] = 1
    for x in np.arange(start, shape[1] if both else 0, pitch):
        lines[:, int(x) : int(x) + width] = 1
    return lines


def apply_perspective(picture: Picture, strength: float, rng: Rng) -> Picture:
    """Move each corner inwards by at most `strength` of the sides and stretch that quadrilateral to the picture."""
    h, w = picture.shape[:2]
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    inwards = rng.uniform(0, strength, (4, 2)) * [w, h] * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    matrix = cv2.getPerspectiveTransform((corners + inwards).astype(np.float32), corners)
    return cv2.warpPerspective(picture, matrix, (w, h), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)


def apply_lighting(picture: Picture, rng: Rng, slope: float = 0.35) -> Picture:
    """Apply light that falls off across the page by at most `slope`, and a warm or cold tint."""
    h, w = picture.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : h * 1j, -0.5 : 0.5 : w * 1j]
    fall = 1 - slope * (0.5 + x * np.cos(angle) + y * np.sin(angle))
    tint = 1 + rng.uniform(-0.08, 0.08, 3)
    return (picture * fall[..., None] * tint).astype(np.float32)


def apply_shadow(picture: Picture, rng: Rng, softness: float) -> Picture:
    """Darken a half plane with a wavy edge by 30 to 55 %, as the shadow of a hand or a phone does."""
    h, w = picture.shape[:2]
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    side = (x - rng.uniform(0.3, 0.7)) * np.cos(angle) + (y - rng.uniform(0.3, 0.7)) * np.sin(angle)
    dark = np.clip((side + 0.03 * np.sin(9 * x + 7 * y)) / softness + 0.5, 0, 1)
    return (picture * (1 - rng.uniform(0.3, 0.55) * dark[..., None])).astype(np.float32)


def apply_vignette(picture: Picture, strength: float) -> Picture:
    """Darken the corners by `strength`."""
    h, w = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    return (picture * (1 - strength * np.clip(x * x + y * y, 0, 2)[..., None] / 2)).astype(np.float32)


def simulate_sensor(picture: Picture, rng: Rng, blur_px: float = 0.8, noise: float = 0.015) -> Picture:
    """Add defocus and Gaussian noise."""
    soft = cv2.GaussianBlur(picture, (0, 0), max(blur_px, 0.1))
    return (soft + rng.normal(0, noise, soft.shape)).astype(np.float32)


def to_uint8(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Scale 0–1 to 0–255, rounded and clipped."""
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def encode_image(pixels: npt.NDArray[np.uint8], image_format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, image_format, **options)
    return file.getvalue()


def encode_jpeg(picture: Picture, quality: int = 85) -> bytes:
    return encode_image(to_uint8(picture), "JPEG", quality=quality)


def pick_ink(rng: Rng, inks: list[Colour] = INKS) -> Colour:
    return inks[rng.integers(len(inks))]
