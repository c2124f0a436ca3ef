"""What a model archive says of itself, and whether TorchServe may be given it at all.

To register an archive is to run its code, so this keeps accidents out, not enemies: files cut short, that are no
archives, that would fill the disk or the memory when unpacked, or lie outside the folder that they are unpacked into.
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

MANIFEST = "MAR-INF/MANIFEST.json"
UNPACKED_LIMIT_MB = 2048
MANIFEST_LIMIT_MB = 1
REMEDY = "build it with `make archive`"


class ArchiveError(RuntimeError):
    """Why this file is no archive that could be served; the message is one sentence."""


@dataclass(frozen=True)
class Archive:
    """A sound archive: where it is, and the model and version that it holds."""

    path: Path
    model: str
    version: str

    @property
    def kept_name(self) -> str:
        """The file name that no other version has."""
        return f"{self.model}-{self.version}.mar"


def kept_version(name: str) -> str:
    """Say which version an archive is of, by the name under which the store keeps it."""
    return name.partition("-")[2].removesuffix(".mar")


def read(path: Path) -> Archive:
    """Check `path` from its first byte to its last. Raises ArchiveError."""
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
        missing = _named(manifest) - names
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"{path} is not a model archive ({error}); {REMEDY}") from error
    except OSError as error:  # also what comes of damaged offsets
        raise ArchiveError(f"{path} cannot be read ({error}); {REMEDY}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"{path} has no manifest that names a model and a version; {REMEDY}") from error
    if missing:
        raise ArchiveError(f"{path} lacks {', '.join(sorted(missing))}, which its manifest names; {REMEDY}")
    if not re.fullmatch(r"[A-Za-z0-9_]+", model) or not re.fullmatch(r"\d+(\.\d+)*", version):
        raise ArchiveError(f"{path} holds {model!r} {version!r}, which is not a name and a version such as mnist 2.0")
    return Archive(path, model, version)


def _named(manifest: Mapping[str, Any]) -> set[str]:
    """The files that a manifest says are there; a handler without .py is one of TorchServe's own."""
    handler, weights = str(manifest.get("handler", "")).partition(":")[0], str(manifest.get("serializedFile", ""))
    return {weights} - {""} | ({handler} if handler.endswith(".py") else set())


def _check_members(path: Path, packed: zipfile.ZipFile) -> None:
    members = packed.infolist()
    unpacked_mb = sum(member.file_size for member in members) // 2**20
    if unpacked_mb > UNPACKED_LIMIT_MB:
        raise ArchiveError(f"{path} unpacks to {unpacked_mb} MB; at most {UNPACKED_LIMIT_MB} MB are taken")
    seen = set()
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            raise ArchiveError(f"{path} holds {member.filename}, which would be unpacked outside its folder; {REMEDY}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ArchiveError(f"{path} holds {member.filename}, a link; archives hold files alone; {REMEDY}")
        if name in seen:
            raise ArchiveError(f"{path} holds {member.filename} twice; {REMEDY}")
        if str(name) == MANIFEST and member.file_size > MANIFEST_LIMIT_MB << 20:
            raise ArchiveError(f"{path} has a manifest of more than {MANIFEST_LIMIT_MB} MB; {REMEDY}")
        seen.add(name)
