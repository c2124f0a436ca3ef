"""`make k8s-generate` writes the files that are committed, and for another model only files of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
import yaml

from kubernetes import generate


def run(root):
    return subprocess.run(
        [sys.executable, "-m", "kubernetes.generate"], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(root, tmp_path):
    """Return a copy of what the generator needs."""
    for folder in ("common", "docker", "kubernetes", "model"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def add_model(root, name, **changes):
    """Add a model that is XOR under another name."""
    facts = yaml.safe_load((root / "model/xor/model.yaml").read_bytes())
    (root / "model" / name).mkdir()
    (root / "model" / name / "model.yaml").write_text(yaml.safe_dump({**facts, "name": name, **changes}))


def test_the_committed_files_are_the_generated_ones(root):
    generated = {path.relative_to(root).as_posix(): content for path, content in generate.files().items()}
    for path, content in generated.items():
        assert (root / path).read_text() == content, path
    committed = {path.relative_to(root).as_posix() for path in (root / "kubernetes/models").rglob("*.yaml")}
    assert committed <= set(generated)


def test_a_new_model_adds_only_its_own_folder(copy):
    before = contents(copy / "kubernetes")
    add_model(copy, "my_shapes", training={"nodes": 3}, protocols={"v1": ["output"]})
    done = run(copy)
    assert (done.returncode, done.stderr) == (0, "")
    after = contents(copy / "kubernetes")
    assert {name: after[name] for name in before} == before
    added = {name: after[name] for name in after.keys() - before.keys()}
    assert all(name.startswith("models/my_shapes/") for name in added)
    service = yaml.safe_load(added["models/my_shapes/kserve/service.yaml"])
    assert service["metadata"]["name"] == "my-shapes"
    assert service["spec"]["predictor"]["model"]["protocolVersion"] == "v1"
    job = yaml.safe_load(added["models/my_shapes/training/job.yaml"])["spec"]
    assert job["completions"] == 3
    assert job["template"]["spec"]["containers"][0]["args"][-2:] == [
        "training.my_shapes.train",
        "--output=/weights/my_shapes.pt",
    ]


@pytest.mark.parametrize("name", ["shapes_", "s" * 39])
def test_a_name_that_kubernetes_refuses_is_said(copy, name):
    add_model(copy, name)
    done = run(copy)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: the model {name} ")
    assert not (copy / "kubernetes/models" / name).exists()
