"""Start and stop TorchServe with `tsctl serve`; each failure is one sentence."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import psutil
import pytest

from model import config
from serving.client import Client
from serving.torchserve import preflight
from serving.torchserve.preflight import ServerError
from serving.torchserve.process import TorchServe
from tests.conftest import environment_of_free_ports
from tests.support.archives import with_changed

pytestmark = pytest.mark.server


@pytest.fixture
def server_environment(model_store):
    return {**environment_of_free_ports(), "TS_MODEL_STORE": str(model_store)}


@pytest.fixture
def one_worker(server_environment, archives, tmp_path):
    """Return an environment in which a server starts fast: XOR alone."""
    shutil.copy(archives / "xor.mar", tmp_path)
    return {**server_environment, "TS_MODEL_STORE": str(tmp_path), "TS_LOAD_MODELS": "xor.mar"}


@pytest.fixture
def folder():
    """Return a folder whose path leaves room for the workers' sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(prefix="t-") as name:
        yield Path(name)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_a_signal_and_leaves_nothing(root, server_environment, http, tmp_path, folder, how):
    temporary = folder
    command = [sys.executable, "-m", "serving", "serve", "--log", str(tmp_path / "torchserve.log")]
    environment = {**server_environment, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("ready after "), line
            assert "mnist, xor." in line
            family = psutil.Process(process.pid).children(recursive=True)
            assert len(family) >= 4, "Java, two workers for MNIST and one for XOR"
            commands = []
            while not (line := process.stdout.readline()).startswith("Or open the page: "):
                commands += [line] if line.strip().startswith("curl ") else []
            page = line.split()[-1]
            answers = [subprocess.run(["bash", "-c", c], cwd=root, capture_output=True, check=True) for c in commands]
            mnist, xor = (json.loads(answer.stdout) for answer in answers)
            assert (mnist["digit"], xor["predictions"][0]["output"]) == (7, 1)
            assert "<title>Draw a digit</title>" in http.get(page).text
            sample = (root / "model/mnist/samples/7.png").read_bytes()
            assert http.post(f"{page}/predictions/mnist", sample).json()["digit"] == 7
            process.send_signal(how)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out.splitlines()[-1]) == (0, "stopped")
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not [path for path in temporary.iterdir() if path.name.startswith("torchserve-")]


def test_the_command_ends_with_an_error_when_torchserve_dies(root, one_worker, tmp_path):
    with TorchServe(root / "config.properties", tmp_path / "log", one_worker) as started:
        started.wait_ready()
        os.kill(started.process.pid, signal.SIGKILL)
        assert started.wait() == -signal.SIGKILL


def test_torchserve_that_died_is_started_anew_whatever_its_log_said_before(root, one_worker, tmp_path):
    with TorchServe(root / "config.properties", tmp_path / "log", one_worker) as started:
        started.wait_ready()
        with started.log.open("a") as log:
            log.write("W-9000-xor_1.0 MODEL_LOG - Traceback \nW-9000-xor_1.0 MODEL_LOG - ValueError: long ago\n")
        os.kill(started.process.pid, signal.SIGKILL)
        started.wait()
        started.restart()
        started.wait_ready()
        with Client(started.inference, started.management) as client:
            assert client.describe("xor")["workers"][0]["status"] == "READY"


def test_a_port_that_is_taken_is_named_with_its_owner(root, server_environment, tmp_path):
    port = int(server_environment["TS_MANAGEMENT_ADDRESS"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        with (
            pytest.raises(ServerError) as error,
            TorchServe(root / "config.properties", tmp_path / "log", server_environment),
        ):
            pass
    assert f"port {port} of 127.0.0.1 is not available (process {os.getpid()}" in str(error.value)
    assert "TS_MANAGEMENT_ADDRESS" in str(error.value)


def test_too_little_memory_is_said_before_anything_starts(root, server_environment, tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "BASE_MEMORY_MB", 10**9)
    with pytest.raises(ServerError, match=r"TorchServe with 3 workers needs .* in model/mnist/model-config\.yaml$"):
        TorchServe(root / "config.properties", tmp_path / "log", server_environment).__enter__()


def test_a_missing_archive_is_said_with_the_remedy(root, server_environment, tmp_path):
    with pytest.raises(ServerError, match=r"there is no .*mnist\.mar; build it with `make archive`"):
        TorchServe(
            root / "config.properties", tmp_path / "log", {**server_environment, "TS_MODEL_STORE": "/nowhere"}
        ).__enter__()


def test_the_archive_of_every_model_is_asked_for(root, server_environment, archives, tmp_path):
    for name in config.names():
        if name != "xor":
            shutil.copy(archives / f"{name}.mar", tmp_path)
    environment = {**server_environment, "TS_MODEL_STORE": str(tmp_path), "TS_LOAD_MODELS": "all"}
    with pytest.raises(ServerError, match=r"^there is no .*xor\.mar; build it with `make archive`$"):
        TorchServe(root / "config.properties", tmp_path / "log", environment).__enter__()


def test_a_sample_that_is_answered_otherwise_ends_the_command(root, one_worker, tmp_path):
    with zipfile.ZipFile(root / "model_store/xor.mar") as packed:
        handler = packed.read("handler.py").replace(b"probability > 0.5", b"probability > 1.5")
    with_changed(root / "model_store/xor.mar", tmp_path / "xor.mar", {"handler.py": handler})
    command = [sys.executable, "-m", "serving", "serve", "--log", str(tmp_path / "log")]
    done = subprocess.run(command, cwd=root, env=one_worker, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr == "error: xor answers sample.json with {'output': 0}, not {'output': 1}\n"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"handler.py": b"import nobody_has_this\nclass H:\n    def handle(self): pass\n"}, "nobody_has_this"),
        ({"handler.py": b"class A:\n    pass\n\n\nclass B:\n    pass\n"}, "Expected only one class"),
        ({"xor.pt": b"no weights"}, "Error"),
    ],
)
def test_a_worker_that_cannot_load_is_reported_with_its_own_error(
    root, one_worker, archives, tmp_path, changes, reason
):
    with_changed(archives / "xor.mar", tmp_path / "xor.mar", changes)
    with pytest.raises(ServerError, match="cannot load its models") as error:
        with TorchServe(root / "config.properties", tmp_path / "log", one_worker) as started:
            started.wait_ready()
    assert reason in str(error.value)
    assert "worker process died" not in str(error.value)


def test_an_archive_that_is_no_archive_is_reported(root, one_worker, tmp_path):
    (tmp_path / "xor.mar").write_bytes(io.BytesIO(b"no zip").read())
    with pytest.raises(ServerError, match=r"xor\.mar|manifest|[Aa]rchive"):
        with TorchServe(root / "config.properties", tmp_path / "log", one_worker) as started:
            started.wait_ready(timeout_s=30)


def test_a_server_in_a_folder_with_a_space_in_its_name_serves(root, one_worker, tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    shutil.copy(root / "config.properties", folder)
    with TorchServe(folder / "config.properties", folder / "log", one_worker) as started:
        started.wait_ready()
