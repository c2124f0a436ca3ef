"""Write ten of MNIST's test digits as PNG files, for people to try the service with, and 200 to judge versions by.

python -m training.mnist.samples
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import mnist  # type: ignore[import-untyped]

from common.cli import exit_on_error
from training.mnist.data import fetch

# The first of each digit in the test set, but the second 5: the first is one that people argue about.
INDEX_OF_DIGIT = {0: 3, 1: 2, 2: 1, 3: 18, 4: 4, 5: 15, 6: 11, 7: 0, 8: 61, 9: 7}
GOLDEN_EACH = 20  # of each digit, the first in the test set


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write ten of MNIST's test digits as PNG files.")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (default: data)")
    parser.add_argument("--out", type=Path, default=Path("samples"), help="folder for the files (default: samples)")
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="run the same command again"):
        fetch(arguments.data)
        images = mnist.read_image_file(arguments.data / "MNIST/raw/t10k-images-idx3-ubyte").numpy()
        arguments.out.mkdir(parents=True, exist_ok=True)
        for digit, index in INDEX_OF_DIGIT.items():
            Image.fromarray(images[index]).save(arguments.out / f"{digit}.png")
        labels = mnist.read_label_file(arguments.data / "MNIST/raw/t10k-labels-idx1-ubyte").numpy().astype(np.uint8)
        golden = np.concatenate([np.flatnonzero(labels == digit)[:GOLDEN_EACH] for digit in range(10)])
        np.savez_compressed(arguments.out / "golden.npz", images=images[golden], labels=labels[golden])


if __name__ == "__main__":
    main()
