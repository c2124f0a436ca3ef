"""Train Net on MNIST; interrupt it whenever you like, the same command goes on after the last finished epoch.

python -m training.mnist.train                  # the study path's recipe: weights/mnist.pt and weights/mnist.json
python -m training.mnist.train --recipe fast --dropout 0.1 --seed 1 --out weights/dropout.pt
torchrun --nproc-per-node=2 -m training.mnist.train --recipe fast    # two processes share each batch
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from common.cli import UserError, exit_on_error, fraction, positive_float, positive_int, seed_int, strength
from training import distributed, weights
from training.mnist import data as mnist_data
from training.mnist.evaluate import evaluate
from training.mnist.recipes import HANDS, LEARNING_RATES, RECIPES, SCHEDULES, Recipe
from training.mnist.trainer import Run


def train(
    run: Run, data: Path, out: Path, *, validate: bool = False, log: Callable[[dict[str, Any]], None] | None = None
) -> None:
    """Go through with `run`, from its checkpoint if there is one; write weights to `out` and their report beside it.

    `validate` learns from 50,000 digits and scores on the other 10,000: for choosing, which the test set is not for.
    `log` is told of each epoch as soon as it is over.
    Raises DataError when MNIST can't be had, RunError when the checkpoint is of another recipe or the loss blows up.
    """
    out.parent.mkdir(parents=True, exist_ok=True)  # now, and not after the first epoch, if it can't be written
    checkpoint, epochs = checkpoint_path(out), run.recipe.epochs
    if distributed.from_first(checkpoint.exists):
        run.resume(checkpoint)
        _say(f"going on after epoch {len(run.epochs)} from {checkpoint}")
    distributed.once_a_machine(lambda: mnist_data.fetch(data))
    mnist = mnist_data.load(data, run.device)
    if validate:
        mnist = mnist_data.held_out(mnist)
    scored_on = "validation" if validate else "test"
    while len(run.epochs) < epochs:
        run.epoch(mnist.train_pixels, mnist.train_labels)
        run.epochs[-1][f"{scored_on}_accuracy"] = run.accuracy(mnist.test_pixels, mnist.test_labels)
        if distributed.is_first():
            run.save(checkpoint)
            if log:
                log(run.epochs[-1])
        _say(_line(run.epochs[-1], epochs))
    if not distributed.is_first():
        return
    net = run.trained_net()
    scores = evaluate(net, mnist.test_pixels.cpu(), mnist.test_labels.cpu(), run.recipe.temperature)
    weights.save(net, {**_report(run), scored_on: scores}, out)
    checkpoint.unlink()
    _say(f"{scores['correct']:,} of {scores['total']:,} {scored_on} digits right, {scores['accuracy']:.2%}: {out}")


def _say(line: str) -> None:
    if distributed.is_first():
        print(line, flush=True)


@contextmanager
def tensorboard_log(folder: Path | None) -> Iterator[Callable[[dict[str, Any]], None] | None]:
    """Lend what writes an epoch's figures to `folder` for TensorBoard; None where no folder is wanted."""
    if folder is None or not distributed.is_first():
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter  # takes a second, which only those who ask for it should wait

    with SummaryWriter(str(folder)) as writer:
        yield lambda epoch: _write_scalars(writer, epoch)


def _write_scalars(writer: Any, epoch: dict[str, Any]) -> None:
    for name, value in epoch.items():
        if name != "epoch":
            writer.add_scalar(name, value, epoch["epoch"])
    writer.flush()


def checkpoint_path(out: Path) -> Path:
    return out.with_suffix(".checkpoint.pt")


def _line(epoch: dict[str, Any], epochs: int) -> str:
    scored_on = "validation" if "validation_accuracy" in epoch else "test"
    return (
        f"epoch {epoch['epoch']:>{len(str(epochs))}}/{epochs}  loss {epoch['train_loss']:.4f}  "
        f"accuracy {epoch['train_accuracy']:.2%}, {scored_on} {epoch[f'{scored_on}_accuracy']:.2%}  "
        f"{epoch['seconds']:.1f} s"
    )


def _report(run: Run) -> weights.Report:
    return {
        "architecture": {
            "input_size": weights.PIXELS,
            "hidden_size": run.recipe.hidden_size,
            "num_classes": weights.CLASSES,
        },
        "device": run.device,
        "processes": distributed.count(),
        "arguments": {**asdict(run.recipe), "seed": run.seed},
        "versions": weights.versions(),
        "data_sha256": mnist_data.SHA256,
        "epochs": run.epochs,
        "duration_s": round(sum(epoch["seconds"] for epoch in run.epochs), 2),
        "temperature": run.recipe.temperature,
    }


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train Net on MNIST. In brackets: what is taken when nothing is said.")
    parser.add_argument("--recipe", choices=RECIPES, default="study", help="what the other options change (study)")
    parser.add_argument("--optimizer", choices=LEARNING_RATES, help="sgd has Nesterov momentum 0.9 (the recipe's)")
    parser.add_argument("--epochs", type=positive_int, help="times that each digit is seen (the recipe's)")
    parser.add_argument("--lr", type=positive_float, help="learning rate (the recipe's, or the optimizer's usual)")
    parser.add_argument("--batch-size", type=positive_int, help="digits a step (the recipe's)")
    parser.add_argument("--hidden-size", type=positive_int, help="units of the hidden layer (500)")
    parser.add_argument("--dropout", type=fraction, help="share of hidden units left out in each step (the recipe's)")
    parser.add_argument("--batch-norm", action=argparse.BooleanOptionalAction, help="(the recipe's)")
    parser.add_argument("--schedule", choices=SCHEDULES, help="of the learning rate (the recipe's)")
    parser.add_argument("--distortion", type=strength, help="of the training digits, 1 as in fast (the recipe's)")
    parser.add_argument("--temperature", type=positive_float, help="of the softmax that is served (the recipe's)")
    parser.add_argument("--seed", type=seed_int, default=0, help="of all that is drawn at random (0)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="(auto)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (data)")
    parser.add_argument("--out", type=Path, default=Path("weights/mnist.pt"), help="(weights/mnist.pt)")
    parser.add_argument("--validate", action="store_true", help="hold out 10,000 training digits and score on them")
    parser.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="log each epoch there as well")
    parser.add_argument("--fresh", action="store_true", help="forget what an interrupted run has left")
    return parser


def chosen_recipe(arguments: argparse.Namespace) -> Recipe:
    """Return the named recipe with what was chosen otherwise."""
    named = RECIPES[arguments.recipe]
    levers = [field.name for field in fields(Recipe) if field.name != "distortion"]
    chosen = {lever: getattr(arguments, lever) for lever in levers if getattr(arguments, lever) is not None}
    if arguments.distortion is not None:
        chosen["distortion"] = HANDS.times(arguments.distortion) if arguments.distortion else None
    if chosen.get("optimizer", named.optimizer) != named.optimizer:
        chosen = {"lr": LEARNING_RATES[chosen["optimizer"]], **chosen}
    return replace(named, **chosen)


def usable_device(name: str) -> str:
    """Return "cuda", "mps" or "cpu", the best there is for "auto". Raises UserError when it is not there."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, is_present in present.items() if is_present)
    if not present[name]:
        raise UserError(f"this machine and this torch have no {name}: use --device auto")
    return name


def main(argv: Sequence[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser().parse_args(argv)
    launcher = distributed.LAUNCHER if distributed.launched() else ["python"]
    same_command = shlex.join([*launcher, "-m", "training.mnist.train", *(part for part in argv if part != "--fresh")])
    with exit_on_error(if_interrupted=f"this goes on after the last finished epoch:\n  {same_command}"):
        device = usable_device(arguments.device)
        with distributed.joined(device):
            if arguments.fresh and distributed.is_first():
                checkpoint_path(arguments.out).unlink(missing_ok=True)
            run = Run(chosen_recipe(arguments), arguments.seed, device)
            with tensorboard_log(arguments.tensorboard) as log:
                train(run, arguments.data, arguments.out, validate=arguments.validate, log=log)


if __name__ == "__main__":
    main()
