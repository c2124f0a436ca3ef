"""Evaluate robustness: accuracy by corruption, an ablation of the preprocessing, and out-of-distribution pictures.

python -m training.mnist.robustness --weights weights/mnist.pt --count 100
python -m training.mnist.robustness --url http://127.0.0.1:8080 --json robustness.json    # the running service

The digits are MNIST test digits and synthetic ones (`synthetic_digits`); `corruptions` renders them with fixed seeds.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from common.cli import exit_on_error, parser_with_examples, positive_int
from common.files import write_atomically
from common.markdown import markdown_table
from training import weights
from training.mnist.data import add_data_option, load_mnist
from training.mnist.robustness.ablation import PREPROCESSING_VARIANTS
from training.mnist.robustness.corruptions import CORRUPTIONS
from training.mnist.robustness.out_of_distribution import OUT_OF_DISTRIBUTION, generate_out_of_distribution
from training.mnist.robustness.predictors import (
    Predictor,
    Probabilities,
    http_predictor,
    load_classifier,
    local_predictor,
)
from training.mnist.robustness.samples import Sample, generate_evaluation_set


def accuracy_by_corruption(samples: list[Sample], probabilities: Probabilities) -> dict[str, float]:
    """Return the accuracy on each corruption; a refused picture counts as wrong."""
    right = (probabilities.argmax(axis=1) == [s.label for s in samples]) & (probabilities.max(axis=1) > 0)
    corruptions = np.array([s.corruption for s in samples])
    return {name: float(right[corruptions == name].mean()) for name in dict.fromkeys(corruptions.tolist())}


def auroc(positive: npt.NDArray[np.float32], negative: npt.NDArray[np.float32]) -> float:
    """Return the probability that a positive scores above a negative, ties counted half (Mann and Whitney, 1947)."""
    above = (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    return float(above)


def evaluate(predictors: dict[str, Predictor], samples: list[Sample], out_of_distribution: int) -> dict[str, Any]:
    """Measure each predictor's accuracy by corruption, and the last one on out-of-distribution pictures of each kind.

    `refused` is a fraction, `confidence` the mean of the rest (None without a rest), `auroc` that of the confidence
    as a detector of digits.
    """
    accuracy = {}
    for name, predict in predictors.items():
        probabilities = predict(tqdm(samples, name, leave=False, disable=None))
        accuracy[name] = accuracy_by_corruption(samples, probabilities)
    confidence, by_kind = probabilities.max(axis=1), {}
    for name in OUT_OF_DISTRIBUTION:
        pictures = generate_out_of_distribution(name, out_of_distribution)
        top = predict(tqdm(pictures, name, leave=False, disable=None)).max(axis=1)
        by_kind[name] = {
            "refused": float((top == 0).mean()),
            "confidence": float(top[top > 0].mean()) if top.any() else None,
            "auroc": auroc(confidence, top),
        }
    return {"accuracy": accuracy, "out_of_distribution": by_kind}


def to_markdown(figures: dict[str, Any]) -> str:
    """Return the table of accuracies in percent and that of the out-of-distribution pictures."""
    columns = [{**column, "**all**": float(np.mean(list(column.values())))} for column in figures["accuracy"].values()]
    accuracy = [(name, *(f"{100 * column[name]:.1f}" for column in columns)) for name in columns[0]]
    refused = [
        (
            name,
            f"{100 * row['refused']:.1f} %",
            "-" if row["confidence"] is None else f"{row['confidence']:.3f}",
            f"{row['auroc']:.3f}",
        )
        for name, row in figures["out_of_distribution"].items()
    ]
    return "\n".join(
        [
            markdown_table(["corruption", *figures["accuracy"]], accuracy, right=range(1, 1 + len(columns))),
            markdown_table(
                ["out of distribution", "refused", "mean confidence of the rest", "AUROC"], refused, {1, 2, 3}
            ),
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Evaluate robustness by corruption, with an ablation of the preprocessing steps.",
        "python -m training.mnist.robustness --count 20",
        "python -m training.mnist.robustness --url http://127.0.0.1:8080 --json robustness.json",
    )
    parser.add_argument(
        "--weights", type=Path, default=Path("weights/mnist.pt"), help="state_dict to load (default: %(default)s)"
    )
    add_data_option(parser)
    parser.add_argument(
        "--count", type=positive_int, default=100, help="pictures of each corruption (default: %(default)s)"
    )
    parser.add_argument(
        "--url", help="evaluate the service at this URL and a plain resize (default: the ablation on this machine)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too (default: no file)")
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="run the same command again"):
        classify = load_classifier(arguments.weights)
        predictors = {name: local_predictor(variant, classify) for name, variant in PREPROCESSING_VARIANTS.items()}
        if arguments.url:
            service = http_predictor(arguments.url.rstrip("/"))
            predictors = {"plain resize": predictors["plain resize"], "the service": service}
        mnist = load_mnist(arguments.data)
        images = (mnist.test_pixels * 255).round().byte().view(-1, 28, 28).numpy()
        generated = generate_evaluation_set(arguments.count, (images, mnist.test_labels.numpy()))
        total = arguments.count * len(CORRUPTIONS)
        samples = list(tqdm(generated, "rendering", total, leave=False, disable=None))
        figures = evaluate(predictors, samples, arguments.count)
        if arguments.json:
            made_by = {
                "command": shlex.join(["python", "-m", "training.mnist.robustness", *argv]),
                "versions": weights.versions(),
            }
            content = json.dumps({**made_by, "count": arguments.count, **figures}, indent=1) + "\n"
            write_atomically(arguments.json, content.encode())
        print(to_markdown(figures))


if __name__ == "__main__":
    main()
