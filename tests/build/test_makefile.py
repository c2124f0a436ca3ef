"""`make` builds an archive again when anything in it has changed."""

from __future__ import annotations

import re
import subprocess
import zipfile

import pytest

from model import config


@pytest.mark.parametrize("model", config.names())
def test_every_module_in_an_archive_is_a_prerequisite_of_it(root, archives, model):
    command = ["make", "--print-data-base", "--dry-run", "--always-make", f"model_store/{model}.mar"]
    database = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    prerequisites = set(re.search(rf"^model_store/{model}\.mar: (.*)$", database, re.MULTILINE)[1].split())
    with zipfile.ZipFile(archives / f"{model}.mar") as archive:
        modules = {name for name in archive.namelist() if name.endswith(".py")} - {"handler.py"}
    assert len(modules) > 10
    others = {f"handlers/{model}/handler.py", f"model/{model}/model-config.yaml", f"model/{model}/model.yaml"}
    assert modules | others | {f"weights/{model}.json", "training/archive.py"} <= prerequisites


def test_a_new_folder_of_a_model_is_trained_and_packed(root, tmp_path):
    """Nothing but the folder makes a model: the Makefile is the same."""
    for name in ("Makefile", "requirements"):
        (tmp_path / name).symlink_to(root / name)
    for package in ("common", "handlers", "model/shapes", "torchserve_patches"):
        (tmp_path / package).mkdir(parents=True)
    (tmp_path / "model/shapes/model.yaml").touch()
    command = ["make", "--dry-run", "archive"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "-m training.shapes.train" in printed
    assert "-m training.archive shapes" in printed
    assert "mnist" not in printed
