"""The model store's folder, and `deployed.json` in it: which archive of a model is served, and which was before.

TorchServe's own snapshots are switched off (--no-config-snapshot): one is written after every change, also in the
middle of a deployment that fails, and holds all of the configuration, so that config.properties would no longer count.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import filecmp
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.deployment import archive_file
from serving.deployment.archive_file import Archive, ArchiveError

STATE = "deployed.json"


@dataclass(frozen=True)
class Deployed:
    """File names in the store. `canary` gets `percent` of the requests that name no version (serving/deployment/canary.py)."""

    current: str
    previous: str | None = None
    canary: str | None = None
    percent: int = 0

    @property
    def loaded(self) -> list[str]:
        """What TorchServe must load; the first answers where no version is named."""
        return [self.current, *([self.canary] if self.canary else [])]


class ModelStore:
    """Archives in one folder. Writing is for whoever holds the lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only deployment. The lock is gone when its process is, however that ended. Raises ArchiveError."""
        if not os.access(self.folder, os.W_OK):
            raise ArchiveError(
                f"{self.folder} cannot be written, so nothing could be kept there; "
                "in containers, MODEL_STORE=folder make up takes a folder that user 1000 may write"
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

    def keep(self, archive: Archive) -> Archive:
        """Put an archive into the store under the name of its version, which is never written over."""
        kept = self.folder / archive.kept_name
        if kept.exists():
            if not filecmp.cmp(archive.path, kept, shallow=False):
                raise ArchiveError(
                    f"{archive.path} says that it is version {archive.version}, and {kept} is another; "
                    "give the new one a version of its own: make archive VERSION=…"
                )
        else:
            unfinished = kept.with_name(f".{kept.name}.{os.getpid()}")
            try:
                shutil.copyfile(archive.path, unfinished)
                unfinished.replace(kept)
            finally:
                unfinished.unlink(missing_ok=True)
        return dataclasses.replace(archive, path=kept)

    def deployed(self, model: str) -> Deployed | None:
        """What was deployed; None where nothing ever was. Raises ArchiveError when that cannot be read."""
        state = self._read().get(model)
        return Deployed(**state) if state else None

    def write(self, model: str, deployed: Deployed | None) -> None:
        """Remember it on the disk, whole or not at all; None is that nothing was ever deployed."""
        others = {name: entry for name, entry in self._read().items() if name != model}
        text = json.dumps(others | ({model: dataclasses.asdict(deployed)} if deployed else {}), indent=2)
        unfinished = self.folder / f".{STATE}.{os.getpid()}"
        try:
            with unfinished.open("w") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.folder / STATE)
        finally:
            unfinished.unlink(missing_ok=True)

    def resolve(self, load_models: str) -> list[str]:
        """Exchange each NAME.mar of the configuration for what was deployed of NAME, where something was."""
        resolved: list[str] = []
        for name in filter(None, (part.strip() for part in load_models.split(","))):
            deployed = self.deployed(name.removesuffix(".mar"))
            resolved += deployed.loaded if deployed else [name]
        return resolved

    def _read(self) -> dict[str, dict[str, Any]]:
        path = self.folder / STATE
        try:
            state = json.loads(path.read_text())
            for entry in state.values():
                Deployed(**entry)
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise ArchiveError(
                f"{path} is damaged; mend it, or remove it to serve what config.properties names"
            ) from error
        return dict(state)
