"""How well digits are read as people send them: accuracy by kind of picture, and what each step of the way earns.

python -m training.wild --weights weights/mnist.pt --count 100

Digits are MNIST test digits and, apart from them, drawn strokes (`strokes`), made into photographs, scans and drawings
(`scenes`, `kinds`) with a fixed seed. Pictures without a digit (`negatives`) measure refusal and doubt.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from tqdm import tqdm

import digit_image
from client_error import ClientError
from digit_finding import find_digit
from image_decoding import Pixels, decode_image
from training import mnist_data, weights
from training.command import plain_failures, positive_int
from training.wild.kinds import KINDS
from training.wild.negatives import NEGATIVES
from training.wild.samples import SEED, Sample, wild_set

Read = Callable[[bytes], Pixels]  # an image file -> uint8 [28, 28]; raises ClientError
Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]  # [n, 28, 28] -> probabilities [n, 10]


def resized(data: bytes) -> Pixels:
    """What is usually done: grey, and resized to 28 by 28."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L").resize((28, 28), Image.Resampling.BILINEAR))


def with_polarity(data: bytes) -> Pixels:
    """Decoded with care for orientation and alpha, grey, light on dark by the border's brightness, resized."""
    picture = decode_image(data)
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    light = grey if np.median(border) < 128 else ~grey
    return np.asarray(cv2.resize(light, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def found_ink(data: bytes) -> digit_image.Coverage:
    """The ink of the digit that was found, its paper taken away."""
    picture = digit_image.enlarged(decode_image(data))
    mask = find_digit(picture)
    if mask is None:
        raise ClientError("no digit found")
    coverage = digit_image.coverage_of(picture, mask)
    x, y, w, h = cv2.boundingRect(np.asarray(coverage > digit_image.INK_LEVEL, np.uint8))
    return coverage[y : y + h, x : x + w]


def with_ink_found(data: bytes) -> Pixels:
    """The found ink stretched over the field."""
    return np.asarray(cv2.resize(found_ink(data) * 255, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def with_box(data: bytes) -> Pixels:
    """The found ink in a 20 by 20 box, aspect kept, the box in the middle."""
    box = digit_image.boxed(found_ink(data))
    top, left = (28 - box.shape[0]) // 2, (28 - box.shape[1]) // 2
    field = np.zeros((28, 28), np.uint8)
    field[top : top + box.shape[0], left : left + box.shape[1]] = box * 255
    return field


def with_mass_centred(data: bytes) -> Pixels:
    return digit_image.centred(digit_image.boxed(found_ink(data)))


STEPS: dict[str, Read] = {
    "plain resize": resized,
    "+ decoding, polarity": with_polarity,
    "+ ink found": with_ink_found,
    "+ 20x20 box": with_box,
    "+ centre of mass": with_mass_centred,
    "+ stroke width": digit_image.read_digit,
}


def answers(samples: Iterable[Sample], read: Read, predict: Predict) -> npt.NDArray[np.float32]:
    """Probabilities [n, 10]; a refused picture's are all 0."""
    pixels, refused = [], []
    for sample in samples:
        try:
            pixels.append(read(sample.data))
            refused.append(False)
        except ClientError:
            pixels.append(np.zeros((28, 28), np.uint8))
            refused.append(True)
    return np.where(np.array(refused)[:, None], 0, predict(np.stack(pixels))).astype(np.float32)


def accuracy_by_kind(samples: list[Sample], probabilities: npt.NDArray[np.float32]) -> dict[str, float]:
    right = (probabilities.argmax(axis=1) == [s.label for s in samples]) & (probabilities.max(axis=1) > 0)
    kinds = np.array([s.kind for s in samples])
    return {kind: float(right[kinds == kind].mean()) for kind in dict.fromkeys(kinds.tolist())}


def auroc(positive: npt.NDArray[np.float32], negative: npt.NDArray[np.float32]) -> float:
    """The chance that a positive scores above a negative, ties half (Mann and Whitney, 1947)."""
    above = (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    return float(above)


def negatives_of(name: str, count: int) -> list[Sample]:
    rng = np.random.default_rng([SEED, *name.encode()])
    return [Sample(name, "negative", -1, NEGATIVES[name](rng)) for _ in range(count)]


def print_steps(samples: list[Sample], predict: Predict) -> npt.NDArray[np.float32]:
    """Print accuracy by kind after each step; returns the last step's probabilities [n, 10]."""
    table = []
    for step, read in STEPS.items():
        probabilities = answers(tqdm(samples, step, leave=False, disable=None), read, predict)
        table.append(accuracy_by_kind(samples, probabilities))
    print("| kind | " + " | ".join(STEPS) + " |\n|" + " --- |" * (len(STEPS) + 1))
    for kind in table[0]:
        print(f"| {kind} | " + " | ".join(f"{100 * column[kind]:.1f}" for column in table) + " |")
    print("| **all** | " + " | ".join(f"{100 * np.mean(list(column.values())):.1f}" for column in table) + " |\n")
    return probabilities


def print_negatives(confidence: npt.NDArray[np.float32], count: int, predict: Predict) -> None:
    """Print how often each kind of negative is refused and how well confidence tells it from digits [n]."""
    print("| without a digit | refused | mean confidence of the rest | AUROC |\n| --- | --- | --- | --- |")
    for name in NEGATIVES:
        top = answers(negatives_of(name, count), digit_image.read_digit, predict).max(axis=1)
        rest = f"{top[top > 0].mean():.3f}" if top.any() else "-"
        print(f"| {name} | {100 * (top == 0).mean():.1f} % | {rest} | {auroc(confidence, top):.3f} |")


def predictor(weights_path: Path) -> Predict:
    """Softmax of the net whose weights and report are at `weights_path`, as the handler computes it."""
    net = weights.mnist_net(weights.load_state(weights_path))
    temperature = weights.load_report(weights_path)["temperature"]

    @torch.inference_mode()
    def predict(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        logits = net(torch.from_numpy(pixels.reshape(-1, 784)) / 255)
        return np.asarray((logits / temperature).softmax(dim=1))

    return predict


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Read digits as people send them, and say how well each step does.")
    parser.add_argument("--weights", type=Path, default=Path("weights/mnist.pt"), help="(weights/mnist.pt)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (data)")
    parser.add_argument("--count", type=positive_int, default=100, help="pictures of each kind (100)")
    arguments = parser.parse_args(argv)
    with plain_failures(if_interrupted="run the same command again"):
        predict = predictor(arguments.weights)
        mnist = mnist_data.load(arguments.data)
        images = (mnist.test_pixels * 255).round().byte().view(-1, 28, 28).numpy()
        pictures = wild_set(arguments.count, (images, mnist.test_labels.numpy()))
        total = arguments.count * len(KINDS)
        samples = list(tqdm(pictures, "making pictures", total, leave=False, disable=None))
        probabilities = print_steps(samples, predict)
        print_negatives(probabilities.max(axis=1), arguments.count, predict)


if __name__ == "__main__":
    main()
