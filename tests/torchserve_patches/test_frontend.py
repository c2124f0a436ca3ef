"""The patch of TorchServe's frontend is for one version only.

What it does is in tests/server/test_requests.py and tests/faults/test_workers.py.
"""

from __future__ import annotations

import importlib.metadata
import zipfile
from functools import partial
from pathlib import Path

import pytest

from torchserve_patches.frontend import PATCHES, write_patched_classes

HOME = Path(str(importlib.metadata.distribution("torchserve").locate_file("")))


def pretend_home(folder: Path, version: str, class_file: bytes) -> Path:
    """Lay out a TorchServe of some version whose classes are all `class_file`."""
    (folder / "ts/frontend").mkdir(parents=True)
    (folder / "ts/version.txt").write_text(version)
    with zipfile.ZipFile(folder / "ts/frontend/model-server.jar", "w") as jar:
        for name in PATCHES:
            jar.writestr(name, class_file)
    return folder


def test_each_class_differs_in_what_is_mended_only(tmp_path: Path) -> None:
    assert write_patched_classes(HOME, tmp_path)
    with zipfile.ZipFile(HOME / "ts/frontend/model-server.jar") as jar:
        for name, patch in PATCHES.items():
            original, patched = jar.read(name), (tmp_path / name).read_bytes()
            if isinstance(patch, partial):
                old, new = patch.keywords["old"], patch.keywords["new"]
                assert len(patched) - len(original) == len(new) - len(old)
                assert old.encode() not in patched
            assert patched != original


def test_another_torchserve_is_left_alone(tmp_path: Path) -> None:
    home = pretend_home(tmp_path / "home", "0.13.0", b"")
    assert not write_patched_classes(home, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_class_that_is_not_the_known_one_is_not_patched(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in this class exactly once"):
        write_patched_classes(pretend_home(tmp_path / "home", "0.12.0", b"else"), tmp_path / "target")
