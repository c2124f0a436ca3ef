"""The commands and the code of docs/own-model.md work, in this order, in a copy of the repository."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys

import pytest

from common.http import direct_session
from tests.conftest import environment_of_free_ports
from tests.docs.test_commands import pattern_of
from tests.support.documents import blocks, commands, read
from tests.support.repository import copy_repository, make, run_module, running, unpack_weights

DOCUMENT = "docs/own-model.md"
LABEL = "triangle"
TO_TORCHSCRIPT = "torch.jit.script(net).save('shapes.model')"
TO_ONNX = (
    "torch.onnx.export(net, (torch.zeros(2, 32, 32, 3),), 'shapes.model', external_data=False, "
    "dynamic_shapes=({0: torch.export.Dim('n')},), dynamo=True)"
)
pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def repository(archives, tmp_path_factory):
    """Return a copy of the repository in which MNIST and XOR need no training."""
    copy = copy_repository(tmp_path_factory.mktemp("repository"))
    for name in ("mnist", "xor"):
        unpack_weights(archives / f"{name}.mar", copy)
    return copy


@pytest.fixture(scope="module")
def trained(repository):
    """Return the copy with the model of the document, trained."""
    if not (repository / "model/shapes").exists():
        assert make(repository, "new-model", "NAME=shapes").returncode == 0
    assert make(repository, "weights/shapes.json").returncode == 0
    return repository


def adapt(command, environment):
    """Direct a command of the document to the tests' server."""
    inference, management, metrics = (
        environment[f"TS_{api}_ADDRESS"] for api in ("INFERENCE", "MANAGEMENT", "METRICS")
    )
    tsctl = f"'{sys.executable}' -m serving --inference-url {inference} --management-url {management}"
    command = command.replace("http://127.0.0.1:8080", inference).replace("http://127.0.0.1:8082", metrics)
    command = command.replace("canary status", f"canary status --metrics-url {metrics}")
    programs = {"python": f"'{sys.executable}'", "tsctl": tsctl}
    command = re.sub(r"\.venv/bin/(tsctl|python)\b", lambda found: programs[found[1]], command)
    return re.sub(r"(^|\| )curl ", r"\1curl -sS ", command)


def test_every_command_prints_the_output_shown(repository):
    environment = {**environment_of_free_ports(), "TS_LOAD_MODELS": "all"}
    ran = 0
    with contextlib.ExitStack() as server:
        for command, output in commands(read(DOCUMENT)):
            if command == "make serve":
                done = make(repository, "archive")
                assert done.returncode == 0, done.stdout + done.stderr
                served = running(repository, "serve", until="Ctrl-C", environment=environment)
                printed = server.enter_context(served).read_text()
            else:
                words = command.split()
                done = (
                    make(repository, *words[1:])
                    if words[0] == "make"
                    else subprocess.run(
                        ["bash", "-c", adapt(command, environment)],
                        cwd=repository,
                        capture_output=True,
                        text=True,
                        timeout=180,
                    )
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
                printed = done.stdout
            assert re.search(pattern_of(output), printed, re.DOTALL), f"{command}\nprinted\n{printed}"
            ran += 1
    assert ran > 12


def code(heading):
    """Return the Python block of the document that begins with a heading."""
    (block,) = (block for block in blocks(read(DOCUMENT), "python") if block.startswith(f"# {heading}\n"))
    return block


@pytest.mark.parametrize("kind", ["state_dict", "TorchScript", "ONNX"])
def test_a_model_from_elsewhere_is_served(trained, tmp_path, kind):
    if kind == "ONNX":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    copy = tmp_path / "copy"
    ignored = shutil.ignore_patterns("*.mar", "deployed.json", "output.txt", "logs")
    shutil.copytree(trained, copy, symlinks=True, ignore=ignored)
    if kind == "state_dict":
        shutil.copy(copy / "weights/shapes.pt", copy / "checkpoint.pt")
        train = code("training/shapes/train.py")
    else:
        load = "import torch; from model.shapes.net import build; net = build(torch.load('weights/shapes.pt')).eval(); "
        convert = subprocess.run(
            [sys.executable, "-c", load + (TO_ONNX if kind == "ONNX" else TO_TORCHSCRIPT)],
            cwd=copy,
            capture_output=True,
            text=True,
        )
        assert convert.returncode == 0, convert.stderr
        (copy / "model/shapes/net.py").write_text(code(f"model/shapes/net.py, from {kind}"))
        train = code("training/shapes/train.py, from a file")
    (copy / "training/shapes/train.py").write_text(train)
    if kind == "ONNX":
        path = copy / "model/shapes/model.yaml"
        path.write_text(re.sub(r"explanation:\n(?:  .*\n)+", "", path.read_text()))
    for suffix in ("pt", "json"):
        (copy / f"weights/shapes.{suffix}").unlink()
    for command in ("training.shapes.train", "training.archive"):
        done = run_module(copy, command, *(["shapes"] if command == "training.archive" else []))
        assert done.returncode == 0, done.stderr
    environment = {**environment_of_free_ports(), "TS_LOAD_MODELS": "shapes.mar"}
    with running(copy, "serve", until="Ctrl-C", environment=environment), direct_session() as http:
        url = environment["TS_INFERENCE_ADDRESS"]
        image = (copy / "model/shapes/sample.png").read_bytes()
        assert http.post(f"{url}/predictions/shapes", image, timeout=30).json()["label"] == LABEL
        explained = http.post(f"{url}/explanations/shapes", image, timeout=30)
        assert explained.status_code == (400 if kind == "ONNX" else 200)
