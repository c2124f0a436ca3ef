"""Train Net on MNIST; interrupt it whenever you like, the same command goes on after the last finished epoch.

python -m training.train                  # 20 epochs of Adam: weights/mnist.pt and weights/mnist.json
python -m training.train --optimizer sgd --epochs 40 --seed 1 --out weights/sgd.pt
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from training import mnist_data, weights
from training.command import UserError, plain_failures, positive_float, positive_int, seed_int
from training.evaluate import evaluate
from training.run import LEARNING_RATES, Recipe, Run


def train(recipe: Recipe, data: Path, out: Path) -> None:
    """Go through with `recipe`, from its checkpoint if there is one; write weights to `out` and their report beside it.

    Raises DataError when MNIST can't be had, RunError when the checkpoint is of another recipe or the loss blows up.
    """
    out.parent.mkdir(parents=True, exist_ok=True)  # now, and not after the first epoch, if it can't be written
    run, checkpoint = Run(recipe), checkpoint_path(out)
    if checkpoint.exists():
        run.resume(checkpoint)
        print(f"going on after epoch {len(run.epochs)} from {checkpoint}", flush=True)
    mnist = mnist_data.load(data, recipe.device)
    while len(run.epochs) < recipe.epochs:
        run.epoch(mnist.train_pixels, mnist.train_labels)
        run.save(checkpoint)
        print(_line(run.epochs[-1], recipe.epochs), flush=True)
    test = evaluate(run.net, mnist.test_pixels, mnist.test_labels)
    weights.save(run.net, _report(run, test), out)
    checkpoint.unlink()
    print(f"{test['correct']:,} of {test['total']:,} test digits right, {test['accuracy']:.2%}: {out}")


def checkpoint_path(out: Path) -> Path:
    return out.with_suffix(".checkpoint.pt")


def _line(epoch: dict[str, Any], epochs: int) -> str:
    return (
        f"epoch {epoch['epoch']:>{len(str(epochs))}}/{epochs}  loss {epoch['train_loss']:.4f}  "
        f"accuracy {epoch['train_accuracy']:.2%}  {epoch['seconds']:.1f} s"
    )


def _report(run: Run, test: dict[str, Any]) -> weights.Report:
    net, arguments = run.net, asdict(run.recipe)
    return {
        "architecture": {
            "input_size": net.fc1.in_features,
            "hidden_size": net.fc1.out_features,
            "num_classes": net.fc2.out_features,
        },
        "device": arguments.pop("device"),
        "arguments": arguments,
        "versions": weights.versions(),
        "data_sha256": mnist_data.SHA256,
        "epochs": run.epochs,
        "duration_s": round(sum(epoch["seconds"] for epoch in run.epochs), 2),
        "test": test,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train Net on MNIST. In brackets: what is taken when nothing is said.")
    parser.add_argument("--optimizer", choices=LEARNING_RATES, default="adam", help="(adam); sgd has momentum 0.9")
    parser.add_argument("--epochs", type=positive_int, default=20, help="times that each digit is seen (20)")
    parser.add_argument("--lr", type=positive_float, help="learning rate (1e-3 for adam, 0.1 for sgd)")
    parser.add_argument("--batch-size", type=positive_int, default=100, help="digits a step (100)")
    parser.add_argument("--hidden-size", type=positive_int, default=500, help="units of the hidden layer (500)")
    parser.add_argument("--seed", type=seed_int, default=0, help="of the first weights and the digits' order (0)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="(auto)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (data)")
    parser.add_argument("--out", type=Path, default=Path("weights/mnist.pt"), help="(weights/mnist.pt)")
    parser.add_argument("--fresh", action="store_true", help="forget what an interrupted run has left")
    return parser


def _recipe(arguments: argparse.Namespace) -> Recipe:
    chosen = {field.name: getattr(arguments, field.name) for field in fields(Recipe)}
    chosen["lr"] = arguments.lr or LEARNING_RATES[arguments.optimizer]
    chosen["device"] = _device(arguments.device)
    return Recipe(**chosen)


def _device(name: str) -> str:
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, is_present in present.items() if is_present)
    if not present[name]:
        raise UserError(f"this machine and this torch have no {name}: use --device auto")
    return name


def main(argv: Sequence[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(argv)
    same_command = shlex.join(["python", "-m", "training.train", *(part for part in argv if part != "--fresh")])
    with plain_failures(if_interrupted=f"this goes on after the last finished epoch:\n  {same_command}"):
        if arguments.fresh:
            checkpoint_path(arguments.out).unlink(missing_ok=True)
        train(_recipe(arguments), arguments.data, arguments.out)


if __name__ == "__main__":
    main()
