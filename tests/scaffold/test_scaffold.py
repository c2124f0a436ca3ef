"""A new model is trained, packed, tested and served with nothing edited, and no file of another one changes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from common.http import direct_session
from tests.conftest import environment_of_free_ports
from tests.support.repository import copy_repository, make, run_module, running, unpack_weights

MODELS = {"shapes": "image", "fruit_kinds": "tabular"}
pytestmark = [pytest.mark.xdist_group("scaffold")]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return a copy of the repository with a new model of each template."""
    copy = copy_repository(tmp_path_factory.mktemp("a copy"))
    for name, template in MODELS.items():
        done = make(copy, "new-model", f"NAME={name}", f"TEMPLATE={template}")
        assert done.returncode == 0, done.stderr
    return copy


@pytest.fixture(scope="module")
def packed(repository, archives):
    """Return the copy with the archives of all models; only the new ones are trained."""
    for name in ("mnist", "xor"):
        unpack_weights(archives / f"{name}.mar", repository)
    done = make(repository, "archive")
    assert done.returncode == 0, done.stdout + done.stderr
    return repository


def test_only_new_paths_that_bear_the_name_are_added(repository):
    status = ["git", "status", "--short", "--untracked-files=all"]
    lines = subprocess.run(status, cwd=repository, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) > 20
    for line in lines:
        assert line.startswith("?? ")
        assert any(f"/{name}/" in line for name in MODELS)


def test_the_name_stands_wherever_the_template_says_new_model(repository):
    found = subprocess.run(
        ["git", "grep", "-il", "--untracked", "new_\\?model", "--", "model", "handlers", "training"],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert found.stdout == ""
    assert "class FruitKindsHandler(" in (repository / "handlers/fruit_kinds/handler.py").read_text()


def test_a_second_time_the_name_is_taken(repository):
    done = run_module(repository, "scaffold", "shapes")
    assert done.returncode == 1
    assert "model/shapes" in done.stderr
    assert (repository / "model/shapes/sample.png").is_file()


def test_the_samples_are_the_same_each_time(repository):
    before = {path: path.read_bytes() for path in repository.glob("model/shapes/*.[pn][np][gz]")}
    assert len(before) == 2
    assert run_module(repository, "training.shapes.samples").returncode == 0
    assert {path: path.read_bytes() for path in before} == before


def test_the_new_code_is_lint_free_and_formatted(repository):
    folders = [f"{folder}/{name}" for folder in ("model", "handlers", "training", "tests") for name in MODELS]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *folders], cwd=repository, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_new_models_own_tests_pass(packed):
    done = run_module(packed, "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in MODELS))
    assert done.returncode == 0, done.stdout


@pytest.mark.server
@pytest.mark.slow
def test_torchserve_serves_the_new_models_beside_the_others(packed):
    environment = {**environment_of_free_ports(), "TS_LOAD_MODELS": "all"}
    url = environment["TS_INFERENCE_ADDRESS"]
    with running(packed, "serve", until="ready after", environment=environment), direct_session() as http:
        image, numbers = packed / "model/shapes/sample.png", packed / "model/fruit_kinds/sample.json"
        shape = http.post(f"{url}/predictions/shapes", image.read_bytes(), timeout=30).json()
        assert shape["label"] == "triangle"
        json_type = {"Content-Type": "application/json"}
        v1 = f"{url}/v1/models/fruit_kinds:predict"
        (fruit,) = http.post(v1, numbers.read_bytes(), headers=json_type, timeout=30).json()["predictions"]
        assert fruit["label"] == "banana"
        golden = np.load(packed / "model/shapes/golden.npz")
        tensor = {"name": "input", "shape": [1, 32, 32, 3], "datatype": "UINT8"}
        message = {"inputs": [{**tensor, "data": golden["inputs"][0].ravel().tolist()}]}
        v2 = http.post(f"{url}/v2/models/shapes/infer", json=message, timeout=30).json()
        outputs = {output["name"]: output["data"] for output in v2["outputs"]}
        assert v2["model_name"] == "shapes"
        assert outputs["class"] == [golden["labels"][0]]
        assert http.post(f"{url}/predictions/shapes", b"no image", timeout=30).status_code == 400
        assert http.post(f"{url}/explanations/shapes", image.read_bytes(), timeout=30).json()["attribution"]
        assert http.post(f"{url}/predictions/xor", json={"instances": [[0, 1]]}, timeout=30).ok
