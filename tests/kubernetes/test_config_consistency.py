"""The manifests agree with the images, with compose and with the rest of the project."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
import yaml
from ts.model_server import load_properties

import serving
from model import config
from serving.torchserve import supervisor
from serving.torchserve.ports import HEALTH_PORT
from tests.kubernetes.conftest import MODELS

pytestmark = pytest.mark.scan

DOCKERFILES = {"torchserve": "docker/Dockerfile", "gateway": "docker/gateway/Dockerfile"}


def dockerfile(root, name):
    return (root / DOCKERFILES[name]).read_text()


def ports(parts):
    return {part.get("containerPort", part.get("port")) for part in parts}


def seconds(text):
    return int(text.removesuffix("s"))


def to_mib(size):
    """Convert a size of compose (3g) or of Kubernetes (3Gi) to MiB."""
    number, unit = re.fullmatch(r"(\d+)([gmGM])i?", size).groups()
    return int(number) * (1024 if unit.lower() == "g" else 1)


def to_cores(cpu):
    return int(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_ports_are_those_of_the_image(root, cpu, name):
    exposed = re.search(r"^EXPOSE (.*)", dockerfile(root, name), re.MULTILINE)[1]
    assert ports(cpu.container(name)["ports"]) == {int(port) for port in exposed.split()}


def test_torchserves_ports_are_those_of_config_properties(root, cpu):
    settings = load_properties(str(root / "config.properties"))
    named = {port["name"]: port["containerPort"] for port in cpu.container("torchserve")["ports"]}
    assert named == {
        "inference": urlsplit(settings["inference_address"]).port,
        "metrics": urlsplit(settings["metrics_address"]).port,
        "health": HEALTH_PORT,
    }


def test_the_gateway_discovers_the_service_of_torchserve(root, cpu):
    discovery = (root / "docker/gateway/discover-upstreams").read_text()
    service = cpu.find("Service", re.search(r"TORCHSERVE:-(\w+)", discovery)[1])["spec"]
    assert service["clusterIP"] == "None"
    used = {int(port) for port in re.findall(r"\$address:(\d+)", discovery)}
    assert ports(service["ports"]) == used == {8080, 8090}


def test_the_published_port_is_that_of_compose(cpu, compose):
    (published,) = compose["gateway"]["ports"]
    services = [r["spec"] for r in cpu.all if r["kind"] == "Service" and r["spec"].get("clusterIP") != "None"]
    (service,) = services
    assert ports(service["ports"]) == {int(published.rsplit(":", 1)[1])}


def test_the_network_policies_allow_only_the_ports_in_use(rendered):
    policies = {r["metadata"]["name"]: r["spec"] for r in rendered["monitoring"].all if r["kind"] == "NetworkPolicy"}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert set(policies) == {"deny-all", "torchserve", "gateway", "metrics"}
    (entry,) = policies["torchserve"]["ingress"]
    assert entry["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}]
    to_torchserve, to_dns = policies["gateway"]["egress"]
    assert ports(entry["ports"]) == ports(to_torchserve["ports"]) == {8080, 8090}
    assert ports(to_dns["ports"]) == {53}
    assert ports(policies["gateway"]["ingress"][0]["ports"]) == {8000}
    assert ports(policies["metrics"]["ingress"][0]["ports"]) == {8082, 8001}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_pods_have_the_restrictions_of_compose(root, cpu, compose, name):
    pod, container = cpu.pod(name), cpu.container(name)
    uid, gid = re.search(r"^USER (\d+):(\d+)", dockerfile(root, name), re.MULTILINE).groups()
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(uid),
        "runAsGroup": int(gid),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": compose[name]["read_only"],
        "capabilities": {"drop": compose[name]["cap_drop"]},
        "allowPrivilegeEscalation": "no-new-privileges:true" not in compose[name]["security_opt"],
    }


@pytest.mark.parametrize("name", DOCKERFILES)
def test_memory_limits_are_those_of_compose(cpu, compose, name):
    assert to_mib(cpu.container(name)["resources"]["limits"]["memory"]) == to_mib(compose[name]["mem_limit"])
    (tmpfs,) = compose[name]["tmpfs"]
    volume = next(v["emptyDir"] for v in cpu.pod(name)["volumes"] if v["name"] == "tmp")
    assert volume["medium"] == "Memory"
    assert to_mib(volume["sizeLimit"]) == to_mib(re.search(r"size=(\w+)", tmpfs)[1])


def test_grace_periods_are_those_of_compose(cpu, compose):
    grace = cpu.pod("torchserve")["terminationGracePeriodSeconds"]
    assert grace == seconds(compose["torchserve"]["stop_grace_period"])
    assert grace > supervisor.DRAIN_TIMEOUT_S
    _, pause = cpu.container("gateway")["lifecycle"]["preStop"]["exec"]["command"]
    rest = cpu.pod("gateway")["terminationGracePeriodSeconds"] - int(pause)
    assert rest == seconds(compose["gateway"]["stop_grace_period"])


def test_the_gateways_limits_are_those_of_compose(cpu, compose):
    settings = {variable["name"]: variable["value"] for variable in cpu.container("gateway")["env"]}
    assert settings == {name: str(compose["gateway"]["environment"][name]) for name in settings}


def test_the_api_key_is_mounted_where_the_gateway_reads_it(root, cpu):
    folder = next(m["mountPath"] for m in cpu.container("gateway")["volumeMounts"] if m["name"] == "api-key")
    assert f"{folder}/api_key" in (root / "docker/gateway/entrypoint").read_text()


def test_probes_have_the_timing_of_the_images_health_checks(root, cpu):
    probes = cpu.container("torchserve")
    health = {"interval": "periodSeconds", "timeout": "timeoutSeconds", "retries": "failureThreshold"}
    check = dict(re.findall(r"--([a-z-]+)=(\d+)", dockerfile(root, "torchserve")))
    assert {name: probes["readinessProbe"][field] for name, field in health.items()} == {
        name: int(check[name]) for name in health
    }
    start = probes["startupProbe"]
    assert start["httpGet"] == probes["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "health"}
    assert probes["livenessProbe"]["httpGet"] == {"path": "/live", "port": "health"}
    assert start["periodSeconds"] * start["failureThreshold"] >= int(check["start-period"])
    for model in MODELS:
        settings = yaml.safe_load((root / f"model/{model}/model-config.yaml").read_bytes())
        assert start["periodSeconds"] * start["failureThreshold"] > settings["startupTimeout"]


def test_no_server_stops_before_the_gateways_know_the_new_one(cpu):
    for name in DOCKERFILES:
        assert cpu.find("Deployment", name)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert cpu.find("PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
    assert cpu.find("Deployment", "torchserve")["spec"]["minReadySeconds"] > 30  # the age of a DNS response


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_cpu_request_is_above_the_target_of_the_autoscaler(cpu, name):
    """A pod on a full node gets its request only, and Kubernetes scales at 10 % above the target."""
    (metric,) = cpu.find("HorizontalPodAutoscaler", name)["spec"]["metrics"]
    target = to_cores(metric["resource"]["target"]["averageValue"])
    assert to_cores(cpu.container(name)["resources"]["requests"]["cpu"]) > 1.1 * target


@pytest.mark.parametrize("model", MODELS)
def test_kserve_scales_at_the_same_cpu_usage(cpu, rendered, model):
    (metric,) = cpu.find("HorizontalPodAutoscaler", "torchserve")["spec"]["metrics"]
    kserve = rendered[f"{model}/kserve"]
    (runtime,) = kserve.find("ServingRuntime", "serving-torchserve")["spec"]["containers"]
    (service,) = (r["spec"] for r in kserve.all if r["kind"] == "InferenceService")
    share = service["predictor"]["scaleTarget"] / 100
    assert share * to_cores(runtime["resources"]["requests"]["cpu"]) == to_cores(
        metric["resource"]["target"]["averageValue"]
    )


def test_images_have_the_version_of_the_project(rendered):
    images = set(re.findall(r"'image': '([^']*)'", str([m.all for m in rendered.values()])))
    assert images == {f"serving-{name}:{serving.__version__}" for name in ("torchserve", "gateway", "training")}


def test_the_gpu_settings_are_those_of_compose(root, rendered):
    gpu = rendered["gpu"].container("torchserve")
    compose_gpu = yaml.safe_load((root / "docker/compose.gpu.yaml").read_bytes())["services"]["torchserve"]
    assert {v["name"]: v["value"] for v in gpu["env"]} == compose_gpu["environment"]
    (device,) = compose_gpu["deploy"]["resources"]["reservations"]["devices"]
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == device["count"] == 1


def test_the_overlay_cpu_uses_no_gpu(cpu):
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in cpu.container("torchserve")["env"]


def test_fetched_archives_join_those_of_the_image(root, rendered, cpu):
    pod, served = rendered["fetched"].pod("torchserve"), rendered["fetched"].container("torchserve")
    model_store = load_properties(str(root / "config.properties"))["model_store"]
    (read,) = [mount for mount in served["volumeMounts"] if mount["name"] == "archives"]
    assert (read["mountPath"], read["readOnly"]) == (f"/app/{model_store}", True)
    copy, fetch = pod["initContainers"]
    for container in (copy, fetch):
        assert container["image"] == served["image"]
        assert container["securityContext"] == served["securityContext"]
        (written,) = container["volumeMounts"]
        assert written["name"] == read["name"]
        assert written["mountPath"] == container["command"][-1]
    assert copy["command"][-2] == f"{model_store}/."
    without = [mount for mount in served["volumeMounts"] if mount != read]
    assert {**served, "volumeMounts": without} == cpu.container("torchserve")


@pytest.mark.parametrize("model", MODELS)
def test_the_training_pods_agree_and_only_they_connect(rendered, model):
    training = rendered[f"{model}/training"]
    job, (service,) = training.find("Job", "training")["spec"], [r for r in training.all if r["kind"] == "Service"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    options = dict(re.findall(r"--([a-z-]+)=(\S+)", " ".join(container["args"])))
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == int(options["nnodes"]) == config.load(model).training.nodes
    assert options["master-addr"] == f"training-0.{pod['subdomain']}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["publishNotReadyAddresses"]
    assert service["spec"]["selector"].items() <= job["template"]["metadata"]["labels"].items()
    (policy,) = (r["spec"] for r in training.all if r["kind"] == "NetworkPolicy")
    (peer,) = policy["ingress"][0]["from"]
    assert peer["podSelector"]["matchLabels"] == service["spec"]["selector"]
    assert {"name": "RECIPE", "value": "best"} in container["env"]
    assert f"training.{model}.train" in container["args"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert options["output"] == f"{mounts['weights']}/{model}.pt"
    modes = training.find("PersistentVolumeClaim", "weights")["spec"]["accessModes"]
    assert modes == (["ReadWriteOnce"] if job["completions"] == 1 else ["ReadWriteMany"])
    assert {r["metadata"].get("namespace", r["metadata"]["name"]) for r in training.all} == {f"{model}-training"}
    assert container["securityContext"] == rendered["cpu"].container("torchserve")["securityContext"]


@pytest.mark.parametrize("model", MODELS)
def test_the_service_of_kserve_serves_its_model_by_a_protocol_of_the_runtime(rendered, model):
    kserve = rendered[f"{model}/kserve"]
    runtime = kserve.find("ServingRuntime", "serving-torchserve")["spec"]
    served = kserve.find("InferenceService", model)["spec"]["predictor"]["model"]
    assert served["runtime"] == "serving-torchserve"
    assert served["modelFormat"].items() <= runtime["supportedModelFormats"][0].items()
    assert served["protocolVersion"] in runtime["protocolVersions"]
    assert getattr(config.load(model).protocols, served["protocolVersion"])
    assert served["env"] == [{"name": "TS_LOAD_MODELS", "value": f"{model}.mar"}]


def test_kserve_runs_the_container_of_the_deployment(rendered, cpu):
    (ours,) = rendered[f"{MODELS[0]}/kserve"].find("ServingRuntime", "serving-torchserve")["spec"]["containers"]
    theirs = cpu.container("torchserve")
    assert ports(ours["ports"]) == ports(theirs["ports"])
    assert ours["ports"][0]["containerPort"] == 8080
    for key in ("image", "env", "volumeMounts"):
        assert ours[key] == theirs[key], key
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        named = {**ours[probe], "httpGet": {**ours[probe]["httpGet"], "port": "health"}}
        assert ours[probe]["httpGet"]["port"] == HEALTH_PORT
        assert named == theirs[probe]
    assert ours["resources"]["limits"]["memory"] == theirs["resources"]["limits"]["memory"]
    assert ours["securityContext"] == {**theirs["securityContext"], **cpu.pod("torchserve")["securityContext"]}
