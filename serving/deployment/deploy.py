"""Deploy a version: register it beside the old one, check it, make it the default, drain the old one; or roll back.

tsctl deploy model_store/mnist-2.0.mar
tsctl rollback

The old version serves until the new one has passed the golden set, and its archive stays in the store. A failure before
that changes nothing. A rollback needs no second copy in memory, and works after a restart too.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from common.errors import UserError
from model import config
from serving.client import Client, ServiceError
from serving.deployment import archive_file
from serving.deployment.archive_file import Archive
from serving.deployment.draining import drain
from serving.deployment.golden_set import GoldenError, GoldenSet
from serving.deployment.model_store import DeploymentState, ModelStore
from serving.torchserve import preflight

UNREGISTER_TIMEOUT_S = 60.0
NO_ROLLBACK = "no version was deployed before the current one, so there is no rollback"


class DeploymentError(UserError):
    """A version was not deployed; the message is one sentence that names the version that serves."""


class Deployment:
    """Changes the versions of `model` that one TorchServe serves, and records them in the store.

    `log` gets progress messages. Raises ModelConfigError for a model without a model.yaml.
    """

    def __init__(self, client: Client, store: ModelStore, model: str, log: Callable[[str], None] = print) -> None:
        self.client, self.store, self.model, self.log = client, store, model, log
        self.config = config.load(model)

    def deploy(self, path: Path) -> None:
        """Replace the default version by the archive `path`. Raises DeploymentError, ArchiveError, ServiceError."""
        with self.store.lock():
            self.refuse_beside_canary()
            self._replace(self.read(path), is_rollback=False)

    def rollback(self) -> None:
        """Go back to the version deployed before; a second rollback undoes the first. Raises like `deploy`."""
        with self.store.lock():
            self.refuse_beside_canary()
            state = self.store.state(self.model)
            if state is None or state.previous is None:
                raise DeploymentError(f"{self.model}: {NO_ROLLBACK}")
            self._replace(self.store.archive(state.previous), is_rollback=True)

    def _replace(self, archive: Archive, *, is_rollback: bool) -> None:
        old = self.default_version()
        if archive.version == old:
            return self._finish(old)
        stored_old = self.ensure_stored(old)
        archive = self.store.add(archive)
        with self.registration(archive, old):
            self.check(archive.version, None if is_rollback else old)
            self.switch(archive.version, old, DeploymentState(archive.path.name, previous=stored_old.path.name))
        self.log(f"{self.model} {archive.version} answers now; `rollback {self.model}` brings {old} back")
        self.remove(old)
        return None

    def _finish(self, version: str) -> None:
        """Complete an interrupted deployment of the version that already serves."""
        others = [v for v in self.versions() if v != version]
        for other in others:
            self.remove(other)
        if not others:
            raise DeploymentError(f"{self.model} {version} serves already; a new archive needs a new version")

    def versions(self) -> list[str]:
        return [str(description["modelVersion"]) for description in self.client.describe_all(self.model)]

    def default_version(self) -> str:
        """Return the version that answers requests without a version."""
        return str(self.client.describe(self.model)["modelVersion"])

    def ensure_stored(self, version: str) -> Archive:
        """Make sure that the store has the archive of a registered version, which a rollback needs. Returns it."""
        url = Path(str(self.client.describe(self.model, version)["modelUrl"])).name
        archive = self.store.archive(url)
        if (archive.model, archive.version) != (self.model, version):
            raise DeploymentError(
                f"{archive.path} now holds {archive.model} {archive.version}, not the {version} that serves, so a "
                "rollback would be impossible; put it back, or restart the server to serve the archive in its place"
            )
        return self.store.add(archive)

    def read(self, path: Path) -> Archive:
        """Read an archive of the model. Raises ArchiveError, DeploymentError."""
        archive = archive_file.read(path)
        if archive.model != self.model:
            raise DeploymentError(f"{path} holds {archive.model}, not {self.model}")
        return archive

    @contextlib.contextmanager
    def registration(self, archive: Archive, old: str) -> Iterator[None]:
        """Register a version and wait for its workers; if the block fails or is interrupted, unregister it."""
        preflight.check_memory_for_workers(len(self.client.describe(self.model, old)["workers"]))
        if archive.version in self.versions():
            self._unregister(archive.version)  # left by an interrupted deployment
        began = time.monotonic()
        try:
            self.client.register(archive.path.name)
            self.log(f"{self.model} {archive.version} is ready beside {old} after {time.monotonic() - began:.1f} s")
            yield
        except BaseException as error:
            self._undo(archive.version, old, error)
            raise

    def check(self, version: str, before: str | None) -> None:
        """Send the golden set to `version`, and to the version `before` to compare. Raises DeploymentError."""
        try:
            golden = GoldenSet(self.config)
            correct = golden.count_correct(self.client, version)
            correct_before = golden.count_correct(self.client, before) if before else None
            golden.check(version, correct, correct_before)
        except GoldenError as error:
            raise DeploymentError(str(error)) from error
        comparison = f", {before} {correct_before}" if before else ""
        self.log(f"{self.model} {version} predicts {golden.describe(correct)}{comparison}")

    def switch(self, new: str, old: str, state: DeploymentState) -> None:
        """Make `new` the default and write `state`; if that cannot be written, make `old` the default again."""
        self.client.set_default(self.model, new)
        try:
            self.store.write(self.model, state)
        except BaseException:
            self.client.set_default(self.model, old)
            raise

    def remove(self, version: str) -> None:
        """Unregister a version that gets no new requests, once it has answered all. Raises DeploymentError if not."""
        if not drain(self.client, self.model, version):
            raise DeploymentError(
                f"{version} gets no new requests but has not answered all of its own yet, so it stays registered; "
                "run the same command again to remove it"
            )
        self._unregister(version)
        self.log(f"{self.model} {version} has answered all its requests, and is removed")

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
                self.client.unregister(self.model, version)
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def refuse_beside_canary(self, except_for: str | None = None) -> None:
        """Raise DeploymentError when there is a canary, other than the archive `except_for`."""
        state = self.store.state(self.model)
        if state and state.canary not in (None, except_for):
            name = self.model
            raise DeploymentError(
                f"{state.canary} is a canary; end it with `canary promote {name}` or `canary abort {name}`"
            )


def model_in(path: Path) -> str:
    """Return the model in an archive. Raises ArchiveError, and DeploymentError for one that has no model.yaml here."""
    archive = archive_file.read(path)
    if archive.model not in config.names():
        raise DeploymentError(
            f"{path} holds {archive.model}, and there is no {config.FOLDER / archive.model / config.FILE} that names "
            "its golden set; `register` accepts other models, unchecked"
        )
    return archive.model


def choose_model(models: Collection[str], if_none: str) -> str:
    """Return the only one of the models that a command may mean. Raises DeploymentError."""
    if not models:
        raise DeploymentError(if_none)
    if len(models) > 1:
        raise DeploymentError(f"the command does not say which model it is for; name one: {', '.join(sorted(models))}")
    return next(iter(models))
