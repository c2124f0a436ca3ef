"""Prometheus has the same alerts and targets in Kubernetes as in compose; the autoscaler finds its metric."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.monitoring.definitions import ALERTS, MONITORING

pytestmark = pytest.mark.scan


def adapter_rule(root):
    values = yaml.safe_load((root / "kubernetes/overlays/monitoring/adapter-values.yaml").read_bytes())
    (rule,) = values["rules"]["external"]
    return rule


def replace_line_breaks(spec):
    """Replace line breaks by blanks: kustomize adds one to a folded text."""
    return json.loads(re.sub(r"(\\n|\s)+", " ", json.dumps(spec)))


def test_alerts_are_those_of_compose(rendered):
    alerts = yaml.safe_load((MONITORING / "alerts.yaml").read_bytes())
    rule = rendered["monitoring"].find("PrometheusRule", "serving")
    assert replace_line_breaks(rule["spec"]) == replace_line_breaks(alerts)


def test_jobs_have_the_names_that_the_alerts_use(rendered):
    expected = {job for rule in ALERTS.values() for job in re.findall(r'job="(\w+)"', rule["expr"])}
    jobs = set()
    for monitor in (r["spec"] for r in rendered["monitoring"].all if r["kind"] == "PodMonitor"):
        label = monitor["jobLabel"]
        name = monitor["selector"]["matchLabels"][label]
        template = rendered["monitoring"].find("Deployment", name)["spec"]["template"]
        assert template["metadata"]["labels"][label] == name
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert endpoint["port"] in {p["name"] for p in rendered["monitoring"].container(name)["ports"]}
        jobs.add(name)
    assert jobs == expected


def test_the_scrape_interval_is_that_of_compose(rendered):
    settings = yaml.safe_load((MONITORING / "prometheus.yaml").read_bytes())["global"]
    for monitor in (r["spec"] for r in rendered["monitoring"].all if r["kind"] == "PodMonitor"):
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert endpoint["interval"] == settings["scrape_interval"]
        assert endpoint["scrapeTimeout"] == settings["scrape_timeout"]


def test_the_autoscaler_uses_the_metric_of_the_adapter(root, rendered):
    scaler = rendered["monitoring"].find("HorizontalPodAutoscaler", "torchserve")["spec"]
    cpu, queue = scaler["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    assert queue["external"]["metric"]["name"] == adapter_rule(root)["name"]["as"]


def test_the_adapter_and_the_alert_use_the_same_metrics(root, promtool, tmp_path):
    query = adapter_rule(root)["metricsQuery"].replace("<<.LabelMatchers>>", 'namespace="serving"')
    assert set(re.findall(r"ts_\w+", query)) == set(re.findall(r"ts_\w+", ALERTS["HighQueueTime"]["expr"]))
    rules = {"groups": [{"name": "adapter", "rules": [{"record": "queue", "expr": query}]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    done = promtool("check", "rules", "--lint=none", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
