"""The runs that the report compares: each is trained once, then read from its folder."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from training import weights
from training.mnist.recipes import BEST, FAST, LEARNING_RATES, STUDY
from training.mnist.train import checkpoint_path, train
from training.mnist.trainer import Trainer
from training.weights import Report, WeightsError

# The recipes, and `study` with one hyperparameter changed.
RECIPES_COMPARED = {
    "study": STUDY,
    "study, SGD": replace(STUDY, optimizer="sgd", lr=LEARNING_RATES["sgd"]),
    "study, dropout 0.2": replace(STUDY, dropout=0.2),
    "study, batch norm": replace(STUDY, batch_norm=True),
    "fast": FAST,
    "best": BEST,
}


class TrainedRun(NamedTuple):
    """One run of a recipe: the file of its weights, and their report."""

    name: str
    seed: int
    weights: Path
    report: Report


def load_or_train(names: Iterable[str], seeds: int, data: Path, folder: Path, device: str) -> list[TrainedRun]:
    """Return a run of each recipe in `names` with each seed; those that `folder` lacks are trained first.

    Raises DataError when MNIST cannot be had, TrainerError when a checkpoint in `folder` is of another recipe.
    """
    wanted = [(name, seed) for name in names for seed in range(seeds)]
    missing = [(name, seed) for name, seed in wanted if not _is_trained(name, seed, folder)]
    epochs = sum(RECIPES_COMPARED[name].epochs for name, _ in missing)
    if missing:
        print(f"{len(missing)} runs to train, {epochs} epochs in all; finished runs stay in {folder}", flush=True)
    for name, seed in missing:
        print(f"{name}, seed {seed}:", flush=True)
        train(Trainer(RECIPES_COMPARED[name], seed, device), data, _path(name, seed, folder))
    return [
        TrainedRun(name, seed, path := _path(name, seed, folder), weights.load_report(path)) for name, seed in wanted
    ]


def _path(name: str, seed: int, folder: Path) -> Path:
    return folder / f"{name.replace(', ', '-').replace(' ', '-')}-seed{seed}.pt"


def _is_trained(name: str, seed: int, folder: Path) -> bool:
    """Return whether `folder` has the finished run, of the recipe as it is now."""
    path = _path(name, seed, folder)
    if checkpoint_path(path).exists():
        return False
    try:
        return weights.load_report(path)["arguments"] == {**asdict(RECIPES_COMPARED[name]), "seed": seed}
    except (WeightsError, KeyError):
        return False


def summarize(runs: list[TrainedRun]) -> list[dict[str, Any]]:
    """Return accuracy, calibration error and time of each recipe, ready for JSON; lists hold a value per seed."""
    summaries = []
    for name in dict.fromkeys(run.name for run in runs):
        reports = [run.report for run in runs if run.name == name]
        summaries.append(
            {
                "recipe": name,
                "seeds": len(reports),
                "accuracy": [report["test"]["accuracy"] for report in reports],
                "calibration_error": [report["test"]["calibration_error"] for report in reports],
                "epochs": len(reports[0]["epochs"]),
                "epoch_s": statistics.median(epoch["seconds"] for report in reports for epoch in report["epochs"]),
                "total_s": [report["duration_s"] for report in reports],
                "versions": reports[0]["versions"],
                "device": reports[0]["device"],
            }
        )
    return summaries


def learning_curves(runs: list[TrainedRun]) -> list[dict[str, Any]]:
    """Return training loss and test error of each run by epoch, ready for JSON."""
    return [
        {
            "recipe": run.name,
            "seed": run.seed,
            "train_loss": [epoch["train_loss"] for epoch in run.report["epochs"]],
            "test_error": [round(1 - epoch["test_accuracy"], 6) for epoch in run.report["epochs"]],
        }
        for run in runs
    ]
