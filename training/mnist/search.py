"""Search for hyperparameters with Optuna, scored on a validation split; the same command resumes the study.

python -m training.mnist.search --trials 40      # trials in weights/search.db, pictures in weights/search*.png

Several processes may run the same command at once: they share the trials.
"""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from optuna.visualization.matplotlib import plot_intermediate_values, plot_slice

from common.cli import exit_on_error, parser_with_examples, positive_int
from common.errors import UserError
from common.files import write_atomically
from common.plots import style, to_png
from training.device import add_device_option, resolve_device
from training.mnist.data import MNIST, add_data_option, load_mnist, split_validation
from training.mnist.evaluate import evaluate
from training.mnist.recipes import DEFAULT_DISTORTION, FAST, Recipe
from training.mnist.trainer import Trainer, TrainerError
from training.schedule import SCHEDULES

LEARNING_RATES = {"adam": (3e-4, 1e-2), "sgd": (0.03, 1.0)}
# The first trial: the search has to beat the recipe `fast`.
FAST_HYPERPARAMETERS = {
    "optimizer": FAST.optimizer,
    f"{FAST.optimizer}_lr": FAST.lr,
    "batch_size": FAST.batch_size,
    "schedule": FAST.schedule,
    "dropout": FAST.dropout,
    "batch_norm": FAST.batch_norm,
    "augment_strength": 1.0,
}


def suggest_recipe(trial: Trial, epochs: int) -> Recipe:
    """Draw every hyperparameter but the hidden size and the number of epochs."""
    optimizer = trial.suggest_categorical("optimizer", list(LEARNING_RATES))
    lr = _round(trial.suggest_float(f"{optimizer}_lr", *LEARNING_RATES[optimizer], log=True))
    strength = _round(trial.suggest_float("augment_strength", 0, 1.5, step=0.1))
    return Recipe(
        epochs=epochs,
        optimizer=optimizer,
        lr=lr,
        batch_size=trial.suggest_categorical("batch_size", [50, 100, 250, 500]),
        schedule=trial.suggest_categorical("schedule", list(SCHEDULES)),
        dropout=_round(trial.suggest_float("dropout", 0, 0.5, step=0.05)),
        batch_norm=trial.suggest_categorical("batch_norm", [True, False]),
        distortion=DEFAULT_DISTORTION.times(strength) if strength else None,
    )


def _round(number: float) -> float:
    """Round to the digits that a printed command shows, so that the command trains the same recipe."""
    return float(f"{number:.3g}")


def command(recipe: Recipe, strength: float) -> str:
    """Return the command that trains `recipe`, whose distortion is `DEFAULT_DISTORTION` times `strength`."""
    values = {name: getattr(recipe, name) for name in ("epochs", "optimizer", "lr", "batch_size", "schedule")}
    values |= {"dropout": recipe.dropout, "augment_strength": strength, "temperature": recipe.temperature}
    options = [f"--{name.replace('_', '-')}={_format(value)}" for name, value in values.items()]
    options.append("--batch-norm" if recipe.batch_norm else "--no-batch-norm")
    return shlex.join(["python", "-m", "training.mnist.train", *options])


def _format(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def objective(trial: Trial, recipe: Recipe, mnist: MNIST, device: str) -> float:
    """Train by `recipe` and return its accuracy on the validation split. Raises TrialPruned when it lags behind."""
    trainer = Trainer(recipe, device=device)
    for epoch in range(recipe.epochs):
        try:
            trainer.train_epoch(mnist.train_pixels, mnist.train_labels)
        except TrainerError as error:
            raise optuna.TrialPruned(str(error)) from error
        trial.report(trainer.accuracy(mnist.test_pixels, mnist.test_labels), epoch + 1)
        if trial.should_prune():
            raise optuna.TrialPruned("below the median of the other trials")
    scores = evaluate(trainer.export_model(), mnist.test_pixels.cpu(), mnist.test_labels.cpu())
    best = replace(recipe, temperature=scores["best_temperature"])
    trial.set_user_attr("command", command(best, trial.params["augment_strength"]))
    return scores["accuracy"]


def search(study: optuna.Study, trials: int, epochs: int, mnist: MNIST, device: str) -> None:
    """Run trials until `study` has `trials` of them, complete or pruned."""

    def run(trial: Trial) -> float:
        recipe = suggest_recipe(trial, epochs)
        try:
            return objective(trial, recipe, mnist, device)
        except KeyboardInterrupt:
            study.enqueue_trial(trial.params)  # the next search begins with it
            raise

    while len(_finished(study)) < trials:
        # A sampler with one constant seed would draw the first trials again after each restart.
        study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
        study.optimize(run, n_trials=1)
        print(_trial_line(study, study.trials[-1], trials), flush=True)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _has_best(study: optuna.Study) -> bool:
    return bool(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _trial_line(study: optuna.Study, trial: FrozenTrial, trials: int) -> str:
    values = ", ".join(f"{name} {_format(value)}" for name, value in trial.params.items())
    end = f"{trial.value:.2%}" if trial.state == TrialState.COMPLETE else f"pruned after epoch {trial.last_step or 1}"
    best = f"best {study.best_value:.2%}" if _has_best(study) else "no best yet"
    return f"trial {len(_finished(study))}/{trials}: {end} ({best}) with {values}"


def draw(study: optuna.Study) -> dict[str, bytes]:
    """Draw the accuracy by hyperparameter ("") and by epoch ("-epochs") as PNGs, named for the end of their file."""
    best = study.best_trial
    title = f"Trial {best.number + 1} of {len(study.trials)} is best: {best.value:.2%} of the validation digits"
    with style(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", "Attempting to set identical", UserWarning)  # all trials have one value
        slices: Any = np.ravel(plot_slice(study, target_name="validation accuracy"))  # type: ignore[arg-type]
        curves: Any = plot_intermediate_values(study)
        slices[0].figure.set_size_inches(20, 4)
        slices[0].figure.suptitle(title)
        curves.figure.set_size_inches(8, 5)
        curves.legend_.remove()  # it lists every trial
        curves.set(title=title, xlabel="epoch", ylabel="validation accuracy")
        curves.xaxis.get_major_locator().set_params(integer=True)
        for line in curves.lines:
            is_best = line.get_label() == f"Trial{best.number}"
            line.set(color="C1" if is_best else "0.6", zorder=3 if is_best else 2)
        for axes in slices:
            axes.tick_params(axis="x", labelrotation=30)
            axes.xaxis.set_minor_formatter("")
        for axes in (slices[0], curves):
            axes.set_ylim(study.best_value - 0.025, study.best_value + 0.002)
            axes.yaxis.set_major_formatter("{x:.1%}")
        return {"": to_png(slices[0].figure), "-epochs": to_png(curves.figure)}


@contextmanager
def open_study(path: Path, epochs: int) -> Iterator[optuna.Study]:
    """Open or create the study in the SQLite file `path`, and close it. Raises UserError when its epochs differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="hyperparameters",
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 3)),
            load_if_exists=True,
        )
        if study.user_attrs.get("epochs", epochs) != epochs:
            raise UserError(f"{path} holds trials of {study.user_attrs['epochs']} epochs: name another with --storage")
        if not study.trials:
            study.set_user_attr("epochs", epochs)
            study.enqueue_trial(FAST_HYPERPARAMETERS)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()  # closes the connections in its pool


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Search for the best hyperparameters on a validation split of the training digits.",
        "python -m training.mnist.search --trials 40",
        "python -m training.mnist.search --epochs 5 --storage weights/quick.db",
    )
    parser.add_argument("--trials", type=positive_int, default=40, help="trials in the study (default: %(default)s)")
    parser.add_argument("--epochs", type=positive_int, default=15, help="epochs of each trial (default: %(default)s)")
    parser.add_argument(
        "--storage",
        type=Path,
        default=Path("weights/search.db"),
        help="SQLite file of the study; pictures go beside it (default: %(default)s)",
    )
    add_data_option(parser)
    add_device_option(parser)
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    same_command = shlex.join(["python", "-m", "training.mnist.search", *argv])
    with exit_on_error(if_interrupted=f"this goes on with the trial that was under way:\n  {same_command}"):
        device = resolve_device(arguments.device)
        with open_study(arguments.storage, arguments.epochs) as study:
            mnist = split_validation(load_mnist(arguments.data, device))
            search(study, arguments.trials, arguments.epochs, mnist, device)
            if not _has_best(study):
                raise UserError("every trial was pruned: allow more --trials")
            for end, picture in draw(study).items():
                write_atomically(arguments.storage.with_name(f"{arguments.storage.stem}{end}.png"), picture)
            best = study.best_trial
        picture_path = arguments.storage.with_suffix(".png")
        print(
            f"trial {best.number + 1} was best with {best.value:.2%}; {picture_path} shows them all. It is trained by"
        )
        print(f"  {best.user_attrs['command']}")


if __name__ == "__main__":
    main()
