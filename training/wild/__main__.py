"""How well digits are read as people send them: accuracy by kind of picture, and what each step of the way earns.

python -m training.wild --weights weights/mnist.pt --count 100
python -m training.wild --url http://127.0.0.1:8080 --json wild.json

Digits are MNIST test digits and, apart from them, drawn strokes (`strokes`), made into photographs, scans and drawings
(`scenes`, `kinds`) with a fixed seed. Pictures without a digit (`negatives`) measure refusal and doubt. With `--url`
a running server reads them, and the plain resize stands beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from training import mnist_data, weights
from training.command import plain_failures, positive_int
from training.files import write_atomically
from training.wild.kinds import KINDS
from training.wild.negatives import NEGATIVES, negatives_of
from training.wild.samples import SEED, Sample, wild_set
from training.wild.scores import Answers, Ask, Predict, accuracy_by_kind, answers, refusal, refused
from training.wild.service import ask_server
from training.wild.steps import STEPS

OVER_HTTP = "over HTTP"


def predictor(weights_path: Path) -> Predict:
    """Softmax of the net whose weights and report are at `weights_path`, as the handler computes it."""
    net = weights.mnist_net(weights.load_state(weights_path))
    temperature = weights.load_report(weights_path)["temperature"]

    @torch.inference_mode()
    def predict(pixels: npt.NDArray[np.uint8]) -> Answers:
        logits = net(torch.from_numpy(pixels.reshape(-1, 784)) / 255)
        return np.asarray((logits / temperature).softmax(dim=1))

    return predict


def ways_of(predict: Predict, url: str | None) -> dict[str, Ask]:
    """The ways of reading to be compared, the last one the service's own."""
    ways: dict[str, Ask] = {step: partial(answers, read=read, predict=predict) for step, read in STEPS.items()}
    if url is None:
        return ways
    plain = next(iter(ways))
    return {plain: ways[plain], OVER_HTTP: partial(ask_server, url)}


def measure(samples: list[Sample], ways: dict[str, Ask], count: int) -> dict[str, Any]:
    """Accuracy by way and kind, and what the last way makes of digits and of pictures without one."""
    accuracy = {}
    for way, ask in ways.items():
        probabilities = ask(tqdm(samples, way, leave=False, disable=None))
        accuracy[way] = accuracy_by_kind(samples, probabilities)
    negatives = tqdm(NEGATIVES, "without a digit", leave=False, disable=None)
    return {
        "accuracy": accuracy,
        "overall": {way: float(np.mean(list(kinds.values()))) for way, kinds in accuracy.items()},
        "digits": len(samples),
        "digits_refused": int(refused(probabilities).sum()),
        "negatives": {name: refusal(probabilities, ask(negatives_of(name, count))) for name in negatives},
    }


def tables(results: dict[str, Any]) -> str:
    """The results as two Markdown tables."""
    ways, negatives = results["accuracy"], results["negatives"]
    rows = [(kind, [column[kind] for column in ways.values()]) for kind in KINDS]
    rows.append(("**all**", list(results["overall"].values())))
    return "\n".join(
        [
            f"| kind | {' | '.join(ways)} |\n|{' --- |' * (len(ways) + 1)}",
            *(f"| {kind} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |" for kind, shares in rows),
            f"\nrefused: {results['digits_refused']} of {results['digits']} digits\n",
            "| without a digit | refused | mean confidence of the rest | AUROC |\n| --- | --- | --- | --- |",
            *(f"| {name} | {100 * row['refused']:.1f} % | {_number(row['mean_confidence'])} | {row['auroc']:.3f} |"
              for name, row in negatives.items()),
        ]
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Read digits as people send them, and say how well each step does.")
    parser.add_argument("--weights", type=Path, default=Path("weights/mnist.pt"), help="(weights/mnist.pt)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (data)")
    parser.add_argument("--count", type=positive_int, default=100, help="pictures of each kind (100)")
    parser.add_argument("--url", help="ask a running server, such as http://127.0.0.1:8080, instead of going the steps")
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    arguments = parser.parse_args(argv)
    with plain_failures(if_interrupted="run the same command again"):
        ways = ways_of(predictor(arguments.weights), arguments.url)
        next(reversed(ways.values()))(
            negatives_of("blank", 1)
        )  # a server that is not there is said before minutes of work
        mnist = mnist_data.load(arguments.data)
        images = (mnist.test_pixels * 255).round().byte().view(-1, 28, 28).numpy()
        pictures = wild_set(arguments.count, (images, mnist.test_labels.numpy()))
        total = arguments.count * len(KINDS)
        samples = list(tqdm(pictures, "making pictures", total, leave=False, disable=None))
        results = measure(samples, ways, arguments.count)
        print(tables(results))
        if arguments.json:
            command = ["python", "-m", "training.wild", *(sys.argv[1:] if argv is None else argv)]
            facts = {"command": command, "seed": SEED, "count": arguments.count, "versions": weights.versions()}
            write_atomically(arguments.json, (json.dumps({**facts, **results}, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
