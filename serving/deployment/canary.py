"""A canary: a new version beside the one that serves, with a share of the requests, until it is promoted or aborted.

python -m serving canary model_store/mnist-2.0.mar --percent 10
python -m serving canary promote

The share is split by gateways (docker/gateway), which hear of the canary from serving.torchserve.supervisor; each asks for that
every second. TorchServe's own port knows no shares: there a canary answers those alone who name its version.
"""

from __future__ import annotations

import dataclasses
import socket
import time
from pathlib import Path
from typing import Any

from serving.client import Client, ServiceError, is_ready
from serving.deployment import archive_file
from serving.deployment.archive_file import Archive, ArchiveError, kept_version
from serving.deployment.deploy import END_CANARY, MODEL, Deployment, DeploymentError, check_model
from serving.deployment.model_store import Deployed, ModelStore

HEALTH_PORT = 8090  # of serving.torchserve.supervisor
HEARD_S = 12.0  # a gateway asks every second, but where one of its servers hangs, it waits for that 5 s, twice at worst


class Canary:
    """Starts and ends the canary of one TorchServe, and remembers it in the store."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.client, self.store, self.say = deployment.client, deployment.store, deployment.say

    def start(self, path: Path, percent: int) -> None:
        """Give the version in `path` a share once it is checked. Raises DeploymentError, ArchiveError, ServiceError."""
        with self.store.locked():
            archive = archive_file.read(path)
            check_model(archive)
            deployed = self.store.deployed(MODEL)
            if deployed and deployed.canary not in (None, archive.kept_name):
                raise DeploymentError(f"{deployed.canary} is a canary; {END_CANARY}")
            if deployed and deployed.canary and archive.version in self.deployment.versions():
                return self._share(deployed, self.store.keep(archive).path.name, percent)
            return self._begin(archive, deployed.previous if deployed else None, percent)

    def share(self, percent: int) -> None:
        """Change the canary's share."""
        with self.store.locked():
            self._share(*self._deployed(), percent)

    def promote(self) -> None:
        """Let the canary answer everything; the version before it has answered all that it got, and is removed."""
        with self.store.locked():
            deployed = self.store.deployed(MODEL)
            if deployed and not deployed.canary and (old := self._left_by_promotion(deployed)):
                return self.deployment.remove(old)
            deployed, canary = self._deployed()
            new, old = kept_version(canary), kept_version(deployed.current)
            self._check_ready(new)
            self.deployment.switch(new, old, Deployed(canary, previous=deployed.current))
            self.say(f"{MODEL} {new} answers now; `rollback` brings {old} back")
            return self.deployment.remove(old)

    def abort(self) -> None:
        """Let the version that served before answer everything, and remove the canary once it has answered all it got.

        Until then it is remembered with a share of nothing, so that an interrupted end can be ended.
        """
        with self.store.locked():
            deployed, canary = self._deployed()
            old = kept_version(deployed.current)
            if self.deployment.serving_version() != old:  # a promotion was killed
                self.client.set_default(MODEL, old)
            self.store.write(MODEL, dataclasses.replace(deployed, percent=0))
            self.say(f"{MODEL} {old} answers everything again")
            _wait_until_gateways_have_heard()
            self.deployment.remove(kept_version(canary))
            # Without a version before it, nothing was ever deployed: a restart serves what config.properties names.
            self.store.write(MODEL, Deployed(deployed.current, deployed.previous) if deployed.previous else None)

    def _begin(self, archive: Archive, previous: str | None, percent: int) -> None:
        old = self.deployment.serving_version()
        if archive.version == old:
            raise DeploymentError(f"{MODEL} {old} serves already; a canary is another version")
        current = self.deployment.kept(old).path.name
        archive = self.store.keep(archive)
        with self.deployment.registered(archive, old):
            self.deployment.check(archive.version, old)
            self.store.write(MODEL, Deployed(current, previous, archive.path.name, percent))
        self._say_share(archive.version, percent)

    def _share(self, deployed: Deployed, canary: str, percent: int) -> None:
        version = kept_version(canary)
        self._check_ready(version)
        self.store.write(MODEL, dataclasses.replace(deployed, percent=percent))
        self._say_share(version, percent)

    def _say_share(self, version: str, percent: int) -> None:
        self.say(f"{MODEL} {version} gets {percent} % of what comes through gateways and names no version")

    def _deployed(self) -> tuple[Deployed, str]:
        """Return what is deployed, and the canary's archive."""
        deployed = self.store.deployed(MODEL)
        if deployed is None or not deployed.canary:
            raise DeploymentError("there is no canary; `canary ARCHIVE.mar --percent 10` starts one")
        return deployed, deployed.canary

    def _check_ready(self, version: str) -> None:
        if version not in self.deployment.versions() or not _can_answer(self.client, version):
            raise DeploymentError(f"{MODEL} {version} is not ready to answer; `canary abort` ends it")

    def _left_by_promotion(self, deployed: Deployed) -> str | None:
        old = kept_version(deployed.previous or "")
        return old if old in self.deployment.versions() else None


def announced(store: ModelStore, client: Client) -> dict[str, Any]:
    """What gateways are told of the canary; nothing where it has no share, or cannot answer."""
    try:
        deployed = store.deployed(MODEL)
        if deployed and deployed.canary and deployed.percent:
            version = kept_version(deployed.canary)
            if _can_answer(client, version):
                return {"canary": {"version": version, "percent": deployed.percent}}
    except (ArchiveError, ServiceError, OSError):
        pass  # the version that serves answers for it
    return {}


def _can_answer(client: Client, version: str) -> bool:
    description = client.describe(MODEL, version)
    return bool(description["workers"]) and is_ready(description)


def _wait_until_gateways_have_heard() -> None:
    """Gateways hear from serving.torchserve.supervisor; where that does not run, no gateway knows of a canary."""
    with socket.socket() as connection:
        if connection.connect_ex(("127.0.0.1", HEALTH_PORT)) != 0:
            return
    time.sleep(HEARD_S)
