"""Read a model archive's name and version, and refuse archives that TorchServe must not load.

Registering an archive runs its code, so these checks keep out accidents, not attackers: truncated files, files that are
not archives, and archives that would fill the disk or memory, or write outside their folder, when unpacked.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import UserError

MANIFEST = "MAR-INF/MANIFEST.json"
UNPACKED_LIMIT_MB = 2048
MANIFEST_LIMIT_MB = 1
REMEDY = "build it with `make archive`"


class ArchiveError(UserError):
    """An archive cannot be served; the message is one sentence."""


@dataclass(frozen=True)
class Archive:
    """A valid archive: its path, and the model and version that it holds."""

    path: Path
    model: str
    version: str

    @property
    def versioned_filename(self) -> str:
        """The archive's file name in the store, which no other version has."""
        return f"{self.model}-{self.version}.mar"


def version_of(name: str) -> str:
    """Return the version in a `versioned_filename`."""
    return name.partition("-")[2].removesuffix(".mar")


def read(path: Path) -> Archive:
    """Check every byte of the archive `path`. Raises ArchiveError."""
    if not path.is_file():
        raise ArchiveError(f"there is no {path}; {REMEDY}")
    try:
        with zipfile.ZipFile(path) as packed:
            _check_members(path, packed)
            if damaged := packed.testzip():
                raise ArchiveError(f"{path} is damaged at {damaged}; {REMEDY} again")
            names = set(packed.namelist())
            manifest = json.loads(packed.read(MANIFEST))["model"]
        model, version = str(manifest["modelName"]), str(manifest["modelVersion"])
        missing = _manifest_files(manifest) - names
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(f"{path} is not a model archive ({error}); {REMEDY}") from error
    except OSError as error:  # damaged offsets end here too
        raise ArchiveError(f"{path} cannot be read ({error}); {REMEDY}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"{path} has no manifest that names a model and a version; {REMEDY}") from error
    if missing:
        raise ArchiveError(f"{path} lacks {', '.join(sorted(missing))}, which its manifest names; {REMEDY}")
    if not re.fullmatch(r"[A-Za-z0-9_]+", model) or not re.fullmatch(r"\d+(\.\d+)*", version):
        raise ArchiveError(f"{path} holds {model!r} {version!r}, which is not a name and a version such as mnist 2.0")
    return Archive(path, model, version)


def _manifest_files(manifest: Mapping[str, Any]) -> set[str]:
    """Return the files that a manifest names; a handler without .py is built into TorchServe."""
    handler, weights = str(manifest.get("handler", "")).partition(":")[0], str(manifest.get("serializedFile", ""))
    return {weights} - {""} | ({handler} if handler.endswith(".py") else set())


def _check_members(path: Path, packed: zipfile.ZipFile) -> None:
    """Raise ArchiveError for members that are too large, duplicate, links, or outside the archive's folder."""
    members = packed.infolist()
    unpacked_mb = sum(member.file_size for member in members) // 2**20
    if unpacked_mb > UNPACKED_LIMIT_MB:
        raise ArchiveError(f"{path} unpacks to {unpacked_mb} MB; at most {UNPACKED_LIMIT_MB} MB are accepted")
    seen = set()
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            raise ArchiveError(f"{path} holds {member.filename}, which would be unpacked outside its folder; {REMEDY}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ArchiveError(f"{path} holds {member.filename}, a link; an archive may hold files only; {REMEDY}")
        if name in seen:
            raise ArchiveError(f"{path} holds {member.filename} twice; {REMEDY}")
        if str(name) == MANIFEST and member.file_size > MANIFEST_LIMIT_MB << 20:
            raise ArchiveError(f"{path} has a manifest of more than {MANIFEST_LIMIT_MB} MB; {REMEDY}")
        seen.add(name)
