"""The search goes on where it was stopped, and the command that it prints trains the recipe that won."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from common.cli import UserError
from training.mnist import data, search
from training.mnist.data import MNIST
from training.mnist.recipes import FAST
from training.mnist.train import chosen_recipe, parser

EPOCHS = 1


@pytest.fixture(scope="module")
def few_digits(mnist_root: Path) -> MNIST:
    mnist = data.held_out(data.load(mnist_root))
    return MNIST(*(part[:1500] for part in mnist))


def test_it_begins_with_fast_and_goes_on_from_its_storage(tmp_path: Path, few_digits: MNIST) -> None:
    storage = tmp_path / "my studies" / "search.db"
    search.search(search.opened(storage, EPOCHS), 2, EPOCHS, few_digits, "cpu")
    study = search.opened(storage, EPOCHS)
    search.search(study, 4, EPOCHS, few_digits, "cpu")
    assert len(study.trials) == 4
    assert study.trials[0].params == search.FAST_LEVERS
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 4
    assert search.picture(study).startswith(b"\x89PNG")


def test_the_command_trains_the_recipe_that_was_tried(tmp_path: Path, few_digits: MNIST) -> None:
    study = search.opened(tmp_path / "search.db", EPOCHS)
    search.search(study, 3, EPOCHS, few_digits, "cpu")
    for trial in study.get_trials(states=(search.TrialState.COMPLETE,)):
        arguments = shlex.split(trial.user_attrs["command"])
        assert arguments[:3] == ["python", "-m", "training.mnist.train"]
        typed = chosen_recipe(parser().parse_args(arguments[3:]))
        tried = search.suggested(search.optuna.trial.FixedTrial(trial.params), EPOCHS)
        assert typed.temperature > 0
        assert search.replace(typed, temperature=1.0) == tried
    assert search.suggested(search.optuna.trial.FixedTrial(search.FAST_LEVERS), 15) == search.replace(
        FAST, temperature=1.0
    )


def test_an_interrupted_trial_is_what_the_next_run_begins_with(
    tmp_path: Path, few_digits: MNIST, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "search.db"

    def interrupted(*_: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(search, "tried", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search.search(search.opened(storage, EPOCHS), 1, EPOCHS, few_digits, "cpu")
    study = search.opened(storage, EPOCHS)
    search.search(study, 1, EPOCHS, few_digits, "cpu")
    first, second = study.trials
    assert (first.state.name, second.state.name) == ("FAIL", "COMPLETE")
    assert first.params == second.params


def test_a_storage_of_other_epochs_is_refused(tmp_path: Path) -> None:
    search.opened(tmp_path / "search.db", 1)
    with pytest.raises(UserError, match="holds trials of 1 epochs: name another with --storage"):
        search.opened(tmp_path / "search.db", 2)
