"""Write the sample requests, ten test digits as PNG files, and the golden set, 200 test digits.

python -m training.mnist.samples
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import mnist  # type: ignore[import-untyped]

from common.cli import exit_on_error, parser_with_examples
from training.mnist.data import add_data_option, fetch_mnist

# The first of each digit in the test set, but the second 5: the first is hard to read.
INDEX_OF_DIGIT = {0: 3, 1: 2, 2: 1, 3: 18, 4: 4, 5: 15, 6: 11, 7: 0, 8: 61, 9: 7}
GOLDEN_EACH = 20  # the first of each digit in the test set


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Write ten sample digits as PNG files, and the golden set.",
        "python -m training.mnist.samples",
        "python -m training.mnist.samples --output /tmp/mnist",
    )
    add_data_option(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("model/mnist"),
        help="folder of samples/ and golden.npz (default: %(default)s)",
    )
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="run the same command again"):
        fetch_mnist(arguments.data)
        images = mnist.read_image_file(arguments.data / "MNIST/raw/t10k-images-idx3-ubyte").numpy()
        samples = arguments.output / "samples"
        samples.mkdir(parents=True, exist_ok=True)
        for digit, index in INDEX_OF_DIGIT.items():
            Image.fromarray(images[index]).save(samples / f"{digit}.png")
        labels = mnist.read_label_file(arguments.data / "MNIST/raw/t10k-labels-idx1-ubyte").numpy().astype(np.uint8)
        golden = np.concatenate([np.flatnonzero(labels == digit)[:GOLDEN_EACH] for digit in range(10)])
        np.savez_compressed(arguments.output / "golden.npz", inputs=images[golden], labels=labels[golden])


if __name__ == "__main__":
    main()
