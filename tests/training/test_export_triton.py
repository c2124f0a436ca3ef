"""The exported folder loads, unchanged, in NVIDIA's Triton, which then answers over the Open Inference Protocol.

PyTriton's package has Triton with one backend, Python. Triton also takes a backend from a Python file; one here runs
ONNX Runtime in place of the backend in NVIDIA's container, whose tritonserver is used where it is on the PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tritonclient.http import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from benchmarks.servers import environments, registry
from common.ports import free_ports
from tests.support.archive_server import answers
from tests.support.polling import wait_for
from training import export, parity

BACKEND = """
import sys
sys.path[:0] = {packages!r}
import json
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        return config

    def initialize(self, arguments):
        self.config = json.loads(arguments["model_config"])
        path = arguments["model_repository"] + "/" + arguments["model_version"] + "/model.onnx"
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        return [triton.InferenceResponse(self.infer(request)) for request in requests]

    def infer(self, request):
        names = [output["name"] for output in self.config["output"]]
        inputs = [tensor["name"] for tensor in self.config["input"]]
        feed = {{name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in inputs}}
        return [triton.Tensor(*pair) for pair in zip(names, self.session.run(names, feed))]
"""


pytestmark = pytest.mark.slow


def pytriton_command(folder: Path) -> tuple[list[str], dict[str, str]] | None:
    """Write the backends of PyTriton's Triton; return its command and environment, or None where it is missing."""
    python = environments.python_of(registry.BY_NAME["triton"])
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = python.parents[1] / f"lib/python{version}/site-packages"
    triton = packages / "pytriton/tritonserver"
    if not (triton / "bin/tritonserver").is_file():
        return None
    backends = folder / "backends"
    shutil.copytree(triton / "backends/python", backends / "python")
    shutil.copy(triton / f"python_backend_stubs/{version}/triton_python_backend_stub", backends / "python")
    (backends / "onnxruntime").mkdir()
    # NumPy of Triton's environment, which wants NumPy 1; ONNX Runtime of this one.
    paths = [str(packages), str(Path(onnxruntime.__file__).parents[1])]
    (backends / "onnxruntime/model.py").write_text(BACKEND.format(packages=paths))
    libraries = f"{sysconfig.get_config_var('LIBDIR')}:{packages / 'nvidia_pytriton.libs'}"
    return [str(triton / "bin/tritonserver"), f"--backend-directory={backends}"], {"LD_LIBRARY_PATH": libraries}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    """Return the command of an installed Triton, and variables of its environment."""
    installed = shutil.which("tritonserver")
    found = ([installed], {}) if installed else pytriton_command(tmp_path_factory.mktemp("triton"))
    return found or pytest.skip("Triton is not installed: make bench ARGS='--servers triton' installs it")


@pytest.fixture(scope="module")
def triton(
    command: tuple[list[str], dict[str, str]], archives: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InferenceServerClient]:
    """Export both models, run Triton on the two folders, and connect to it."""
    folder = tmp_path_factory.mktemp("export")
    ports = range(first := free_ports(3), first + 3)
    options = [f"--{kind}-port={port}" for kind, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    options += ["--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--metrics-address=127.0.0.1"]
    for name in ("mnist", "xor"):
        export.main([name, "--weights", str(archives.parent / f"weights/{name}.pt"), "--output", str(folder / name)])
        options.append(f"--model-repository={folder / name / 'triton'}")
    arguments, variables = command
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*arguments, *options],
            stdout=output,
            stderr=output,
            env={**os.environ, **variables},
            cwd=folder,  # the backend is imported as `model`, the name of a folder of the repository
        )
    try:
        wait_for(lambda: server.poll() is not None or answers(f"http://127.0.0.1:{first}/v2"), timeout_s=60)
        assert server.poll() is None, log.read_text()
        with InferenceServerClient(f"127.0.0.1:{first}") as client:
            yield client
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.mark.parametrize("name", ["mnist", "xor"])
def test_triton_answers_the_golden_set_as_the_handler(triton: InferenceServerClient, archives: Path, name: str) -> None:
    handler = export.load_handler(name, archives.parent / f"weights/{name}.pt")
    golden = parity.golden_inputs(handler)
    inputs = handler.parser.reader.collate([golden])
    tensor = InferInput("input", list(inputs.shape), "FP32" if name == "mnist" else "INT64")
    tensor.set_data_from_numpy(inputs)
    answer = triton.infer(name, [tensor])
    output = "probabilities" if name == "mnist" else "probability"
    served = parity.answer(handler, handler.inference, golden)[output]
    found = answer.as_numpy(output)
    np.testing.assert_allclose(found.reshape(np.shape(served)), served, atol=parity.MAX_DIFFERENCE, rtol=0)


def test_triton_refuses_a_request_that_is_too_large(triton: InferenceServerClient) -> None:
    inputs = np.zeros((10_001, 2), np.int64)
    tensor = InferInput("input", list(inputs.shape), "INT64")
    tensor.set_data_from_numpy(inputs)
    with pytest.raises(InferenceServerException, match="10000"):
        triton.infer("xor", [tensor])
