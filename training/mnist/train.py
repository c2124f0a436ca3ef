"""Train Net on MNIST. Interrupt it at any time: the same command resumes after the last finished epoch.

python -m training.mnist.train                  # recipe study: weights/mnist.pt and its report weights/mnist.json
python -m training.mnist.train --recipe fast --dropout 0.1 --seed 1 --output weights/dropout.pt
torchrun --nproc-per-node=2 -m training.mnist.train --recipe fast    # two processes share each batch
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from common.cli import (
    augment_strength,
    exit_on_error,
    fraction,
    parser_with_examples,
    positive_float,
    positive_int,
    seed_int,
    share_below_1,
)
from common.errors import UserError
from training import distributed, weights
from training.device import add_device_option, resolve_device
from training.mnist.data import MNIST, SHA256, add_data_option, fetch_mnist, load_mnist, split_validation
from training.mnist.evaluate import evaluate
from training.mnist.recipes import DEFAULT_DISTORTION, LEARNING_RATES, RECIPES, Recipe
from training.mnist.rendered.dataset import Rendered, load_rendered
from training.mnist.trainer import Trainer
from training.schedule import SCHEDULES

Log = Callable[[dict[str, Any]], None]


def train(
    trainer: Trainer, data: Path, output: Path, *, validation_split: bool = False, log: Log | None = None
) -> None:
    """Train to the last epoch, from the checkpoint if there is one; write weights to `output`, their report beside it.

    `validation_split` trains on 50,000 digits and scores on the other 10,000, for choosing a recipe.
    `log` receives the figures of each epoch.
    Raises DataError when MNIST cannot be had, TrainerError when the checkpoint is of another recipe or the loss is not
    finite.
    """
    output.parent.mkdir(parents=True, exist_ok=True)  # fails before the first epoch if it cannot be written
    checkpoint, epochs = checkpoint_path(output), trainer.recipe.epochs
    if distributed.broadcast_from_rank0(checkpoint.exists):
        trainer.resume(checkpoint)
        _print(f"going on after epoch {len(trainer.epochs)} from {checkpoint}")
    distributed.once_per_node(lambda: fetch_mnist(data))
    mnist = load_mnist(data, trainer.device)
    rendered = _load_rendered_once(data, mnist) if trainer.recipe.rendered_share else None
    if validation_split:
        mnist = split_validation(mnist)
    scored_on = "validation" if validation_split else "test"
    pixels, labels, extra = mnist.train_pixels, mnist.train_labels, 0
    if rendered:
        pixels = torch.cat([pixels, rendered.train_pixels])
        labels = torch.cat([labels, rendered.train_labels])
        extra = len(rendered.train_labels)
    while len(trainer.epochs) < epochs:
        trainer.train_epoch(pixels, labels, extra)
        trainer.epochs[-1][f"{scored_on}_accuracy"] = trainer.accuracy(mnist.test_pixels, mnist.test_labels)
        if distributed.is_rank0():
            trainer.save(checkpoint)
            if log:
                log(trainer.epochs[-1])
        _print(_epoch_line(trainer.epochs[-1], epochs))
    if not distributed.is_rank0():
        return
    net = trainer.export_model()
    scores = evaluate(net, mnist.test_pixels.cpu(), mnist.test_labels.cpu(), trainer.recipe.temperature)
    report = {**_report(trainer), scored_on: scores}
    if rendered:
        held_out = rendered.held_out_pixels.cpu(), rendered.held_out_labels.cpu()
        report["rendered"] = evaluate(net, *held_out, trainer.recipe.temperature)
    weights.save(net, report, output)
    checkpoint.unlink()
    _print(f"{scores['correct']:,} of {scores['total']:,} {scored_on} digits right, {scores['accuracy']:.2%}: {output}")


def _load_rendered_once(data: Path, mnist: MNIST) -> Rendered:
    """Load the rendered digits, made by one process of each machine where they are missing."""

    def make() -> None:
        load_rendered(data, mnist)

    distributed.once_per_node(make)
    return load_rendered(data, mnist)


def _print(line: str) -> None:
    if distributed.is_rank0():
        print(line, flush=True)


@contextmanager
def tensorboard_log(folder: Path | None) -> Iterator[Log | None]:
    """Yield a function that writes an epoch's figures to `folder` for TensorBoard, or None without a folder."""
    if folder is None or not distributed.is_rank0():
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter  # this import takes a second

    with SummaryWriter(str(folder)) as writer:
        yield lambda epoch: _write_scalars(writer, epoch)


def _write_scalars(writer: Any, epoch: dict[str, Any]) -> None:
    for name, value in epoch.items():
        if name != "epoch":
            writer.add_scalar(name, value, epoch["epoch"])
    writer.flush()


def checkpoint_path(output: Path) -> Path:
    return output.with_suffix(".checkpoint.pt")


def _epoch_line(epoch: dict[str, Any], epochs: int) -> str:
    scored_on = "validation" if "validation_accuracy" in epoch else "test"
    return (
        f"epoch {epoch['epoch']:>{len(str(epochs))}}/{epochs}  loss {epoch['train_loss']:.4f}  "
        f"accuracy {epoch['train_accuracy']:.2%}, {scored_on} {epoch[f'{scored_on}_accuracy']:.2%}  "
        f"{epoch['seconds']:.1f} s"
    )


def _report(trainer: Trainer) -> weights.Report:
    recipe = trainer.recipe
    return {
        "architecture": {"input_size": 784, "hidden_size": recipe.hidden_size, "num_classes": 10},
        "device": trainer.device,
        "processes": distributed.world_size(),
        "arguments": {**asdict(recipe), "seed": trainer.seed},
        "versions": weights.versions(),
        "data_sha256": SHA256,
        "epochs": trainer.epochs,
        "duration_s": round(sum(epoch["seconds"] for epoch in trainer.epochs), 2),
        "temperature": recipe.temperature,
    }


def build_parser() -> argparse.ArgumentParser:
    parser = parser_with_examples(
        "Train Net on MNIST. The options from --optimizer to --temperature override the recipe's hyperparameters.",
        "python -m training.mnist.train --recipe fast",
        "python -m training.mnist.train --dropout 0.1 --seed 1 --output weights/dropout.pt",
    )
    add = parser.add_argument
    add(
        "--recipe",
        choices=RECIPES,
        default=os.environ.get("RECIPE", "study"),
        help="named hyperparameters (default: $RECIPE, else study)",
    )
    add("--optimizer", choices=LEARNING_RATES, help="sgd has Nesterov momentum 0.9 (default: the recipe's)")
    add("--epochs", type=positive_int, help="passes over the training digits (default: the recipe's)")
    add("--lr", type=positive_float, help="learning rate (default: the recipe's, or 0.1 for another sgd, 0.001 adam)")
    add("--batch-size", type=positive_int, help="digits in a batch (default: the recipe's)")
    add("--hidden-size", type=positive_int, help="units of the hidden layer (default: the recipe's)")
    add("--dropout", type=fraction, help="fraction of hidden units that each step drops (default: the recipe's)")
    add(
        "--batch-norm",
        action=argparse.BooleanOptionalAction,
        help="batch normalization of the hidden layer (default: the recipe's)",
    )
    add("--schedule", choices=SCHEDULES, help="schedule of the learning rate (default: the recipe's)")
    add(
        "--augment-strength",
        type=augment_strength,
        metavar="S",
        help="random distortion of the training digits, 0 for none, 1 as in fast (default: the recipe's)",
    )
    add(
        "--rendered-share",
        type=share_below_1,
        metavar="SHARE",
        help="share of rendered digits in an epoch: small ones, and strokes that MNIST lacks (default: the recipe's)",
    )
    add("--temperature", type=positive_float, help="temperature of the served softmax (default: the recipe's)")
    add("--seed", type=seed_int, default=0, help="seed of all random numbers (default: %(default)s)")
    add_device_option(parser)
    add_data_option(parser)
    add(
        "--output",
        type=Path,
        default=Path("weights/mnist.pt"),
        help="file of the weights; the report goes beside it (default: %(default)s)",
    )
    add(
        "--validation-split",
        action="store_true",
        help="train on 50,000 digits and score on the other 10,000 (default: train on all, score on the test digits)",
    )
    add("--tensorboard", type=Path, metavar="FOLDER", help="log each epoch for TensorBoard (default: no log)")
    add("--no-resume", action="store_true", help="discard the checkpoint of an interrupted run (default: resume it)")
    return parser


def recipe_from_arguments(arguments: argparse.Namespace) -> Recipe:
    """Return the named recipe with the hyperparameters that the options override. Raises UserError for no recipe."""
    if arguments.recipe not in RECIPES:
        raise UserError(f"RECIPE is {arguments.recipe!r}; choose one of {', '.join(RECIPES)}")
    named = RECIPES[arguments.recipe]
    hyperparameters = [field.name for field in fields(Recipe) if field.name != "distortion"]
    chosen = {name: getattr(arguments, name) for name in hyperparameters if getattr(arguments, name) is not None}
    if arguments.augment_strength is not None:
        strength = arguments.augment_strength
        chosen["distortion"] = DEFAULT_DISTORTION.times(strength) if strength else None
    if chosen.get("optimizer", named.optimizer) != named.optimizer:
        chosen = {"lr": LEARNING_RATES[chosen["optimizer"]], **chosen}
    return replace(named, **chosen)


def main(argv: Sequence[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    arguments = build_parser().parse_args(argv)
    launcher = distributed.LAUNCHER if distributed.is_distributed() else ["python"]
    resuming = [part for part in argv if part != "--no-resume"]
    same_command = shlex.join([*launcher, "-m", "training.mnist.train", *resuming])
    with exit_on_error(if_interrupted=f"this goes on after the last finished epoch:\n  {same_command}"):
        device = resolve_device(arguments.device)
        with distributed.init_distributed(device):
            if arguments.no_resume and distributed.is_rank0():
                checkpoint_path(arguments.output).unlink(missing_ok=True)
            trainer = Trainer(recipe_from_arguments(arguments), arguments.seed, device)
            with tensorboard_log(arguments.tensorboard) as log:
                train(
                    trainer,
                    arguments.data,
                    arguments.output,
                    validation_split=arguments.validation_split,
                    log=log,
                )


if __name__ == "__main__":
    main()
