"""Search for the recipe that does best on the held-out digits; interrupt it, the same command goes on.

python -m training.mnist.search --trials 40      # weights/search.db holds all trials, weights/search.png shows them

Several processes may run the same command at once: they share the trials.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import optuna
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial, Trial, TrialState

from common.cli import UserError, exit_on_error, positive_int
from common.files import write_atomically
from common.plots import png_of, style
from training.mnist import data as mnist_data
from training.mnist.data import MNIST
from training.mnist.evaluate import evaluate
from training.mnist.recipes import FAST, HANDS, SCHEDULES, Recipe
from training.mnist.train import usable_device
from training.mnist.trainer import Run, RunError

LEARNING_RATES = {"adam": (3e-4, 1e-2), "sgd": (0.03, 1.0)}
# What `fast` does, tried first: whatever the search finds has to do better than that.
FAST_LEVERS = {
    "optimizer": FAST.optimizer,
    f"{FAST.optimizer}_lr": FAST.lr,
    "batch_size": FAST.batch_size,
    "schedule": FAST.schedule,
    "dropout": FAST.dropout,
    "batch_norm": FAST.batch_norm,
    "distortion": 1.0,
}


def suggested(trial: Trial, epochs: int) -> Recipe:
    """Draw a recipe: every lever but the hidden size and the epochs."""
    optimizer = trial.suggest_categorical("optimizer", list(LEARNING_RATES))
    lr = _as_typed(trial.suggest_float(f"{optimizer}_lr", *LEARNING_RATES[optimizer], log=True))
    distortion = _as_typed(trial.suggest_float("distortion", 0, 1.5, step=0.1))
    return Recipe(
        epochs=epochs,
        optimizer=optimizer,
        lr=lr,
        batch_size=trial.suggest_categorical("batch_size", [50, 100, 250, 500]),
        schedule=trial.suggest_categorical("schedule", list(SCHEDULES)),
        dropout=_as_typed(trial.suggest_float("dropout", 0, 0.5, step=0.05)),
        batch_norm=trial.suggest_categorical("batch_norm", [True, False]),
        distortion=HANDS.times(distortion) if distortion else None,
    )


def _as_typed(number: float) -> float:
    """Round to what a command shows, so that the command trains what was tried."""
    return float(f"{number:.3g}")


def command(recipe: Recipe, distortion: float) -> str:
    """Return the command that trains `recipe`, whose distortion is that of `fast` times `distortion`."""
    levers = {name: getattr(recipe, name) for name in ("epochs", "optimizer", "lr", "batch_size", "schedule")}
    levers |= {"dropout": recipe.dropout, "distortion": distortion, "temperature": recipe.temperature}
    options = [
        f"--{name.replace('_', '-')}={value:.3g}" for name, value in levers.items() if not isinstance(value, str)
    ]
    options += [f"--{name}={value}" for name, value in levers.items() if isinstance(value, str)]
    options.append("--batch-norm" if recipe.batch_norm else "--no-batch-norm")
    return shlex.join(["python", "-m", "training.mnist.train", *options])


def tried(trial: Trial, recipe: Recipe, mnist: MNIST, device: str) -> float:
    """Train with `recipe` and return its accuracy on the held-out digits. Raises TrialPruned when it lags behind."""
    run = Run(recipe, device=device)
    for epoch in range(recipe.epochs):
        try:
            run.epoch(mnist.train_pixels, mnist.train_labels)
        except RunError as error:
            raise optuna.TrialPruned(str(error)) from error
        trial.report(run.accuracy(mnist.test_pixels, mnist.test_labels), epoch + 1)
        if trial.should_prune():
            raise optuna.TrialPruned("others were better by then")
    scores = evaluate(run.trained_net(), mnist.test_pixels.cpu(), mnist.test_labels.cpu())
    best = replace(recipe, temperature=scores["best_temperature"])
    trial.set_user_attr("command", command(best, trial.params["distortion"]))
    return scores["accuracy"]


def search(study: optuna.Study, trials: int, epochs: int, mnist: MNIST, device: str) -> None:
    """Go on with `study` until it has `trials` trials, ended or given up."""

    def objective(trial: Trial) -> float:
        recipe = suggested(trial, epochs)
        try:
            return tried(trial, recipe, mnist, device)
        except KeyboardInterrupt:
            study.enqueue_trial(trial.params)  # it is what the next run begins with
            raise

    while len(_ended(study)) < trials:
        # Drawn anew from what is known by now: one seed for all would draw the first trials again.
        study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
        study.optimize(objective, n_trials=1)
        print(_line(study, study.trials[-1], trials), flush=True)


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _line(study: optuna.Study, trial: FrozenTrial, trials: int) -> str:
    levers = ", ".join(f"{name} {_short(value)}" for name, value in trial.params.items())
    end = f"{trial.value:.2%}" if trial.state == TrialState.COMPLETE else f"given up after epoch {trial.last_step or 1}"
    best = f"best {study.best_value:.2%}" if _has_best(study) else "no best yet"
    return f"trial {len(_ended(study))}/{trials}: {end} ({best}) with {levers}"


def _has_best(study: optuna.Study) -> bool:
    return any(trial.state == TrialState.COMPLETE for trial in study.get_trials(deepcopy=False))


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def picture(study: optuna.Study) -> bytes:
    """Draw each trial's accuracy by epoch, and by each lever, as a PNG."""
    trials, best = _ended(study), study.best_trial
    levers = sorted({name for trial in trials for name in trial.params})
    with style():
        figure, grid = plt.subplot_mosaic(
            [["curves", *levers[:4]], ["curves", *levers[4:]]], figsize=(15, 6.5), width_ratios=(2, 1, 1, 1, 1)
        )
        figure.suptitle("Accuracy on the held-out digits: the best trial, the others, and those given up (grey)")
        for trial in trials:
            _draw_curve(grid["curves"], trial, is_best=trial == best)
        for lever in levers:
            _draw_lever(grid[lever], lever, [trial for trial in trials if lever in trial.params], best)
        for axes in grid.values():
            axes.set_ylim(study.best_value - 0.025, study.best_value + 0.002)
            axes.yaxis.set_major_formatter("{x:.1%}")
        return png_of(figure)


def _draw_lever(axes: Axes, lever: str, trials: list[FrozenTrial], best: FrozenTrial) -> None:
    axes.set_title(lever)
    if lever.endswith("_lr"):
        axes.set(xscale="log", xlim=LEARNING_RATES[lever.removesuffix("_lr")])
        axes.xaxis.set_minor_formatter("")
    for trial in sorted(trials, key=lambda trial: trial.params[lever]):
        if trial.state == TrialState.COMPLETE:
            value = trial.params[lever]
            axes.scatter(
                value if isinstance(value, float) else str(value),
                trial.values[0],
                color="C1" if trial == best else "C0",
            )


def _draw_curve(axes: Axes, trial: FrozenTrial, *, is_best: bool) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    epochs, accuracy = zip(*sorted(trial.intermediate_values.items()), strict=True)
    if is_best:
        axes.plot(epochs, accuracy, color="C1", lw=3, zorder=3)
    else:
        axes.plot(epochs, accuracy, color="C0" if trial.state == TrialState.COMPLETE else "0.8", marker=".")


def opened(storage: Path, epochs: int) -> optuna.Study:
    """Open the study in `storage`, or begin it there. Raises UserError when it is one of other epochs."""
    storage.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=f"sqlite:///{storage}",
        study_name="recipe",
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 3)),
        load_if_exists=True,
    )
    if study.user_attrs.get("epochs", epochs) != epochs:
        raise UserError(f"{storage} holds trials of {study.user_attrs['epochs']} epochs: name another with --storage")
    if not study.trials:
        study.set_user_attr("epochs", epochs)
        study.enqueue_trial(FAST_LEVERS)
    return study


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Search for the best recipe on digits held out of the training set.")
    parser.add_argument("--trials", type=positive_int, default=40, help="until there are so many (40)")
    parser.add_argument("--epochs", type=positive_int, default=15, help="of each trial (15)")
    parser.add_argument("--storage", type=Path, default=Path("weights/search.db"), help="(weights/search.db)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (data)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="(auto)")
    arguments = parser.parse_args(argv)
    same_command = shlex.join(["python", "-m", "training.mnist.search", *(sys.argv[1:] if argv is None else argv)])
    with exit_on_error(if_interrupted=f"this goes on with the trial that was under way:\n  {same_command}"):
        device = usable_device(arguments.device)
        study = opened(arguments.storage, arguments.epochs)
        mnist = mnist_data.held_out(mnist_data.load(arguments.data, device))
        search(study, arguments.trials, arguments.epochs, mnist, device)
        if not _has_best(study):
            raise UserError("every trial was given up: allow more --trials")
        chart = arguments.storage.with_suffix(".png")
        write_atomically(chart, picture(study))
        best = study.best_trial
        print(f"trial {best.number + 1} was best with {best.value:.2%}; {chart} shows them all. It is trained by")
        print(f"  {best.user_attrs['command']}")


if __name__ == "__main__":
    main()
