"""The patches of TorchServe's Java frontend: one version only, only the intended bytes, and a switch.

tests/server/test_requests.py and tests/faults/test_workers.py test their effect.
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
        for patch in PATCHES:
            jar.writestr(patch.class_name, class_file)
    return folder


def test_each_class_differs_only_where_it_is_patched(tmp_path: Path) -> None:
    assert write_patched_classes(HOME, tmp_path, {})
    with zipfile.ZipFile(HOME / "ts/frontend/model-server.jar") as jar:
        for patch in PATCHES:
            original, patched = jar.read(patch.class_name), (tmp_path / patch.class_name).read_bytes()
            if isinstance(patch.apply, partial):
                old, new = patch.apply.keywords["old"], patch.apply.keywords["new"]
                assert len(patched) - len(original) == len(new) - len(old)
                assert old.encode() not in patched
            assert patched != original


def test_each_patch_has_a_reason_and_a_class_of_its_own() -> None:
    assert all(patch.reason for patch in PATCHES)
    assert len({patch.class_name for patch in PATCHES}) == len(PATCHES)


def test_another_torchserve_is_left_alone(tmp_path: Path) -> None:
    home = pretend_home(tmp_path / "home", "0.13.0", b"")
    assert not write_patched_classes(home, tmp_path / "target", {})
    assert not (tmp_path / "target").exists()


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    assert not write_patched_classes(HOME, tmp_path / "target", {"SERVING_FRONTEND_PATCH": "false"})
    assert not (tmp_path / "target").exists()
    assert write_patched_classes(HOME, tmp_path / "target", {"SERVING_FRONTEND_PATCH": "true"})


def test_a_class_that_is_not_the_known_one_is_not_patched(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in this class exactly once"):
        write_patched_classes(pretend_home(tmp_path / "home", "0.12.0", b"else"), tmp_path / "target", {})
