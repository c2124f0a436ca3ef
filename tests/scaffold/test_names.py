"""A name that cannot be a model's is refused with one sentence, and nothing is made."""

from __future__ import annotations

import keyword
import subprocess

import pytest

from common.paths import ROOT
from scaffold.__main__ import main, make_model
from scaffold.names import ModelNameError, check_name

PYTHON = [*keyword.kwlist, *keyword.softkwlist, "print", "list", "json", "random", "test"]
TORCHSERVE = ["all", "models", "ping", "predictions", "metrics", "explanations", "workflows", "api-description"]
TAKEN = ["mnist", "xor", "config", "archive", "protocols", "inputs", "docs", "serving", "web", "support", "handler"]
PATHS = ["", ".", "..", "../x", "a/b", "/tmp", "a\\b", "a.b", "./shapes", "shapes/"]  # noqa: S108
WORDS = ["A", "Shapes", "1a", "_a", "a-b", "a b", "é", "a\n", "a;b", "$(a)", "a_", "a" * 39]


@pytest.mark.parametrize("name", [*PYTHON, *TORCHSERVE, *TAKEN, *PATHS, *WORDS])
def test_a_name_that_cannot_be_is_refused(name):
    with pytest.raises(ModelNameError) as refusal:
        check_name(name, ROOT)
    assert "\n" not in str(refusal.value)
    assert repr(name) in str(refusal.value)


@pytest.mark.parametrize("name", ["shapes", "a", "x2", "fraud_detector", "a" * 38])
def test_other_names_are_accepted(name):
    check_name(name, ROOT)


def test_weights_of_an_earlier_model_are_not_served_for_a_new_one(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/shapes.json").touch()
    with pytest.raises(ModelNameError, match=r"weights/shapes\.json"):
        check_name("shapes", tmp_path)


def test_the_command_prints_one_sentence_and_changes_nothing(capsys):
    before = subprocess.run(["git", "status", "--short"], cwd=ROOT, capture_output=True, check=True).stdout
    with pytest.raises(SystemExit) as exit_:
        main(["mnist"])
    assert exit_.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert subprocess.run(["git", "status", "--short"], cwd=ROOT, capture_output=True, check=True).stdout == before


def test_nothing_is_left_of_a_model_whose_samples_cannot_be_written(tmp_path):
    """A folder that is not the repository has no package `common`, which the samples need."""
    with pytest.raises(Exception, match="nothing was made"):
        make_model("shapes", "image", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
