"""Check the answer to an exercise: python -m training.learn.exercise 1 1302."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from common.cli import parser_with_examples


def parameters_with_100_units() -> float:
    layers = nn.Sequential(nn.Linear(10, 100), nn.Linear(100, 2))
    return sum(parameter.numel() for parameter in layers.parameters())


def largest_slope_of_ten_sigmoids() -> float:
    x = torch.tensor(0.0, requires_grad=True)
    (slope,) = torch.autograd.grad(x.sigmoid(), x)
    return slope.item() ** 10


def loss_of_a_guess() -> float:
    return nn.BCELoss()(
        torch.full((4, 1), 0.5), torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    ).item()


def accuracy_of_the_old_formula() -> float:
    correct = total = 10_000
    return 100 * correct / (total + 1)


def first_step_of_adam() -> float:
    weight = torch.tensor([0.0], requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=1e-3)
    weight.grad = torch.tensor([1000.0])
    optimizer.step()
    return abs(weight.item())


# The last three are facts of TorchServe, which tests/docs/test_learn.py measures.
ANSWERS: dict[int, Callable[[], float]] = {
    1: parameters_with_100_units,
    2: largest_slope_of_ten_sigmoids,
    3: loss_of_a_guess,
    4: accuracy_of_the_old_formula,
    5: first_step_of_adam,
    6: lambda: 1000,
    7: lambda: 503,
    8: lambda: 1.0,
}


def is_right(step: int, answer: float) -> bool:
    """Return whether `answer` is right, to one part in a thousand."""
    return math.isclose(answer, ANSWERS[step](), rel_tol=1e-3 if step != 4 else 1e-6)


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Check the answer to the exercise of a step of docs/learn.",
        "python -m training.learn.exercise 1 1302",
    )
    parser.add_argument(
        "step",
        type=int,
        choices=ANSWERS,
        metavar="STEP",
        help="number of the step, 1 to 8",
    )
    parser.add_argument("answer", type=_number, help="your answer, a number")
    arguments = parser.parse_args(argv)
    if not is_right(arguments.step, arguments.answer):
        parser.exit(
            1,
            f"{arguments.answer:g} is not the answer yet: read the hint\n",
        )
    print("right")


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error


if __name__ == "__main__":
    main()
