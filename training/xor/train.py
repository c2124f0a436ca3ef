"""The exercise: teach XORModel the four answers of XOR. Some first weights lead into a local minimum; then others try.

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

from common.cli import UserError, exit_on_error, positive_float, positive_int, seed_int
from model.xor.net import XORModel
from training import weights

INPUTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
ANSWERS = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
MARGIN = 0.1  # an answer is right when it is this near to 0 or 1
ATTEMPTS = 10


class LocalMinimumError(UserError):
    """No seed led to four right answers."""


@dataclass(frozen=True)
class Attempt:
    """One training from one seed: the net and the epochs it took."""

    seed: int
    net: XORModel
    epochs: int

    def answers(self) -> Tensor:
        """Return the four probabilities of 1, float32 [4, 1], in the order of `INPUTS`."""
        with torch.no_grad():
            answers: Tensor = self.net(INPUTS)
        return answers

    def correct(self) -> int:
        return int(((self.answers() - ANSWERS).abs() < MARGIN).sum())


def attempt(seed: int, lr: float, epochs: int) -> Attempt:
    """Train from `seed` until all four answers are right, for `epochs` at most."""
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
    """Try one seed after another until XOR is learnt. Raises LocalMinimumError when `ATTEMPTS` seeds did not."""
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
    parser = argparse.ArgumentParser(
        description="Train XORModel.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--seed", type=seed_int, default=0, help="of the first weights; the next ones follow if it fails"
    )
    parser.add_argument("--lr", type=positive_float, default=1.0, help="learning rate")
    parser.add_argument("--epochs", type=positive_int, default=10_001, help="most epochs for one seed")
    parser.add_argument("--out", type=Path, default=Path("weights/xor.pt"), help="the report goes beside it")
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="nothing is kept; run the same command again"):
        start_s = time.perf_counter()
        solved = solve(arguments.seed, arguments.lr, arguments.epochs)
        weights.save(solved.net, _report(solved, arguments, time.perf_counter() - start_s), arguments.out)
        print(f"seed {solved.seed}: 4 of 4 right after {solved.epochs:,} epochs: {arguments.out}")


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
