"""Deploy a version: register it beside the old one, check it, make it the default, drain the old one; or roll back.

tsctl deploy model_store/mnist-2.0.mar
tsctl rollback

The old version serves until the new one has passed the golden set, and its archive stays in the store. A failure before
that changes nothing. A rollback needs no second copy in memory, and works after a restart too.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from common.errors import UserError
from serving.client import Client, ServiceError
from serving.deployment import archive_file
from serving.deployment.archive_file import Archive
from serving.deployment.draining import drain
from serving.deployment.golden_set import GoldenError, GoldenSet
from serving.deployment.model_store import DeploymentState, ModelStore
from serving.torchserve import preflight

MODEL = "mnist"  # the only model with a golden set
UNREGISTER_TIMEOUT_S = 60.0
END_CANARY = "end it with `canary promote` or `canary abort`"


class DeploymentError(UserError):
    """A version was not deployed; the message is one sentence that names the version that serves."""


class Deployment:
    """Changes the versions that one TorchServe serves, and records them in the store. `log` gets progress messages."""

    def __init__(self, client: Client, store: ModelStore, log: Callable[[str], None] = print) -> None:
        self.client, self.store, self.log = client, store, log

    def deploy(self, path: Path) -> None:
        """Replace the default version by the archive `path`. Raises DeploymentError, ArchiveError, ServiceError."""
        with self.store.lock():
            self._refuse_beside_canary()
            self._replace(archive_file.read(path), is_rollback=False)

    def rollback(self) -> None:
        """Go back to the version deployed before; a second rollback undoes the first. Raises like `deploy`."""
        with self.store.lock():
            self._refuse_beside_canary()
            state = self.store.state(MODEL)
            if state is None or state.previous is None:
                raise DeploymentError("no version was deployed before the current one, so there is no rollback")
            self._replace(self.store.archive(state.previous), is_rollback=True)

    def _replace(self, archive: Archive, *, is_rollback: bool) -> None:
        check_model(archive)
        old = self.default_version()
        if archive.version == old:
            return self._finish(old)
        stored_old = self.ensure_stored(old)
        archive = self.store.add(archive)
        with self.registration(archive, old):
            self.check(archive.version, None if is_rollback else old)
            self.switch(archive.version, old, DeploymentState(archive.path.name, previous=stored_old.path.name))
        self.log(f"{MODEL} {archive.version} answers now; `rollback` brings {old} back")
        self.remove(old)
        return None

    def _finish(self, version: str) -> None:
        """Complete an interrupted deployment of the version that already serves."""
        others = [v for v in self.versions() if v != version]
        for other in others:
            self.remove(other)
        if not others:
            raise DeploymentError(f"{MODEL} {version} serves already; a new archive needs a new version")

    def versions(self) -> list[str]:
        return [str(description["modelVersion"]) for description in self.client.describe_all(MODEL)]

    def default_version(self) -> str:
        """Return the version that answers requests without a version."""
        return str(self.client.describe(MODEL)["modelVersion"])

    def ensure_stored(self, version: str) -> Archive:
        """Make sure that the store has the archive of a registered version, which a rollback needs. Returns it."""
        url = Path(str(self.client.describe(MODEL, version)["modelUrl"])).name
        archive = self.store.archive(url)
        if (archive.model, archive.version) != (MODEL, version):
            raise DeploymentError(
                f"{archive.path} now holds {archive.model} {archive.version}, not the {version} that serves, so a "
                "rollback would be impossible; put it back, or restart the server to serve the archive in its place"
            )
        return self.store.add(archive)

    @contextlib.contextmanager
    def registration(self, archive: Archive, old: str) -> Iterator[None]:
        """Register a version and wait for its workers; if the block fails or is interrupted, unregister it."""
        preflight.check_memory_for_workers(len(self.client.describe(MODEL, old)["workers"]))
        if archive.version in self.versions():
            self._unregister(archive.version)  # left by an interrupted deployment
        began = time.monotonic()
        try:
            self.client.register(archive.path.name)
            self.log(f"{MODEL} {archive.version} is ready beside {old} after {time.monotonic() - began:.1f} s")
            yield
        except BaseException as error:
            self._undo(archive.version, old, error)
            raise

    def check(self, version: str, before: str | None) -> None:
        """Send the golden set to `version`, and to the version `before` to compare. Raises DeploymentError."""
        golden = GoldenSet()
        try:
            correct = golden.count_correct(self.client, version)
            correct_before = golden.count_correct(self.client, before) if before else None
            golden.check(version, correct, correct_before)
        except GoldenError as error:
            raise DeploymentError(str(error)) from error
        comparison = f", {before} {correct_before}" if before else ""
        self.log(f"{MODEL} {version} reads {golden.describe(correct)}{comparison}")

    def switch(self, new: str, old: str, state: DeploymentState) -> None:
        """Make `new` the default and write `state`; if that cannot be written, make `old` the default again."""
        self.client.set_default(MODEL, new)
        try:
            self.store.write(MODEL, state)
        except BaseException:
            self.client.set_default(MODEL, old)
            raise

    def remove(self, version: str) -> None:
        """Unregister a version that gets no new requests, once it has answered all. Raises DeploymentError if not."""
        if not drain(self.client, MODEL, version):
            raise DeploymentError(
                f"{version} gets no new requests but has not answered all of its own yet, so it stays registered; "
                "run the same command again to remove it"
            )
        self._unregister(version)
        self.log(f"{MODEL} {version} has answered all its requests, and is removed")

    def _undo(self, version: str, old: str, error: BaseException) -> None:
        """Unregister a version that failed, unless it is the default. Raises DeploymentError with `error`'s reason."""
        with contextlib.suppress(ServiceError):
            if self.default_version() != version:
                self._unregister(version)
        if isinstance(error, (ServiceError, DeploymentError)):
            raise DeploymentError(f"{error}, so {old} serves on") from error
        if isinstance(error, KeyboardInterrupt):
            self.log(f"interrupted: {version} is removed, {old} serves on")

    def _unregister(self, version: str) -> None:
        """Unregister a version, even one whose registration is still under way."""
        deadline = time.monotonic() + UNREGISTER_TIMEOUT_S
        while version in self.versions():
            try:
                self.client.unregister(MODEL, version)
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _refuse_beside_canary(self) -> None:
        state = self.store.state(MODEL)
        if state and state.canary:
            raise DeploymentError(f"{state.canary} is a canary; {END_CANARY}")


def check_model(archive: Archive) -> None:
    """Raise DeploymentError for an archive of a model that has no golden set."""
    if archive.model != MODEL:
        raise DeploymentError(
            f"{archive.path} holds {archive.model}, and only {MODEL} has a golden set; "
            "`register` accepts other models, unchecked"
        )
