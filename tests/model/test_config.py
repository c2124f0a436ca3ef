"""Every model.yaml is read; a wrong one is refused with the file and the key."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import yaml

from model import config
from model.config import ModelConfigError


@pytest.fixture
def folder(root, tmp_path, monkeypatch):
    """Return a folder of models with a copy of xor."""
    shutil.copytree(root / "model/xor", tmp_path / "xor")
    monkeypatch.setattr(config, "FOLDER", tmp_path)
    return tmp_path


def change(folder, keys, value):
    """Set a key of xor's model.yaml; None removes it."""
    path = folder / "xor" / config.FILE
    message = yaml.safe_load(path.read_text())
    *parents, last = keys.split(".")
    section = message
    for key in parents:
        section = section[key]
    section[last] = value
    if value is None:
        del section[last]
    path.write_text(yaml.safe_dump(message))


@pytest.mark.parametrize("name", config.names())
def test_every_model_of_the_repository_is_described(name):
    described = config.load(name)
    config.check_files(described)
    with np.load(described.golden_file) as golden:
        assert golden["inputs"].shape[1:] == described.input.shape
        assert len(golden["inputs"]) == len(golden["labels"]) > 0


@pytest.mark.usefixtures("folder")
def test_a_model_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(ModelConfigError, match=r"there is no model nobody; .*: xor"):
        config.load("nobody")


@pytest.mark.parametrize(
    ("keys", "value", "named"),
    [
        ("summary", None, "summary"),
        ("colour", "blue", "colour"),
        ("input.type", "text", "input.type"),
        ("input.shape", "2", "input.shape"),
        ("golden_set.min_correct", "all", "golden_set.min_correct"),
        ("name", "nor", "folder"),
        ("version", "v1", "version"),
        ("protocols.v1", ["output", "nothing"], "nothing"),
        ("label_output", "", "label_output"),
        ("labels", [], "labels"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(folder, keys, value, named):
    change(folder, keys, value)
    with pytest.raises(ModelConfigError, match=r"model\.yaml: ") as error:
        config.load("xor")
    assert named in str(error.value)


def test_a_regression_needs_an_output_for_its_golden_set(folder):
    change(folder, "labels", None)
    change(folder, "label_output", None)
    with pytest.raises(ModelConfigError, match="golden_set"):
        config.load("xor")
    change(folder, "golden_set.output", "probability")
    assert config.load("xor").labels == ()


@pytest.mark.parametrize(("key", "file"), [("sample.request", "sample.json"), ("golden_set.file", "golden.npz")])
def test_a_file_that_is_not_there_is_named(folder, key, file):
    (folder / "xor" / file).unlink()
    with pytest.raises(ModelConfigError, match=f"{key} names {file}"):
        config.check_files(config.load("xor"))
