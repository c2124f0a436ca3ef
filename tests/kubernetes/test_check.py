"""`make k8s-check` accepts our manifests, and rejects invalid and insecure ones."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from tests.containers.conftest import scanner
from tests.kubernetes.conftest import MODELS, OVERLAYS

pytestmark = pytest.mark.scan

# Kinds of the Prometheus operator and of KServe.
CUSTOM_KINDS = {"PodMonitor", "PrometheusRule", "ServingRuntime", "InferenceService"}


def check(root, *folder):
    return subprocess.run([root / "kubernetes/check", *folder], capture_output=True, text=True, check=False)


def validate(file, *options):
    command = [scanner("kubernetes-validate"), "--strict", *options, file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def check_changed(root, tmp_path):
    """Return a function that checks one overlay of a copy in which `new` replaces `old` in a file."""

    def run(overlay, name, old, new):
        shutil.copytree(root / "kubernetes", tmp_path / "kubernetes")
        for other in {*OVERLAYS} - {overlay}:
            shutil.rmtree(tmp_path / "kubernetes/overlays" / other)
        if not overlay.startswith("models/"):
            shutil.rmtree(tmp_path / "kubernetes/models")
        file = tmp_path / "kubernetes" / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        return check(root, tmp_path / "kubernetes")

    return run


def test_our_manifests_are_accepted(root):
    scanner("trivy")
    done = check(root)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in (*OVERLAYS, *(f"{model}-training" for model in MODELS), *(f"{model}-kserve" for model in MODELS)):
        assert f"{name}.yaml" in done.stdout


def test_a_misspelt_probe_is_rejected_by_its_name(check_changed):
    done = check_changed("cpu", "base/torchserve.yaml", "readinessProbe:", "readinesProbe:")
    assert done.returncode != 0
    assert "readinesProbe" in done.stdout + done.stderr


def test_an_unknown_kind_is_rejected_by_its_name(check_changed):
    done = check_changed("gpu", "overlays/gpu/gpu.yaml", "kind: HorizontalPodAutoscaler", "kind: HorizontalPodScaler")
    assert done.returncode != 0
    assert "HorizontalPodScaler" in done.stdout + done.stderr


def test_a_pod_with_a_writable_root_is_rejected(check_changed):
    done = check_changed("cpu", "base/gateway.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    assert done.returncode == 1
    assert "readOnlyRootFilesystem" in done.stdout


def test_a_fault_in_the_folder_of_a_model_is_found(check_changed):
    done = check_changed("models/xor", "models/xor/training/job.yaml", "completions:", "completion:")
    assert done.returncode != 0
    assert "completion" in done.stdout + done.stderr


def test_all_kinds_but_custom_ones_are_validated(rendered, tmp_path):
    for name, manifests in rendered.items():
        own = [r for r in manifests.all if r["kind"] not in CUSTOM_KINDS]
        file = tmp_path / f"{name.replace('/', '-')}.yaml"
        file.write_text(yaml.safe_dump_all(own))
        done = validate(file)
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("passed for resource") == len(own), done.stdout


def test_the_pod_of_kserve_is_valid(rendered, tmp_path):
    spec = rendered[f"{MODELS[0]}/kserve"].find("ServingRuntime", "serving-torchserve")["spec"]
    pod = {key: spec[key] for key in ("containers", "volumes")}
    resource = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "runtime"}, "spec": pod}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(resource))
    done = validate(tmp_path / "pod.yaml")
    assert done.returncode == 0, done.stdout
