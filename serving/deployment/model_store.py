"""The model store's folder, and `deployed.json` in it: which archive of a model serves, and which served before.

TorchServe's own snapshots are switched off (--no-config-snapshot): it writes one after every change, also in the middle
of a failing deployment, and a snapshot holds the whole configuration, so that config.properties would be ignored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import filecmp
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.deployment import archive_file
from serving.deployment.archive_file import Archive, ArchiveError

STATE = "deployed.json"


@dataclass(frozen=True)
class DeploymentState:
    """File names in the store. `canary` gets `percent` of the requests that name no version (canary.py)."""

    current: str
    previous: str | None = None
    canary: str | None = None
    percent: int = 0

    @property
    def loaded(self) -> list[str]:
        """The archives that TorchServe must load; the first is the default version."""
        return [self.current, *([self.canary] if self.canary else [])]


class ModelStore:
    """Archives in one folder. Only the holder of the lock may write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Exclude other deployments. The lock ends with the process, even a killed one. Raises ArchiveError."""
        if not os.access(self.folder, os.W_OK):
            raise ArchiveError(
                f"{self.folder} is not writable; "
                "in containers, mount a folder that user 1000 may write: MODEL_STORE=folder make up"
            )
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(folder)
            raise ArchiveError(f"another deployment to {self.folder} is under way; wait for its end") from error
        try:
            yield
        finally:
            os.close(folder)

    def archive(self, name: str) -> Archive:
        """Read one of the store's archives. Raises ArchiveError."""
        return archive_file.read(self.folder / name)

    def add(self, archive: Archive) -> Archive:
        """Copy an archive into the store under a file name with its version. Returns the copy.

        Raises ArchiveError when the store has another archive of this version: versions are never overwritten.
        """
        target = self.folder / archive.versioned_filename
        if target.exists():
            if not filecmp.cmp(archive.path, target, shallow=False):
                raise ArchiveError(
                    f"{archive.path} says that it is version {archive.version}, and {target} is another; "
                    "give the new one a version of its own: make archive VERSION=…"
                )
        else:
            unfinished = target.with_name(f".{target.name}.{os.getpid()}")
            try:
                shutil.copyfile(archive.path, unfinished)
                unfinished.replace(target)
            finally:
                unfinished.unlink(missing_ok=True)
        return dataclasses.replace(archive, path=target)

    def state(self, model: str) -> DeploymentState | None:
        """Return the state of `model`, or None when it was never deployed. Raises ArchiveError when it is damaged."""
        return self.states().get(model)

    def states(self) -> dict[str, DeploymentState]:
        """Return the state of every model that was deployed. Raises ArchiveError when the file is damaged."""
        return {model: DeploymentState(**entry) for model, entry in self._read().items()}

    def write(self, model: str, state: DeploymentState) -> None:
        """Write the state of `model` to the disk, whole or not at all. Raises ArchiveError, OSError."""
        self._write(self._read() | {model: dataclasses.asdict(state)})

    def clear(self, model: str) -> None:
        """Forget the state of `model`: a restart loads the archive that config.properties names."""
        self._write({name: entry for name, entry in self._read().items() if name != model})

    def resolve(self, names: Sequence[str]) -> list[str]:
        """Replace each NAME.mar of the configuration by the archives in the state of NAME, where there is one."""
        resolved: list[str] = []
        states = self.states()
        for name in names:
            state = states.get(name.removesuffix(".mar"))
            resolved += state.loaded if state else [name]
        return resolved

    def _write(self, entries: dict[str, dict[str, Any]]) -> None:
        unfinished = self.folder / f".{STATE}.{os.getpid()}"
        try:
            with unfinished.open("w") as file:
                file.write(json.dumps(entries, indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.folder / STATE)
        finally:
            unfinished.unlink(missing_ok=True)

    def _read(self) -> dict[str, dict[str, Any]]:
        path = self.folder / STATE
        try:
            entries = json.loads(path.read_text())
            for entry in entries.values():
                DeploymentState(**entry)
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise ArchiveError(
                f"{path} is damaged; repair it, or remove it to serve the archives that config.properties names"
            ) from error
        return dict(entries)
