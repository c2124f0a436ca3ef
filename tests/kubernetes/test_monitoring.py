"""Prometheus asks in Kubernetes what it asks in compose, and the autoscaler gets its answer."""

from __future__ import annotations

import json
import re

import yaml

from tests.monitoring.definitions import ALERTS, MONITORING


def adapter(root):
    values = yaml.safe_load((root / "kubernetes/overlays/monitoring/adapter-values.yaml").read_bytes())
    (rule,) = values["rules"]["external"]
    return rule


def without_line_breaks(spec):
    """Kustomize writes a folded text with one more."""
    return json.loads(re.sub(r"(\\n|\s)+", " ", json.dumps(spec)))


def test_alerts_are_those_of_compose(rendered):
    alerts = yaml.safe_load((MONITORING / "alerts.yaml").read_bytes())
    rule = rendered["monitoring"].one("PrometheusRule", "mnist")
    assert without_line_breaks(rule["spec"]) == without_line_breaks(alerts)


def test_jobs_have_the_names_that_alerts_count_on(rendered):
    counted = {job for rule in ALERTS.values() for job in re.findall(r'job="(\w+)"', rule["expr"])}
    jobs = set()
    for monitor in (r["spec"] for r in rendered["monitoring"].all if r["kind"] == "PodMonitor"):
        label = monitor["jobLabel"]
        name = monitor["selector"]["matchLabels"][label]
        template = rendered["monitoring"].one("Deployment", name)["spec"]["template"]
        assert template["metadata"]["labels"][label] == name
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert endpoint["port"] in {p["name"] for p in rendered["monitoring"].container(name)["ports"]}
        jobs.add(name)
    assert jobs == counted


def test_they_are_asked_as_often_as_in_compose(rendered):
    settings = yaml.safe_load((MONITORING / "prometheus.yaml").read_bytes())["global"]
    for monitor in (r["spec"] for r in rendered["monitoring"].all if r["kind"] == "PodMonitor"):
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert endpoint["interval"] == settings["scrape_interval"]
        assert endpoint["scrapeTimeout"] == settings["scrape_timeout"]


def test_the_autoscaler_asks_for_a_metric_that_the_adapter_makes(root, rendered):
    scaler = rendered["monitoring"].one("HorizontalPodAutoscaler", "torchserve")["spec"]
    cpu, queue = scaler["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    assert queue["external"]["metric"]["name"] == adapter(root)["name"]["as"]


def test_the_adapter_measures_what_the_alert_measures(root, promtool, tmp_path):
    query = adapter(root)["metricsQuery"].replace("<<.LabelMatchers>>", 'namespace="mnist"')
    assert set(re.findall(r"ts_\w+", query)) == set(re.findall(r"ts_\w+", ALERTS["LongQueue"]["expr"]))
    rules = {"groups": [{"name": "adapter", "rules": [{"record": "queue", "expr": query}]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    done = promtool("check", "rules", "--lint=none", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
