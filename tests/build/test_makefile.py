"""`make` builds an archive again when anything in it has changed."""

from __future__ import annotations

import re
import subprocess
import zipfile

import pytest


@pytest.mark.parametrize("model", ["mnist", "xor"])
def test_every_module_in_an_archive_is_a_prerequisite_of_it(root, archives, model):
    command = ["make", "--print-data-base", "--dry-run", "--always-make", f"model_store/{model}.mar"]
    database = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    prerequisites = set(re.search(rf"^model_store/{model}\.mar: (.*)$", database, re.MULTILINE)[1].split())
    with zipfile.ZipFile(archives / f"{model}.mar") as archive:
        modules = {name for name in archive.namelist() if name.endswith(".py")} - {"handler.py"}
    assert len(modules) > 10
    assert modules | {f"handlers/{model}/handler.py", f"model/{model}/model-config.yaml"} <= prerequisites
