"""Serve one model while its code is edited: a saved file answers requests about a second later.

Each save makes a version: it is packed, registered beside the old one, asked the model's sample, and made the default.
A version that fails is removed again, and the old one serves on. The archives lie in a temporary model store, so no
archive and no deployment of model_store/ is touched.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from common.errors import UserError
from common.paths import ROOT
from model import config
from model.config import ModelConfig
from serving.client import Client, ServiceError
from serving.deployment.draining import drain
from serving.torchserve.process import TorchServe
from serving.torchserve.samples import wrong_answer
from serving.torchserve.startup_errors import worker_error
from training import archive, weights

POLL_S = 0.1
SETTLE_S = 0.03  # editors write a file, or several, in steps
LOG_DELAY_S = 0.3  # for Java to write a worker's traceback into the log
REMOVE_TIMEOUT_S = 10.0
Files = dict[Path, tuple[int, int]]  # the time of the last change in ns, and the size


class ReloadError(UserError):
    """A version cannot serve; the message is the reason."""


class DevServer:
    """Serves the newest version of a model that works. `log` gets one line for each save."""

    def __init__(self, name: str, server: TorchServe, client: Client, log: Callable[[str], None]) -> None:
        self._name, self._server, self._client, self._log = name, server, client, log
        self._numbers = itertools.count(1)
        self._weights = ROOT / "weights" / f"{name}.pt"
        self._files = self._find_files()
        self.inference = server.inference
        self.version = ""  # the one that serves; none yet

    def watch(self) -> None:
        """Reload after each save, until TorchServe exits."""
        while self._server.process.poll() is None:
            time.sleep(POLL_S)
            if changed := self._find_changed():
                self.reload(changed)

    def reload(self, changed: list[Path]) -> None:
        """Serve the code as it is now, or say why not."""
        saved_s = max((self._files[path][0] / 1e9 for path in changed if path in self._files), default=time.time())
        what = ", ".join(str(path.relative_to(ROOT)) for path in changed)
        old = self.version
        try:
            self.version = self._replace()
        except (UserError, OSError) as error:
            self._log(f"{what}: {error}; {f'{old} serves on' if old else 'no version serves yet'}")
            return
        self._log(f"{what}: {self.version} answers {time.time() - saved_s:.2f} s after the save")
        if old:
            drain(self._client, self._name, old, timeout_s=REMOVE_TIMEOUT_S)
            self._remove(old)

    def start(self) -> None:
        """Serve the first version. Where it fails, the reason is logged, and the next save is another try."""
        try:
            self.version = self._replace()
        except (UserError, OSError) as error:
            self._log(f"{error}; no version serves yet")

    def _replace(self) -> str:
        """Pack a version, check it, make it the default, and return it. Raises UserError, OSError."""
        model = config.load(self._name)
        version = f"{model.version}.{next(self._numbers)}"
        path = self._archive_path(version)
        path.write_bytes(archive.pack(self._name, self._weights, version))
        try:
            self._check(model, path, version)
            self._client.set_default(self._name, version)
        except BaseException:
            self._remove(version)
            raise
        return version

    def _check(self, model: ModelConfig, path: Path, version: str) -> None:
        """Register a version and ask it the model's sample. Raises ReloadError, ServiceError."""
        log_offset = self._server.log.stat().st_size

        def check_log() -> None:
            lines = self._server.log.read_bytes()[log_offset:].decode(errors="replace").splitlines()
            its_own = [line for line in lines if f"-{self._name}_{version}-std" in line]
            if reason := worker_error("\n".join(its_own)):
                raise ReloadError(reason)

        self._client.register(path.name, check=check_log)
        try:
            reason = wrong_answer(self._client, model, version)
        except ServiceError:
            time.sleep(LOG_DELAY_S)
            check_log()
            raise
        if reason:
            raise ReloadError(reason)

    def _remove(self, version: str) -> None:
        """Unregister a version, even one whose workers are still starting, and delete its archive."""
        deadline = time.monotonic() + REMOVE_TIMEOUT_S
        while version in self._versions() and time.monotonic() < deadline:
            with contextlib.suppress(ServiceError):
                self._client.unregister(self._name, version)
        self._archive_path(version).unlink(missing_ok=True)

    def _versions(self) -> list[str]:
        if self._name not in self._client.models():
            return []
        return [str(description["modelVersion"]) for description in self._client.describe_all(self._name)]

    def _archive_path(self, version: str) -> Path:
        return self._server.store.folder / f"{self._name}-{version}.mar"

    def _find_changed(self) -> list[Path]:
        """Return the files that have changed, come or gone since the last call, once they change no more."""
        before = self._files
        now = self._find_files()
        if now == before:
            return []
        while now != self._files:
            self._files = now
            time.sleep(SETTLE_S)
            now = self._find_files()
        return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))

    def _find_files(self) -> Files:
        """Find all that a version is made of: its own files, the generic code, and the weights."""
        own = [path for folder in ("model", "handlers") for path in (ROOT / folder / self._name).rglob("*")]
        found = {}
        for path in {*archive.packaged_files(self._name), *own, self._weights}:
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                    status = path.stat()
                    found[path] = status.st_mtime_ns, status.st_size
        return found


@contextlib.contextmanager
def running(
    name: str, settings: Path, log: Path, say: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> Iterator[DevServer]:
    """Run TorchServe with the model `name` alone, from its code as it is now.

    Raises ModelConfigError for an unknown model, WeightsError for one that is not trained, ServerError when TorchServe
    cannot run.
    """
    config.load(name)
    weights.load_report(ROOT / "weights" / f"{name}.pt")
    with tempfile.TemporaryDirectory(prefix="dev-store-") as store:
        environment = {**environment, "TS_MODEL_STORE": store, "TS_LOAD_MODELS": ""}
        with TorchServe(settings, log, environment) as server:
            server.wait_ready()
            with Client(server.inference, server.management) as client:
                dev = DevServer(name, server, client, say)
                dev.start()
                yield dev
