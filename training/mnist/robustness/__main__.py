"""How well digits are read as people send them: accuracy by kind of picture, and what each step of the way earns.

python -m training.mnist.robustness --weights weights/mnist.pt --count 100
python -m training.mnist.robustness --url http://127.0.0.1:8080 --json wild.json    # the running service beside a plain resize

Digits are MNIST test digits and, apart from them, drawn strokes (`strokes`), made into photographs, scans and drawings
(`scenes`, `kinds`) with a fixed seed. Pictures without a digit (`negatives`) measure refusal and doubt.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from common.cli import exit_on_error, positive_int
from common.files import write_atomically
from training import weights
from training.mnist import data as mnist_data
from training.mnist.robustness.ablation import STEPS
from training.mnist.robustness.corruptions import KINDS
from training.mnist.robustness.out_of_distribution import NEGATIVES, negatives_of
from training.mnist.robustness.predictors import Probabilities, Reader, on_this_machine, over_http, predictor
from training.mnist.robustness.samples import Sample, wild_set


def accuracy_by_kind(samples: list[Sample], probabilities: Probabilities) -> dict[str, float]:
    right = (probabilities.argmax(axis=1) == [s.label for s in samples]) & (probabilities.max(axis=1) > 0)
    kinds = np.array([s.kind for s in samples])
    return {kind: float(right[kinds == kind].mean()) for kind in dict.fromkeys(kinds.tolist())}


def auroc(positive: npt.NDArray[np.float32], negative: npt.NDArray[np.float32]) -> float:
    """The chance that a positive scores above a negative, ties half (Mann and Whitney, 1947)."""
    above = (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    return float(above)


def measured(readers: dict[str, Reader], samples: list[Sample], negatives: int) -> dict[str, Any]:
    """Accuracy of each reader by kind; of the last one, how it takes `negatives` pictures a kind without a digit.

    `refused` is a share, `confidence` the mean of what was not refused (None where all was), `auroc` how well
    confidence tells digits from them.
    """
    accuracy = {}
    for name, reader in readers.items():
        probabilities = reader(tqdm(samples, name, leave=False, disable=None))
        accuracy[name] = accuracy_by_kind(samples, probabilities)
    confidence, without_digit = probabilities.max(axis=1), {}
    for name in NEGATIVES:
        top = reader(tqdm(negatives_of(name, negatives), name, leave=False, disable=None)).max(axis=1)
        without_digit[name] = {
            "refused": float((top == 0).mean()),
            "confidence": float(top[top > 0].mean()) if top.any() else None,
            "auroc": auroc(confidence, top),
        }
    return {"accuracy": accuracy, "without_digit": without_digit}


def tables(figures: dict[str, Any]) -> str:
    """Both tables in Markdown."""
    accuracy, without_digit = figures["accuracy"], figures["without_digit"]
    lines = ["| kind | " + " | ".join(accuracy) + " |", "|" + " --- |" * (len(accuracy) + 1)]
    columns = [{**column, "**all**": float(np.mean(list(column.values())))} for column in accuracy.values()]
    lines += [
        f"| {kind} | " + " | ".join(f"{100 * column[kind]:.1f}" for column in columns) + " |" for kind in columns[0]
    ]
    lines += ["", "| without a digit | refused | mean confidence of the rest | AUROC |", "| --- | --- | --- | --- |"]
    for name, row in without_digit.items():
        rest = "-" if row["confidence"] is None else f"{row['confidence']:.3f}"
        lines.append(f"| {name} | {100 * row['refused']:.1f} % | {rest} | {row['auroc']:.3f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Read digits as people send them, and say how well each step does.")
    parser.add_argument("--weights", type=Path, default=Path("weights/mnist.pt"), help="(weights/mnist.pt)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (data)")
    parser.add_argument("--count", type=positive_int, default=100, help="pictures of each kind (100)")
    parser.add_argument("--url", help="ask the service there, as in http://127.0.0.1:8080, instead of taking each step")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="run the same command again"):
        predict = predictor(arguments.weights)
        readers = {name: on_this_machine(read, predict) for name, read in STEPS.items()}
        if arguments.url:
            readers = {"plain resize": readers["plain resize"], "the service": over_http(arguments.url.rstrip("/"))}
        mnist = mnist_data.load(arguments.data)
        images = (mnist.test_pixels * 255).round().byte().view(-1, 28, 28).numpy()
        pictures = wild_set(arguments.count, (images, mnist.test_labels.numpy()))
        total = arguments.count * len(KINDS)
        samples = list(tqdm(pictures, "making pictures", total, leave=False, disable=None))
        figures = measured(readers, samples, arguments.count)
        if arguments.json:
            made_by = {
                "command": shlex.join(["python", "-m", "training.mnist.robustness", *argv]),
                "versions": weights.versions(),
            }
            content = json.dumps({**made_by, "count": arguments.count, **figures}, indent=1) + "\n"
            write_atomically(arguments.json, content.encode())
        print(tables(figures))


if __name__ == "__main__":
    main()
