"""The search resumes where it was stopped, and the command that it prints trains the recipe that won."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import FixedTrial, TrialState

from common.errors import UserError
from training.mnist import search
from training.mnist.data import MNIST, load_mnist, split_validation
from training.mnist.recipes import FAST
from training.mnist.train import build_parser, recipe_from_arguments

EPOCHS = 1


@pytest.fixture(scope="module")
def few_digits(mnist_root: Path) -> MNIST:
    mnist = split_validation(load_mnist(mnist_root))
    return MNIST(*(part[:1500] for part in mnist))


def open_connections(path: Path) -> int:
    return sum(fd.readlink() == path for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink())


def test_it_begins_with_fast_and_goes_on_from_its_storage(tmp_path: Path, few_digits: MNIST) -> None:
    storage = tmp_path / "my studies" / "search.db"
    with search.open_study(storage, EPOCHS) as study:
        search.search(study, 2, EPOCHS, few_digits, "cpu")
    with search.open_study(storage, EPOCHS) as study:
        search.search(study, 4, EPOCHS, few_digits, "cpu")
        assert len(study.trials) == 4
        assert study.trials[0].params == search.FAST_HYPERPARAMETERS
        assert len({tuple(trial.params.items()) for trial in study.trials}) == 4
        pictures = search.draw(study)
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())
    assert len(pictures) == 2


def test_the_command_trains_the_recipe_that_was_tried(tmp_path: Path, few_digits: MNIST) -> None:
    with search.open_study(tmp_path / "search.db", EPOCHS) as study:
        search.search(study, 3, EPOCHS, few_digits, "cpu")
        complete = study.get_trials(states=(TrialState.COMPLETE,))
    for trial in complete:
        arguments = shlex.split(trial.user_attrs["command"])
        assert arguments[:3] == ["python", "-m", "training.mnist.train"]
        typed = recipe_from_arguments(build_parser().parse_args(arguments[3:]))
        tried = search.suggest_recipe(FixedTrial(trial.params), EPOCHS)
        assert typed.temperature > 0
        assert replace(typed, temperature=1.0) == tried
    assert search.suggest_recipe(FixedTrial(search.FAST_HYPERPARAMETERS), 15) == replace(FAST, temperature=1.0)


def test_an_interrupted_trial_is_what_the_next_run_begins_with(
    tmp_path: Path, few_digits: MNIST, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "search.db"

    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(search, "objective", interrupt)
        with search.open_study(storage, EPOCHS) as study, pytest.raises(KeyboardInterrupt):
            search.search(study, 1, EPOCHS, few_digits, "cpu")
    with search.open_study(storage, EPOCHS) as study:
        search.search(study, 1, EPOCHS, few_digits, "cpu")
        first, second = study.trials
    assert (first.state.name, second.state.name) == ("FAIL", "COMPLETE")
    assert first.params == second.params


def test_a_storage_of_other_epochs_is_refused(tmp_path: Path) -> None:
    with search.open_study(tmp_path / "search.db", 1):
        pass
    with (
        pytest.raises(UserError, match="holds trials of 1 epochs: name another with --storage"),
        search.open_study(tmp_path / "search.db", 2),
    ):
        pass


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list open files")
def test_no_connection_stays_open(tmp_path: Path) -> None:
    """Python 3.13 warns of a database connection that is not closed."""
    storage = tmp_path / "search.db"
    with search.open_study(storage, EPOCHS) as study:
        assert open_connections(storage) > 0
        with pytest.raises(UserError), search.open_study(storage, EPOCHS + 1):
            pass
    assert open_connections(storage) == 0
    del study  # the study alone did not close it: it lived until here
