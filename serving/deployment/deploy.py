"""The life of a version: deployed beside the old one, checked, made the default, the old one drained; and back again.

python -m serving deploy model_store/mnist-2.0.mar
python -m serving rollback

The old version serves until the new one has read the golden digits, and its archive stays in the store. Whatever
fails before that leaves it as it was. The way back needs no second copy in memory, and outlives a restart.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from serving.client import Client, ServiceError
from serving.deployment import archive_file, golden_set
from serving.deployment.archive_file import Archive
from serving.deployment.draining import drain
from serving.deployment.model_store import Deployed, ModelStore
from serving.torchserve import preflight

MODEL = "mnist"  # the one that there are golden digits for
UNREGISTER_TIMEOUT_S = 60.0
END_CANARY = "end that with `canary promote` or `canary abort`"


class DeploymentError(RuntimeError):
    """Why a version was not deployed, and what serves now; the message is one sentence."""


class Deployment:
    """Changes which versions of the model one TorchServe serves, and remembers it in the store. `say` gets progress."""

    def __init__(self, client: Client, store: ModelStore, say: Callable[[str], None] = print) -> None:
        self.client, self.store, self.say = client, store, say

    def deploy(self, path: Path) -> None:
        """Replace the version that serves by the one in `path`. Raises DeploymentError, ArchiveError, ServiceError."""
        with self.store.locked():
            self._refuse_beside_canary()
            self._replace(archive_file.read(path), is_rollback=False)

    def rollback(self) -> None:
        """Bring back the version that was deployed before this one; once more, and this one is back."""
        with self.store.locked():
            self._refuse_beside_canary()
            deployed = self.store.deployed(MODEL)
            if deployed is None or deployed.previous is None:
                raise DeploymentError("nothing was deployed before what serves now, so there is no way back")
            self._replace(self.store.archive(deployed.previous), is_rollback=True)

    def _replace(self, archive: Archive, *, is_rollback: bool) -> None:
        check_model(archive)
        old = self.serving_version()
        if archive.version == old:
            return self._finish(old)
        kept_old = self.kept(old)
        archive = self.store.keep(archive)
        with self.registered(archive, old):
            self.check(archive.version, None if is_rollback else old)
            self.switch(archive.version, old, Deployed(archive.path.name, previous=kept_old.path.name))
        self.say(f"{MODEL} {archive.version} answers now; `rollback` brings {old} back")
        self.remove(old)
        return None

    def _finish(self, version: str) -> None:
        """End what an interrupted deployment left behind."""
        others = [v for v in self.versions() if v != version]
        for other in others:
            self.remove(other)
        if not others:
            raise DeploymentError(f"{MODEL} {version} serves already; a new archive needs a new version")

    def versions(self) -> list[str]:
        return [str(description["modelVersion"]) for description in self.client.describe_all(MODEL)]

    def serving_version(self) -> str:
        """The version that answers where none is named."""
        return str(self.client.describe(MODEL)["modelVersion"])

    def kept(self, version: str) -> Archive:
        """Make sure that the store has the archive of a version that serves: without it there is no way back."""
        url = Path(str(self.client.describe(MODEL, version)["modelUrl"])).name
        archive = self.store.archive(url)
        if (archive.model, archive.version) != (MODEL, version):
            raise DeploymentError(
                f"{archive.path} now holds {archive.model} {archive.version}, not the {version} that serves, so there "
                "would be no way back; put it back, or restart the server to serve what is there"
            )
        return self.store.keep(archive)

    @contextlib.contextmanager
    def registered(self, archive: Archive, old: str) -> Iterator[None]:
        """Register a version and wait for its workers; if the block fails, or is interrupted, remove it again."""
        preflight.check_memory_for_workers(len(self.client.describe(MODEL, old)["workers"]))
        if archive.version in self.versions():
            self._unregister(archive.version)  # an interrupted deployment's
        began = time.monotonic()
        try:
            self.client.register(archive.path.name)
            self.say(f"{MODEL} {archive.version} is ready beside {old} after {time.monotonic() - began:.1f} s")
            yield
        except BaseException as error:
            self._take_back(archive.version, old, error)
            raise

    def check(self, version: str, before: str | None) -> None:
        """Let both versions read the golden digits. Raises DeploymentError."""
        try:
            right = golden_set.count_right(self.client, version)
            right_before = golden_set.count_right(self.client, before) if before else None
            golden_set.check(version, right, right_before)
        except golden_set.GoldenError as error:
            raise DeploymentError(str(error)) from error
        beside = f", {before} {right_before}" if before else ""
        self.say(f"{MODEL} {version} reads {right} of 200 golden digits right{beside}")

    def switch(self, new: str, old: str, deployed: Deployed) -> None:
        """Let `new` answer, and remember it; where it cannot be remembered, `old` answers again."""
        self.client.set_default(MODEL, new)
        try:
            self.store.write(MODEL, deployed)
        except BaseException:
            self.client.set_default(MODEL, old)
            raise

    def remove(self, version: str) -> None:
        """Unregister a version that gets no more requests, once it has answered all that it got."""
        if not drain(self.client, MODEL, version):
            raise DeploymentError(
                f"{version} gets no new requests and has not answered all of its own yet, so it stays registered; "
                "the same command again ends it"
            )
        self._unregister(version)
        self.say(f"{MODEL} {version} has answered all that it was asked, and is removed")

    def _take_back(self, version: str, old: str, error: BaseException) -> None:
        """Leave nothing of a version that did not make it."""
        with contextlib.suppress(ServiceError):
            if self.serving_version() != version:
                self._unregister(version)
        if isinstance(error, (ServiceError, DeploymentError)):
            raise DeploymentError(f"{error}, so {old} serves on") from error
        if isinstance(error, KeyboardInterrupt):
            self.say(f"interrupted: {version} is removed, {old} serves on")

    def _unregister(self, version: str) -> None:
        """Unregister a version, also one whose registration is still under way."""
        deadline = time.monotonic() + UNREGISTER_TIMEOUT_S
        while version in self.versions():
            try:
                self.client.unregister(MODEL, version)
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _refuse_beside_canary(self) -> None:
        deployed = self.store.deployed(MODEL)
        if deployed and deployed.canary:
            raise DeploymentError(f"{deployed.canary} is a canary; {END_CANARY}")


def check_model(archive: Archive) -> None:
    """Raise DeploymentError for an archive of a model that there are no golden digits for."""
    if archive.model != MODEL:
        raise DeploymentError(
            f"{archive.path} holds {archive.model}, and golden digits are there for {MODEL} alone; "
            "`register` takes other models, unchecked"
        )
