"""Evaluate weights on MNIST's 10,000 test images: accuracy, per class too, and calibration.

python -m training.mnist.evaluate --weights weights/mnist.pt --data data
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from common.cli import exit_on_error, parser_with_examples
from training import weights
from training.calibration import expected_calibration_error, fit_temperature
from training.mnist.data import add_data_option, load_mnist


@torch.no_grad()
def evaluate(net: nn.Module, pixels: Tensor, labels: Tensor, temperature: float = 1.0) -> dict[str, Any]:
    """Return `correct`, `total` and `accuracy`, the same for each digit in `per_class`, and two figures of calibration.

    `calibration_error` is the expected calibration error at `temperature`; `best_temperature` minimizes the
    cross-entropy. Takes pixels float32 [n, 784] in [0, 1] and labels int64 [n] of 0–9, on the device of the net.
    """
    logits = net(pixels)
    right = logits.argmax(1) == labels
    return {
        **_score(right),
        "per_class": {str(digit): _score(right[labels == digit]) for digit in torch.unique(labels).tolist()},
        "calibration_error": expected_calibration_error(logits, labels, temperature),
        "best_temperature": fit_temperature(logits, labels),
    }


def _score(right: Tensor) -> dict[str, Any]:
    correct, total = int(right.sum()), len(right)
    return {"correct": correct, "total": total, "accuracy": correct / total}


def _table(scores: dict[str, Any]) -> Table:
    table = Table("digit", show_footer=True)
    table.columns[0].footer = "all"
    for name in ("correct", "total"):
        table.add_column(name, footer=f"{scores[name]:,}", justify="right")
    table.add_column("accuracy", footer=f"{scores['accuracy']:.2%}", justify="right")
    for digit, score in scores["per_class"].items():
        table.add_row(digit, f"{score['correct']:,}", f"{score['total']:,}", f"{score['accuracy']:.2%}")
    return table


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Evaluate weights on MNIST's 10,000 test images.",
        "python -m training.mnist.evaluate",
        "python -m training.mnist.evaluate --weights weights/runs/best-seed0.pt --json",
    )
    parser.add_argument(
        "--weights", type=Path, default=Path("weights/mnist.pt"), help="state_dict to load (default: %(default)s)"
    )
    add_data_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table (default: a table)")
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="run the same command again"):
        net = weights.load_net("mnist", arguments.weights)
        mnist = load_mnist(arguments.data)
        scores = evaluate(net, mnist.test_pixels, mnist.test_labels)
        if arguments.json:
            print(json.dumps(scores, indent=2))
        else:
            Console().print(_table(scores))


if __name__ == "__main__":
    main()
