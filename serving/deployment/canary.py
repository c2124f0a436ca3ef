"""A canary: a new version that gets a share of the requests beside the default version, until promoted or aborted.

tsctl canary start model_store/mnist-2.0.mar --percent 10
tsctl canary promote

Gateways split the requests (docker/gateway). They read the canary's version and share from /ready of the supervisor
(serving/torchserve/readiness.py) every second. TorchServe itself cannot split: on its own port a canary answers only
requests that name its version.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
from pathlib import Path
from typing import Any

from serving.client import ManagementClient, ServiceError, is_ready
from serving.deployment.archive_file import Archive, ArchiveError, version_of
from serving.deployment.deploy import Deployment, DeploymentError
from serving.deployment.model_store import DeploymentState, ModelStore
from serving.torchserve.ports import HEALTH_PORT

# A gateway asks /ready every second, but waits 5 s for a server that hangs, twice at worst.
PROPAGATION_S = 12.0
NO_CANARY = "there is no canary; `canary start ARCHIVE.mar --percent 10` starts one"


class Canary:
    """Starts and ends the canary of one model of one TorchServe, and records it in the store.

    Every method raises DeploymentError, ArchiveError or ServiceError.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.client, self.store, self.log = deployment.client, deployment.store, deployment.log
        self.model = deployment.model

    def start(self, path: Path, percent: int) -> None:
        """Register and check the archive `path`, then give its version `percent` of the requests."""
        with self.store.lock():
            archive = self.deployment.read(path)
            self.deployment.refuse_beside_canary(except_for=archive.versioned_filename)
            state = self.store.state(self.model)
            if state and state.canary and archive.version in self.deployment.versions():
                return self._set_percent(state, self.store.add(archive).path.name, percent)
            return self._begin(archive, state.previous if state else None, percent)

    def set_percent(self, percent: int) -> None:
        """Change the canary's share."""
        with self.store.lock():
            self._set_percent(*self._current(), percent)

    def promote(self) -> None:
        """Make the canary the default version; remove the old one once it has answered all its requests."""
        with self.store.lock():
            state = self.store.state(self.model)
            if state and not state.canary and (old := self._unfinished_promotion(state)):
                return self.deployment.remove(old)
            state, canary = self._current()
            new, old = version_of(canary), version_of(state.current)
            self._check_ready(new)
            self.deployment.switch(new, old, DeploymentState(canary, previous=state.current))
            self.log(f"{self.model} {new} answers now; `rollback {self.model}` brings {old} back")
            return self.deployment.remove(old)

    def abort(self) -> None:
        """Send all requests to the old version, and remove the canary once it has answered all its own.

        Until then the canary stays recorded with a share of 0, so that an interrupted abort can be completed.
        """
        with self.store.lock():
            state, canary = self._current()
            old = version_of(state.current)
            if self.deployment.default_version() != old:  # a promotion was killed
                self.client.set_default(self.model, old)
            self.store.write(self.model, dataclasses.replace(state, percent=0))
            self.log(f"{self.model} {old} answers everything again")
            _wait_for_gateways()
            self.deployment.remove(version_of(canary))
            if state.previous:
                self.store.write(self.model, DeploymentState(state.current, state.previous))
            else:  # nothing was ever deployed: a restart serves the archive that config.properties names
                self.store.clear(self.model)

    def _begin(self, archive: Archive, previous: str | None, percent: int) -> None:
        old = self.deployment.default_version()
        if archive.version == old:
            raise DeploymentError(f"{self.model} {old} serves already; a canary needs another version")
        current = self.deployment.ensure_stored(old).path.name
        archive = self.store.add(archive)
        with self.deployment.registration(archive, old):
            self.deployment.check(archive.version, old)
            self.store.write(self.model, DeploymentState(current, previous, archive.path.name, percent))
        self._log_percent(archive.version, percent)

    def _set_percent(self, state: DeploymentState, canary: str, percent: int) -> None:
        version = version_of(canary)
        self._check_ready(version)
        self.store.write(self.model, dataclasses.replace(state, percent=percent))
        self._log_percent(version, percent)

    def _log_percent(self, version: str, percent: int) -> None:
        self.log(f"{self.model} {version} gets {percent} % of the gateways' requests that name no version")

    def _current(self) -> tuple[DeploymentState, str]:
        """Return the state and the canary's archive. Raises DeploymentError when there is no canary."""
        state = self.store.state(self.model)
        if state is None or not state.canary:
            raise DeploymentError(f"{self.model}: {NO_CANARY}")
        return state, state.canary

    def _check_ready(self, version: str) -> None:
        if version not in self.deployment.versions() or not _has_ready_workers(self.client, self.model, version):
            raise DeploymentError(f"{self.model} {version} is not ready to answer; `canary abort {self.model}` ends it")

    def _unfinished_promotion(self, state: DeploymentState) -> str | None:
        """Return the old version when it is still registered after a promotion."""
        old = version_of(state.previous or "")
        return old if old in self.deployment.versions() else None


def running_canaries(store: ModelStore, client: ManagementClient) -> dict[str, dict[str, Any]]:
    """Return the canaries that get requests, by model, for gateways: {"mnist": {"version": "2.0", "percent": 10}}."""
    canaries = {}
    with contextlib.suppress(ArchiveError, OSError):  # the default versions answer instead
        for model, state in store.states().items():
            if state.canary and state.percent:
                version = version_of(state.canary)
                with contextlib.suppress(ServiceError):
                    if _has_ready_workers(client, model, version):
                        canaries[model] = {"version": version, "percent": state.percent}
    return canaries


def _has_ready_workers(client: ManagementClient, model: str, version: str) -> bool:
    description = client.describe(model, version)
    return bool(description["workers"]) and is_ready(description)


def _wait_for_gateways() -> None:
    """Wait until gateways have read /ready. Without a supervisor no gateway knows of a canary."""
    with socket.socket() as connection:
        if connection.connect_ex(("127.0.0.1", HEALTH_PORT)) != 0:
            return
    time.sleep(PROPAGATION_S)
