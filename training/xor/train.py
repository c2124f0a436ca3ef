"""Train XORModel on XOR. A seed that ends in a local minimum is followed by the next one.

python -m training.xor.train                    # weights/xor.pt and weights/xor.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from common.cli import exit_on_error, parser_with_examples, positive_float, positive_int, seed_int
from common.errors import UserError
from model.xor.net import XORModel
from training import weights

INPUTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
ANSWERS = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
MARGIN = 0.1  # an answer is right if it is this close to 0 or 1
ATTEMPTS = 10


class LocalMinimumError(UserError):
    """No seed gave four right answers."""


@dataclass(frozen=True)
class Attempt:
    """The net that one seed gave, and the number of epochs."""

    seed: int
    net: XORModel
    epochs: int

    def answers(self) -> Tensor:
        """Return P(output = 1) for each of `INPUTS`, float32 [4, 1]."""
        with torch.no_grad():
            answers: Tensor = self.net(INPUTS)
        return answers

    def correct(self) -> int:
        return int(((self.answers() - ANSWERS).abs() < MARGIN).sum())


def attempt(seed: int, lr: float, epochs: int) -> Attempt:
    """Train from `seed` until all four answers are right, at most `epochs` epochs."""
    torch.manual_seed(seed)
    net = XORModel()
    optimizer = torch.optim.SGD(net.parameters(), lr)
    for epoch in range(epochs):
        answers = net(INPUTS)
        if ((answers - ANSWERS).abs() < MARGIN).all():
            return Attempt(seed, net, epoch)
        optimizer.zero_grad()
        binary_cross_entropy(answers, ANSWERS).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return Attempt(seed, net, epochs)


def solve(first_seed: int, lr: float, epochs: int) -> Attempt:
    """Train from one seed after another until all answers are right. Raises LocalMinimumError if `ATTEMPTS` fail."""
    for seed in range(first_seed, first_seed + ATTEMPTS):
        tried = attempt(seed, lr, epochs)
        if tried.correct() == len(ANSWERS):
            return tried
        print(f"seed {seed}: {tried.correct()} of 4 right after {epochs:,} epochs, a local minimum; next seed")
    raise LocalMinimumError(
        f"none of the seeds {first_seed} to {seed} learnt XOR in {epochs:,} epochs at --lr {lr:g}: "
        "give more --epochs (10001), another --lr (1.0) or another --seed"
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Train XORModel on the four inputs of XOR.",
        "python -m training.xor.train",
        "python -m training.xor.train --seed 3 --output weights/xor-seed3.pt",
    )
    parser.add_argument("--seed", type=seed_int, default=0, help="seed of the initial weights (default: %(default)s)")
    parser.add_argument("--lr", type=positive_float, default=1.0, help="learning rate (default: %(default)s)")
    parser.add_argument(
        "--epochs", type=positive_int, default=10_001, help="maximum of epochs for one seed (default: %(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("weights/xor.pt"),
        help="file of the weights; the report goes beside it (default: %(default)s)",
    )
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="nothing is kept; run the same command again"):
        start_s = time.perf_counter()
        solved = solve(arguments.seed, arguments.lr, arguments.epochs)
        weights.save(solved.net, _report(solved, arguments, time.perf_counter() - start_s), arguments.output)
        print(f"seed {solved.seed}: 4 of 4 right after {solved.epochs:,} epochs: {arguments.output}")


def _report(solved: Attempt, arguments: argparse.Namespace, duration_s: float) -> weights.Report:
    answers = zip(INPUTS.int().tolist(), solved.answers().flatten().tolist(), strict=True)
    return {
        "architecture": {"input_size": 2, "hidden_size": 2, "num_classes": 1},
        "arguments": {"seed": arguments.seed, "lr": arguments.lr, "epochs": arguments.epochs},
        "versions": weights.versions(),
        "seed": solved.seed,
        "epochs": solved.epochs,
        "answers": [{"input": bits, "probability": probability} for bits, probability in answers],
        "test": {"correct": 4, "total": 4, "accuracy": 1.0},
        "duration_s": round(duration_s, 2),
    }


if __name__ == "__main__":
    main()
