"""The training runs that are compared: each is trained once, then read from its folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from training import weights
from training.mnist.recipes import BEST, FAST, LEARNING_RATES, STUDY
from training.mnist.train import checkpoint_path, train
from training.mnist.trainer import Trainer
from training.weights import Report, WeightsError

# The study path's recipe, what each of its levers does to it, and ours.
RECIPES_COMPARED = {
    "study": STUDY,
    "study, SGD": replace(STUDY, optimizer="sgd", lr=LEARNING_RATES["sgd"]),
    "study, dropout 0.2": replace(STUDY, dropout=0.2),
    "study, batch norm": replace(STUDY, batch_norm=True),
    "fast": FAST,
    "best": BEST,
}


class Trained(NamedTuple):
    """One run of one recipe: where its weights are, and their report."""

    name: str
    seed: int
    weights: Path
    report: Report


def trained(names: Iterable[str], seeds: int, data: Path, folder: Path, device: str) -> list[Trained]:
    """Return a run of each named recipe with each seed; those not in `folder` are trained, each epoch saying so.

    Raises DataError when MNIST can't be had, TrainerError when a checkpoint in `folder` is of another recipe.
    """
    wanted = [(name, seed) for name in names for seed in range(seeds)]
    missing = [(name, seed) for name, seed in wanted if not _found(name, seed, folder)]
    epochs = sum(RECIPES_COMPARED[name].epochs for name, _ in missing)
    if missing:
        print(f"{len(missing)} runs to train, {epochs} epochs in all; what is done stays in {folder}", flush=True)
    for name, seed in missing:
        print(f"{name}, seed {seed}:", flush=True)
        train(Trainer(RECIPES_COMPARED[name], seed, device), data, _path(name, seed, folder))
    return [Trained(name, seed, path := _path(name, seed, folder), weights.load_report(path)) for name, seed in wanted]


def _path(name: str, seed: int, folder: Path) -> Path:
    return folder / f"{name.replace(', ', '-').replace(' ', '-')}-seed{seed}.pt"


def _found(name: str, seed: int, folder: Path) -> bool:
    """Whether the run is there, and is of the recipe as it is today."""
    path = _path(name, seed, folder)
    if checkpoint_path(path).exists():
        return False
    try:
        return weights.load_report(path)["arguments"] == {**asdict(RECIPES_COMPARED[name]), "seed": seed}
    except (WeightsError, KeyError):
        return False
