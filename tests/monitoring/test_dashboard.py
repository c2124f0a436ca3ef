"""Grafana can load the dashboard, and all queries are of metrics that exist."""

from __future__ import annotations

import importlib
import itertools
import json
import re

import pytest
import yaml

from handlers.metrics import OUTCOMES
from tests.monitoring.definitions import ALERTS, DASHBOARD, MONITORING, PANELS, VARIABLES, queries

MODULES = ("cog.plugins", "cog.encoder", "models.dashboard")
WORDS = "absent and ceil clamp_max count group_left histogram_quantile ignoring increase max or rate sum vector"


def test_all_queries_use_the_provisioned_data_source():
    (source,) = yaml.safe_load((MONITORING / "grafana/datasources/prometheus.yaml").read_bytes())["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    for panel in PANELS:
        assert panel["datasource"] == expected, panel["title"]
        assert all(target["datasource"] == expected for target in panel["targets"]), panel["title"]
    for variable in DASHBOARD["templating"]["list"] + DASHBOARD["annotations"]["list"]:
        assert variable["datasource"] == expected


def test_grafanas_types_read_the_dashboard_without_loss():
    sdk = "grafana_foundation_sdk"
    pytest.importorskip(sdk, reason=f"{sdk} is for Python 3.11 and newer")
    plugins, encoder, models = (importlib.import_module(f"{sdk}.{m}") for m in MODULES)
    plugins.register_default_plugins()
    read = json.loads(encoder.JSONEncoder().encode(models.Dashboard.from_json(DASHBOARD)))
    (annotation,) = DASHBOARD["annotations"]["list"]
    # The types lack two fields that belong to the Prometheus data source.
    (read_annotation,) = read["annotations"]["list"]
    read_annotation |= {name: annotation[name] for name in ("titleFormat", "textFormat")}
    assert not lost(DASHBOARD, read)


def lost(ours, read, path=""):
    """Return the paths in `ours` that `read` lacks or changes; `read` may have more, such as defaults."""
    if isinstance(ours, dict) and isinstance(read, dict):
        return [p for name in ours for p in lost(ours[name], read.get(name), f"{path}.{name}")]
    if isinstance(ours, list) and isinstance(read, list) and len(ours) == len(read):
        return [p for i, (a, b) in enumerate(zip(ours, read, strict=True)) for p in lost(a, b, f"{path}[{i}]")]
    return [] if ours == read else [path]


def test_grafana_knows_the_schema():
    assert 36 <= DASHBOARD["schemaVersion"] <= 42
    assert re.fullmatch(r"[\w-]{1,40}", DASHBOARD["uid"])
    assert {panel["type"] for panel in DASHBOARD["panels"]} <= {"row", "stat", "timeseries"}
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"]
        assert {"defaults", "overrides"} == set(panel["fieldConfig"])
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0


def test_panels_have_unique_ids_and_do_not_overlap():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
    for a, b in itertools.combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (a, b)


def test_all_queries_are_of_metrics_that_exist(root):
    declared = yaml.safe_load((root / "serving/torchserve/metrics.yaml").read_bytes())
    types = [type_ for section in ("ts_metrics", "model_metrics") for type_ in declared[section].values()]
    existing = {metric["name"] for type_ in types for metric in type_} | {"up", "ALERTS"}
    existing |= set(re.findall(r"gateway_\w+", (root / "docker/gateway/export-metrics").read_text()))
    existing |= {"gateway_request_duration_seconds_bucket"}
    for expression in [*queries(), *(rule["expr"] for rule in ALERTS.values())]:
        bare = re.sub(r'\{[^}]*\}|\[\w+\]|"[^"]*"|(?:by|ignoring|group_left) ?\([^)]*\)', "", expression)
        used = set(re.findall(r"[a-zA-Z_]\w*", bare)) - {*WORDS.split(), "e6"}  # of 1e6
        assert used, expression
        assert used <= existing, expression


def test_all_queries_use_labels_that_exist(root):
    declared = yaml.safe_load((root / "serving/torchserve/metrics.yaml").read_bytes())["model_metrics"]
    labels = {metric["name"]: set(metric["dimensions"]) for type_ in declared.values() for metric in type_}
    for expression in [*queries(), *(rule["expr"] for rule in ALERTS.values())]:
        for name, selector in re.findall(r"(handler_\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)!?[=~]", selector)) <= labels[name], expression
        used = re.findall(r"handler_\w+", expression)
        for group in re.findall(r"(?:by|ignoring) ?\(([^)]*)\)", expression) if used else ():
            assert set(group.split(", ")) <= {"instance"}.union(*(labels[name] for name in used)), expression
        for outcomes in re.findall(r'outcome!?[=~]+"([\w|]+)"', expression):
            assert set(outcomes.split("|")) <= set(OUTCOMES), expression


def test_every_expression_is_promql(promtool, tmp_path):
    rules = [{"record": f"query:{i}", "expr": expression} for i, expression in enumerate(queries())]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", "--lint=none", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_know_every_variable():
    used = set(re.findall(r"\$\w+", json.dumps([panel["targets"] for panel in PANELS])))
    named = {f"${variable['name']}" for variable in DASHBOARD["templating"]["list"]}
    assert used == set(VARIABLES)
    assert named == set(VARIABLES) - {"$__rate_interval"}
