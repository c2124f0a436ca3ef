"""`make k8s-check` accepts what is here, and not what Kubernetes would refuse or a stranger would like."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from tests.containers.conftest import scanner

# Of kinds that the cluster learns from others: Prometheus' operator and KServe.
FOREIGN = {"PodMonitor", "PrometheusRule", "ServingRuntime", "InferenceService"}


def check(root, *folder):
    return subprocess.run([root / "kubernetes/check", *folder], capture_output=True, text=True, check=False)


def validate(file, *options):
    command = [scanner("kubernetes-validate"), "--strict", *options, file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def changed(root, tmp_path):
    """Return a function that checks a copy in which a file reads differently."""

    def check_changed(name, old, new):
        shutil.copytree(root / "kubernetes", tmp_path / "kubernetes")
        file = tmp_path / "kubernetes" / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        return check(root, tmp_path / "kubernetes")

    return check_changed


def test_what_is_here_is_accepted(root):
    scanner("trivy")
    done = check(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cpu.yaml fetched.yaml gpu.yaml kserve.yaml monitoring.yaml training.yaml" in done.stdout


def test_a_misspelt_probe_is_refused_by_its_name(changed):
    done = changed("base/torchserve.yaml", "readinessProbe:", "readinesProbe:")
    assert done.returncode != 0
    assert "readinesProbe" in done.stdout + done.stderr


def test_a_resource_that_is_not_there_is_refused_by_its_name(changed):
    done = changed("overlays/gpu/gpu.yaml", "kind: HorizontalPodAutoscaler", "kind: HorizontalPodScaler")
    assert done.returncode != 0
    assert "HorizontalPodScaler" in done.stdout + done.stderr


def test_a_pod_that_could_write_to_its_root_is_refused(changed):
    done = changed("base/gateway.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    assert done.returncode == 1
    assert "readOnlyRootFilesystem" in done.stdout


def test_only_kinds_of_others_are_not_held_against_a_schema(rendered, tmp_path):
    for name, manifests in rendered.items():
        own = [r for r in manifests.all if r["kind"] not in FOREIGN]
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all(own))
        done = validate(file)
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("passed for resource") == len(own), done.stdout


def test_kserves_pod_is_one_that_kubernetes_knows(rendered, tmp_path):
    spec = rendered["kserve"].one("ServingRuntime", "mnist-torchserve")["spec"]
    pod = {key: spec[key] for key in ("containers", "volumes")}
    resource = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "runtime"}, "spec": pod}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(resource))
    done = validate(tmp_path / "pod.yaml")
    assert done.returncode == 0, done.stdout
