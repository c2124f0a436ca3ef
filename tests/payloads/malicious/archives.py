"""Write damaged or malicious archives; each function makes one from a good archive."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from tests.support.archives import MANIFEST, with_changed

MEGABYTE = bytes(1 << 20)
NAME_IN_DIRECTORY, SIZE_IN_DIRECTORY, SIZE_IN_FILE = 46, 24, 22  # APPNOTE.TXT 4.3.7 and 4.3.12


def cut_short(good: Path, target: Path) -> None:
    target.write_bytes(good.read_bytes()[:10_000])


def damaged(good: Path, target: Path) -> None:
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 255
    target.write_bytes(content)


def no_archive(good: Path, target: Path) -> None:  # noqa: ARG001
    target.write_bytes(b"%PDF-1.4 and so on")


def zip_bomb(good: Path, target: Path) -> None:
    """Two megabytes that unpack to more than two gigabytes."""
    _deflated(good, target, megabytes=2100)


def zip_bomb_that_lies(good: Path, target: Path) -> None:
    """One that says it would unpack to ten bytes."""
    _deflated(good, target, megabytes=100)
    with zipfile.ZipFile(target) as archive:
        in_file = archive.getinfo("bomb.bin").header_offset + SIZE_IN_FILE
    content = bytearray(target.read_bytes())
    in_directory = content.rindex(b"bomb.bin") - NAME_IN_DIRECTORY + SIZE_IN_DIRECTORY
    for at in (in_file, in_directory):
        struct.pack_into("<I", content, at, 10)
    target.write_bytes(content)


def _deflated(good: Path, target: Path, megabytes: int) -> None:
    with_changed(good, target, {})
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("bomb.bin", "w", force_zip64=megabytes > 2047) as member:
            for _ in range(megabytes):
                member.write(MEGABYTE)


def path_upwards(good: Path, target: Path) -> None:
    with_changed(good, target, {"../../escaped.py": b"print('out')\n"})


def path_upwards_with_backslashes(good: Path, target: Path) -> None:
    with_changed(good, target, {"..\\..\\escaped.py": b"print('out')\n"})


def absolute_path(good: Path, target: Path) -> None:
    with_changed(good, target, {"/escaped.py": b"print('out')\n"})


def link(good: Path, target: Path) -> None:
    with_changed(good, target, {})
    member = zipfile.ZipInfo("passwords")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(member, "/etc/passwd")


def one_name_twice(good: Path, target: Path) -> None:
    with_changed(good, target, {})
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("handler.py", "class Other: pass\n")


def huge_manifest(good: Path, target: Path) -> None:
    with_changed(good, target, {MANIFEST: b'{"model": "' + b"x" * (20 << 20) + b'"}'})


def deep_manifest(good: Path, target: Path) -> None:
    with_changed(good, target, {MANIFEST: b"[" * 100_000})


def no_manifest(good: Path, target: Path) -> None:
    with zipfile.ZipFile(good) as archive, zipfile.ZipFile(target, "w") as new:
        new.writestr("mnist.pt", archive.read("mnist.pt"))


def manifest_of_nothing(good: Path, target: Path) -> None:
    _with_model(good, target, None)


def manifest_with_a_path_for_a_name(good: Path, target: Path) -> None:
    _with_model(good, target, {"modelName": "../mnist", "modelVersion": "2.0"})


def manifest_that_names_a_file_outside(good: Path, target: Path) -> None:
    _with_model(
        good,
        target,
        {"modelName": "mnist", "modelVersion": "2.0", "handler": "handler.py", "serializedFile": "../mnist.pt"},
    )


def _with_model(good: Path, target: Path, model: object) -> None:
    manifest = {"createdOn": "01/01/2026 00:00:00", "runtime": "python", "archiverVersion": "0.12.0", "model": model}
    with_changed(good, target, {MANIFEST: json.dumps(manifest).encode()})
